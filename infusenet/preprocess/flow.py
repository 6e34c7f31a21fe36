"""The flow stage: optical flow and strain of every clip of a faces store."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from infusenet.config.stage_recipes import FlowRecipe
from infusenet.errors import InputError
from infusenet.hashing import derived_key
from infusenet.preprocess import optical_flow
from infusenet.preprocess.build_store import fill
from infusenet.store import Item, Store


def build(faces: Path, output: Path, recipe: FlowRecipe, *, processes: int = 1, device: str = "cpu") -> None:
    """Write the flow store of a faces store.

    One item per clip, ``flow``: float16 (3, S, S), the flow onset -> apex (f_x, f_y) in px of the
    crop and the strain magnitude, raw. Clips without a face stay listed as failures.

    Parameters
    ----------
    processes : number of processes that share the clips; on a GPU a single process computes all of them
    device : "auto" (CUDA where available), "cpu" or "cuda"; for the spline solver, OpenCV's has only the CPU

    Raises
    ------
    InputError
        The faces store is unreadable, or a clip's flow is not finite.
    """
    store = Store(faces, "faces")
    on_gpu = recipe.can_use_gpu and device != "cpu" and _prepare(device).type == "cuda"
    recipe_values = recipe.as_dict()
    fill(
        Path(output),
        stage="flow",
        database=store.database,
        recipe=recipe_values,
        source=store.as_source,
        clips=[(clip, derived_key(store.keys[clip], recipe_values)) for clip in store.clips],
        work=partial(_work, store, recipe, "cuda" if on_gpu else "cpu"),
        processes=1 if on_gpu else processes,
        upstream_failures=store.failures,
    )


def _prepare(device: str):
    # Imported here alone: torch takes seconds to start. OpenCV's solver does without it, and so does a process that
    # leaves the clips to others.
    from infusenet import devices

    return devices.prepare(device, threads=1)


def _work(faces: Store, recipe: FlowRecipe, device: str, clips: Sequence[str]) -> Iterator[Item]:
    # Processes share the cores already; the flow's bits do not depend on the thread count.
    cv2.setNumThreads(1)
    if recipe.can_use_gpu:
        _prepare(device)
    frames = np.stack([faces.read("frames", clip, slots_read(recipe)) for clip in clips])
    for clip, image in zip(clips, images(frames, recipe, device), strict=True):
        yield Item({"flow": checked(image)}, faces.status[clip])


def slots_read(recipe: FlowRecipe) -> slice:
    """The slots of a faces item that the flow is computed from: the onset, the apex and with ``frames: 3`` two more."""
    return slice(0, 1 + (recipe.frames or 1))


def images(frames: np.ndarray, recipe: FlowRecipe, device: str = "cpu") -> np.ndarray:
    """The flow images of some clips as they are stored: float16 (N, 3, S, S), from uint8 (N, K, S, S, 3), the frames
    of `slots_read`."""
    return optical_flow.flow_images(frames[:, 0], frames[:, 1:], recipe, device).astype(np.float16)


def checked(image: np.ndarray) -> np.ndarray:
    """The image; InputError where it is not finite."""
    if not np.isfinite(image).all():
        raise InputError("optical flow is not finite; look at the clip's onset and apex frames")
    return image
