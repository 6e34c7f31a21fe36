"""Detection of the face on a clip's onset frame by dlib.

The landmarks found here serve the whole clip (`infusenet.preprocess.alignment`); when a face counts as failed
is decided in `infusenet.preprocess.failed_faces`. Arrays in, arrays out.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from infusenet.errors import InputError
from infusenet.preprocess.failed_faces import NoFace, credible, subject_face

# Share of the frame added on each side before detection, for releases whose faces fill the frame.
PADDING = 0.25


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
        if face := subject_face(_boxes(gray, upsample)):
            shape = _predictor()(gray, face)
            points = np.array([(point.x, point.y) for point in shape.parts()], float) - margin
            return Detection(points, name)
    raise NoFace(f"no face found on the onset or the frame after it{_hint(onset)}")


def _gray(image: np.ndarray, padded: bool) -> tuple[np.ndarray, int]:
    """The image as the detector reads it, and the margin around it in px."""
    margin = round(PADDING * max(image.shape[:2])) if padded else 0
    image = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), margin


def _boxes(gray: np.ndarray, upsample: int) -> list:
    boxes, weights, _ = _detector().run(gray, upsample)
    return credible(boxes, weights)


def _hint(onset: np.ndarray) -> str:
    """A clause where the face lies on its side or head down, by the two cheap rungs; else empty."""
    for degrees in (90, 180, 270):
        turned = np.ascontiguousarray(np.rot90(onset, -degrees // 90))
        if any(_boxes(_gray(turned, padded)[0], 0) for padded in (False, True)):
            return (
                f"; a face is found once the onset is turned by {degrees} degrees clockwise: turn the frames "
                "that way, or correct their EXIF orientation"
            )
    return ""


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
