"""Detection of the face on a clip's onset frame, and the rules by which a face counts as failed.

The landmarks found here serve the whole clip (`infusenet.preprocess.alignment`). Arrays in, arrays out.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from infusenet.errors import InputError

# Share of the frame added on each side before detection, for releases whose faces fill the frame.
PADDING = 0.25
# A second face counts as background when the first one is this many times larger.
DOMINANT = 2.0
# Boxes below this share of the best one's detection weight are no faces. Measured on two photographs at many
# sizes: nine in ten false boxes (on cloth, on a helmet) are below 0.28 of the face's weight and half below
# 0.07; second faces as good as the first reach 0.66 and more, and of 288 that were darkened, blurred or rolled
# by up to 30 degrees two are below 0.25.
WEAK = 0.25


class FailedFace(Exception):
    """The face of a clip failed. The text is the reason, ``status`` the clip's status in the store."""

    status: str


class NoFace(FailedFace):
    """No rung of the detector found a face; the text may end in a hint."""

    status = "no_face"


class MultipleFaces(FailedFace):
    """Several faces of similar size: the subject's is unknown."""

    status = "multiple_faces"


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
                raise MultipleFaces("several faces of similar size on the onset frame")
            shape = _predictor()(gray, boxes[0])
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
    return [box for box, weight in zip(boxes, weights, strict=True) if weight >= WEAK * max(weights)]


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
