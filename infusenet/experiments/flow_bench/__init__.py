"""The flow bench: optical flow against exactly known motion (`benchmarks/flow_truth.py`, `flow_fields.py`)."""

import numpy as np

from infusenet.config.stage_recipes import resolve
from infusenet.preprocess.optical_flow import flow_images

# Settings of the flow stage that are compared; the first is the reference.
SOLVERS = {
    "opencv_tvl1": {"solver": "opencv_tvl1"},
    "spline_tvl1": {"solver": "spline_tvl1"},
    "spline_tvl1x3": {"solver": "spline_tvl1", "frames": 3},
}
# The largest number of apex frames that one of them reads.
APEXES = 3


def flows(solver: str, frames: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Flow images of clips, as the flow stage computes them with a solver of `SOLVERS`.

    ``frames`` are uint8 (N, 1 + APEXES, H, W, 3) RGB: the onset, the apex and the frames after it. Returns float32
    (N, 3, H, W): f_x and f_y in px, and the tensor strain.
    """
    settings = SOLVERS[solver]
    count = settings.get("frames", 1)
    recipe = resolve("flow", {"strain": "tensor", **settings})
    return flow_images(frames[:, 0], frames[:, 1 : 1 + count], recipe, device)
