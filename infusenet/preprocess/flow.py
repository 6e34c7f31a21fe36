"""The flow stage: optical flow and strain of every clip of a faces store."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from infusenet.config.stage_recipes import FlowRecipe
from infusenet.errors import InputError
from infusenet.hashing import derived_key
from infusenet.large_imports import first_import_of
from infusenet.preprocess import optical_flow
from infusenet.preprocess.build_store import fill
from infusenet.read_ahead import computed
from infusenet.store import Item, Store

# Pixels of the apexes of one call of the solver: 16 frames of 224 px on a CPU, where more are no quicker, or 64. On a
# GPU each pixel takes about 50 floats.
PIXELS = {"cpu": 16 * 224**2, "cuda": 64 * 224**2}


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
    # Imported here alone: OpenCV's solver does without torch, and so does a process that leaves the clips to others.
    with first_import_of("torch"):
        from infusenet import devices

    return devices.prepare(device, threads=1)


def _work(faces: Store, recipe: FlowRecipe, device: str, clips: Sequence[str]) -> Iterator[Item]:
    # Processes share the cores already; the flow's bits do not depend on the thread count.
    if recipe.can_use_gpu:
        _prepare(device)
    if recipe.needs_opencv:
        import cv2

        cv2.setNumThreads(1)
    on_gpu = device == "cuda"
    results = computed(
        (faces.read("frames", clip, slots_read(recipe)) for clip in clips),
        size=lambda frames: frames[1:, ..., 0].size,
        limit=PIXELS["cuda" if on_gpu else "cpu"],
        compute=lambda group: images(np.stack(group), recipe, device),
        on_gpu=on_gpu,
    )
    for clip, image in zip(clips, results, strict=True):
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
