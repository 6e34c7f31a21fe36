"""Frames of a scene: drawn from a stand-in's face, filmed, and cropped as the faces stage crops."""

from dataclasses import dataclass

import cv2
import numpy as np

from infusenet.experiments.flow_bench.known_fields import Scene
from infusenet.experiments.flow_bench.light_and_noise import add_noise
from infusenet.preprocess import alignment
from infusenet.standins import subjects
from infusenet.standins.subjects import Subject

SIZE = 224
# Native px per crop px, as in the demo, and a roll of the head in degrees, so that the grids do not coincide.
NATIVE, ROLL = 1.4, 1.3
IDENTITY = 7_000_000  # seed of faces that `infusenet standins` does not draw
FINER = 2  # samples along a native pixel, so that an edge between layers can move by less than a pixel


@dataclass(frozen=True)
class Filming:
    """The filming of a frame pair: ``gain`` of the second frame; ``noise``, the sensor's in gray levels, equal in the
    three channels; ``quality`` of JPEG, 0 for none; ``crop_noise``, added to the crops instead."""

    gain: float = 1.0
    noise: float = 0.0
    quality: int = 0
    crop_noise: float = 0.0


FILMINGS = {
    "clean": Filming(),
    "noise of 1 gray level": Filming(crop_noise=1.0),
    "noise 0.8, gain +1 %, JPEG 95": Filming(1.01, 0.8, 95),
}


@dataclass(frozen=True)
class Face:
    """A subject and its similarity canvas -> crop; ``landmarks`` (68, 2) in crop px."""

    subject: Subject
    matrix: np.ndarray
    landmarks: np.ndarray


def draw_face(number: int) -> Face:
    subject = subjects.draw(np.random.default_rng([IDENTITY, number]))
    matrix = alignment.similarity(subject.landmarks, SIZE)
    return Face(subject, matrix, alignment.apply(matrix, subject.landmarks))


def film(face: Face, scene: Scene, filming: Filming, generator: np.random.Generator) -> np.ndarray:
    """The scene before and after its motion: uint8 (2, SIZE, SIZE, 3)."""
    crops = []
    for motion, gain in ((None, 1.0), (scene, filming.gain)):
        native = add_noise(gain * picture(face, motion), filming.noise, generator)
        if filming.quality:
            _, coded = cv2.imencode(".jpg", native[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, filming.quality])
            native = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
        crops.append(alignment.crop(native, to_crop(), SIZE))
    return add_noise(np.stack(crops), filming.crop_noise, generator)


def to_crop() -> np.ndarray:
    """Native px to crop px: float64 (2, 3)."""
    turn = cv2.getRotationMatrix2D((0, 0), ROLL, 1 / NATIVE)
    turn[:, 2] = (SIZE - 1) / 2 - turn[:, :2] @ np.full(2, (NATIVE * SIZE - 1) / 2)
    return turn


def picture(face: Face, scene: Scene | None) -> np.ndarray:
    """The native frame after the scene's motion, or before any, without noise: float32 (H, W, 3), 0..255."""
    side = round(NATIVE * SIZE)
    ticks = (np.arange(side * FINER) + 0.5) / FINER - 0.5
    x, y = np.meshgrid(ticks, ticks)
    places = alignment.apply(to_crop(), np.stack([x.ravel(), y.ravel()], 1))
    if scene:
        places = scene.sources(places)
    canvas = alignment.apply(cv2.invertAffineTransform(face.matrix), places).astype(np.float32)
    image = cv2.remap(
        face.subject.canvas, *canvas.T.reshape(2, *x.shape), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
