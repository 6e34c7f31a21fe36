"""Alignment: the face of an onset frame, and one similarity transform that crops all frames of its clip.

Landmarks on every frame jitter by more than the motion we look for, so they are located once, on the
onset, and the same warp serves the whole clip. Arrays in, arrays out.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from infusenet.errors import InputError

# Eye corners and nose bridge: the points that expressions move least.
STABLE = (36, 39, 42, 45, 27, 28, 29, 30)
# Where they lie in a unit crop: the usual frontal proportions, with room for brows and chin.
TEMPLATE = np.array(
    [
        (0.300, 0.400), (0.425, 0.404), (0.575, 0.404), (0.700, 0.400),
        (0.500, 0.400), (0.500, 0.457), (0.500, 0.514), (0.500, 0.571),
    ]
)  # fmt: skip
# Share of the frame added on each side before detection, for releases whose faces fill the frame.
PADDING = 0.25
# A second face counts as background when the first one is this many times larger.
DOMINANT = 2.0
# Boxes below this share of the best one's detection weight are no faces. Measured on two photographs at many
# sizes: nine in ten false boxes (on cloth, on a helmet) are below 0.28 of the face's weight and half below
# 0.07; second faces as good as the first reach 0.66 and more, and of 288 that were darkened, blurred or rolled
# by up to 30 degrees two are below 0.25.
WEAK = 0.25


class NoFace(Exception):
    """No rung of the detector found a face; the text is a hint, or empty."""


class MultipleFaces(Exception):
    """Several faces of similar size: the subject's is unknown."""


@dataclass(frozen=True)
class Detection:
    """``landmarks`` float64 (68, 2), (x, y) in native px; ``rung``: the step of the ladder that found them."""

    landmarks: np.ndarray
    rung: str

    @property
    def recovered(self) -> bool:
        return self.rung != "plain"


def detect(onset: np.ndarray, neighbour: np.ndarray | None = None) -> Detection:
    """Find the face of a clip by a fixed ladder: each rung is tried when the rung before it found no face.

    A box far below the best one's detection weight is no face, whatever its size.

    Parameters
    ----------
    onset : uint8 array (H, W, 3)
    neighbour : uint8 array (H, W, 3), optional
        The frame after the onset, for the last rung (a blink or a blurred onset).

    Raises
    ------
    NoFace, MultipleFaces
    """
    rungs = [
        ("plain", onset, 0, False),
        ("padded", onset, 0, True),
        ("upsampled", onset, 1, True),
        ("contrast", _equalised(onset), 1, True),
    ]
    if neighbour is not None:
        rungs.append(("neighbour", neighbour, 1, True))
    for name, image, upsample, padded in rungs:
        gray, margin = _gray(image, padded)
        boxes = sorted(_boxes(gray, upsample), key=lambda box: -box.area())
        if boxes:
            if len(boxes) > 1 and boxes[0].area() < DOMINANT * boxes[1].area():
                raise MultipleFaces
            shape = _predictor()(gray, boxes[0])
            points = np.array([(point.x, point.y) for point in shape.parts()], float) - margin
            return Detection(points, name)
    raise NoFace(_hint(onset))


def _gray(image: np.ndarray, padded: bool) -> tuple[np.ndarray, int]:
    """The image as the detector reads it, and the margin around it in px."""
    margin = round(PADDING * max(image.shape[:2])) if padded else 0
    image = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), margin


def _boxes(gray: np.ndarray, upsample: int) -> list:
    boxes, weights, _ = _detector().run(gray, upsample)
    return [box for box, weight in zip(boxes, weights, strict=True) if weight >= WEAK * max(weights)]


def _hint(onset: np.ndarray) -> str:
    """A sentence where the face lies on its side or head down, by the two cheap rungs; else empty."""
    for degrees in (90, 180, 270):
        turned = np.ascontiguousarray(np.rot90(onset, -degrees // 90))
        if any(_boxes(_gray(turned, padded)[0], 0) for padded in (False, True)):
            return (
                f"a face is found once the onset is turned by {degrees} degrees clockwise: turn the frames "
                "that way, or correct their EXIF orientation"
            )
    return ""


def similarity(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Least-squares similarity (Umeyama 1991) from native to crop pixels: float64 (2, 3).

    ``landmarks`` are (68, 2) in native px; ``size`` is the crop's side. Pixel centres lie at integer
    coordinates.
    """
    source, target = landmarks[list(STABLE)], TEMPLATE * size - 0.5
    centre, aim = source.mean(0), target.mean(0)
    # As complex numbers a similarity is one factor: scale and rotation.
    a, b = ((points - middle) @ (1, 1j) for points, middle in ((source, centre), (target, aim)))
    factor = np.vdot(a, b) / np.vdot(a, a).real
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, aim - linear @ centre])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) through an affine (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine (2, 3) that applies ``inner`` first and then ``outer``."""
    product = outer[:, :2] @ inner
    product[:, 2] += outer[:, 2]
    return product


def crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """One resampling of a frame into the crop: uint8 (size, size, 3), border replicated.

    Where the face is larger than the crop, it is warped to a multiple of the crop's size first and
    averaged down, so that no detail folds into false motion.
    """
    shrink = 1 / np.hypot(*matrix[:, 0])
    factor = max(1, int(np.ceil(shrink - 0.25)))
    # From the crop's pixel centres to those of the grid that is `factor` times finer.
    finer = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    warp = compose(finer, matrix)
    side = size * factor
    warped = cv2.warpAffine(
        image, warp, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA) if factor > 1 else warped


def sway(onset: np.ndarray, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Head motion from onset to frame by ECC (Evangelidis and Psarakis 2008) on eyes and nose.

    Parameters
    ----------
    onset, frame : uint8 arrays (S, S, 3), crops by the same similarity
    landmarks : (68, 2) in crop px

    Returns
    -------
    float64 (2, 3) : Euclidean transform from the onset's crop to the frame's; the identity where
        ECC does not converge (a blink), so that refinement never makes a clip worse than none
    """
    low, high = landmarks[17:48].min(0), landmarks[17:48].max(0)
    mask = np.zeros(onset.shape[:2], np.uint8)
    (x0, y0), (x1, y1) = np.clip((low, high), 0, onset.shape[0]).astype(int)
    mask[y0:y1, x0:x1] = 255
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (onset, frame)]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    try:
        _, warp = cv2.findTransformECC(
            *grays, np.eye(2, 3, dtype=np.float32), cv2.MOTION_EUCLIDEAN, criteria, mask, 5
        )
    except cv2.error:
        return np.eye(2, 3)
    return warp.astype(float)


def compose_sway(matrix: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """The native-to-crop transform of a frame whose crop moved by ``warp`` against the onset's."""
    return compose(cv2.invertAffineTransform(warp), matrix)


def _equalised(image: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


@cache
def _detector():
    return dlib.get_frontal_face_detector()


@cache
def _predictor():
    return dlib.shape_predictor(str(landmark_model()))


def landmark_model() -> Path:
    """The file of dlib's 68-point model; InputError where it is not installed."""
    # The package itself does not import beside current setuptools; only its file is needed.
    spec = find_spec("face_recognition_models")
    folder = Path(spec.submodule_search_locations[0]) / "models" if spec else Path("face_recognition_models")
    model = folder / "shape_predictor_68_face_landmarks.dat"
    if not model.is_file():
        raise InputError(
            f"dlib's 68-point model not found at {model}; run `pip install face_recognition_models`"
        )
    return model
