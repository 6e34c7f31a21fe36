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
from infusenet.protocol import ONSET_AND_APEX
from infusenet.store import Item, Store


def build(faces: Path, output: Path, recipe: FlowRecipe, *, processes: int = 1) -> None:
    """Write the flow store of a faces store.

    One item per clip, ``flow``: float16 (3, S, S), the flow onset -> apex (f_x, f_y) in px of the
    crop and the strain magnitude, raw. Clips without a face stay listed as failures.

    Raises
    ------
    InputError
        The faces store is unreadable, or a clip's flow is not finite.
    """
    store = Store(faces, "faces")
    fill(
        Path(output),
        stage="flow",
        database=store.database,
        recipe=recipe.as_dict(),
        source=store.as_source,
        clips=[(clip, derived_key(store.keys[clip], recipe.as_dict())) for clip in store.clips],
        work=partial(_work, store, recipe),
        processes=processes,
        upstream_failures=store.failures,
    )


def _work(faces: Store, recipe: FlowRecipe, clips: Sequence[str]) -> Iterator[Item]:
    # Processes share the cores already; the flow's bits do not depend on the thread count.
    cv2.setNumThreads(1)
    for clip in clips:
        onset, apex = faces.read("frames", clip, ONSET_AND_APEX)
        image = optical_flow.flow_image(onset, apex, recipe).astype(np.float16)
        if not np.isfinite(image).all():
            raise InputError("optical flow is not finite; look at the clip's onset and apex frames")
        yield Item({"flow": image}, faces.status[clip])
