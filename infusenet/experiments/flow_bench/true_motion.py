"""The true flow image of a stand-in's crop, and the frames that a flow solver sees of it."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from infusenet.errors import InputError
from infusenet.experiments.flow_bench import APEXES
from infusenet.preprocess.alignment import apply
from infusenet.preprocess.optical_strain import tensor_norm
from infusenet.protocol import APEX_SLOT, ONSET_SLOT
from infusenet.report.figure1 import face_mask
from infusenet.standins import truth
from infusenet.standins.truth import ClipTruth
from infusenet.store import Store

# Of fourth order: the fields are 5 px wide and more, so it errs by less than a thousandth.
DERIVATIVE = np.array([1, -8, 0, 8, -1]) / 12


class KnownClip(NamedTuple):
    """``frames`` uint8 (1 + APEXES, S, S, 3); ``truth`` float32 (3, S, S), f_x, f_y in px and the strain; ``inside``
    bool (S, S), the hull of the landmarks."""

    frames: np.ndarray
    truth: np.ndarray
    inside: np.ndarray


def known_clips(standins: Path, cache: Path, database: str, clips: list[str]) -> list[KnownClip]:
    """Some clips of a database of stand-ins, from its faces store and its truth."""
    store = Store(faces_path(cache, database), "faces")
    clip_truths = truth.read(truth_path(standins, database))
    slots = slice(ONSET_SLOT, APEX_SLOT + APEXES)
    known = []
    for clip in clips:
        frames = store.read("frames", clip, slots)
        image = true_image(
            clip_truths[clip], store.read("numbers", clip), store.read("matrix", clip), len(frames[0])
        )
        known.append(KnownClip(frames, image, face_mask(store.read("landmarks", clip), len(frames[0]))))
    return known


def true_image(clip: ClipTruth, numbers: np.ndarray, matrices: np.ndarray, size: int) -> np.ndarray:
    """The true motion onset -> apex at every pixel of a crop, head sway included, with its tensor strain.

    Parameters
    ----------
    numbers, matrices : arrays (n,), (n, 2, 3)
        Frame numbers, and native px to crop px, of the slots of a faces store.

    Returns
    -------
    float32 array (3, size, size) : f_x and f_y in px, strain in px per px
    """
    y, x = np.mgrid[:size, :size]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    native = apply(cv2.invertAffineTransform(matrices[ONSET_SLOT]), points)
    motion = truth.motion(clip, int(numbers[ONSET_SLOT]), int(numbers[APEX_SLOT]), native)
    flow = (apply(matrices[APEX_SLOT], native + motion) - points).T.reshape(2, size, size)
    return with_strain(flow)


def with_strain(flow: np.ndarray) -> np.ndarray:
    """A smooth flow (2, H, W) with its tensor strain: float32 (3, H, W)."""
    (ux, uy), (vx, vy) = (
        [ndimage.correlate1d(part, DERIVATIVE, axis, mode="nearest") for axis in (1, 0)] for part in flow
    )
    return np.stack([*flow, tensor_norm(ux, uy, vx, vy)]).astype(np.float32)


def faces_path(cache: Path, database: str) -> Path:
    return cache / database / "faces.h5"


def truth_path(standins: Path, database: str) -> Path:
    return standins / "truth" / f"{database}.json"


def clip_names(standins: Path, cache: Path, databases: list[str]) -> dict[str, list[str]]:
    """{database: clips with a face}; InputError names all files that are missing."""
    paths = [
        path(root, name) for name in databases for path, root in ((faces_path, cache), (truth_path, standins))
    ]
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise InputError(f"missing: {', '.join(absent)}; run `make demo` first, or name other folders")
    return {name: Store(faces_path(cache, name), "faces").clips for name in databases}
