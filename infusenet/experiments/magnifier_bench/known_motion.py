"""Continuous images with known motion: faces and textures that no training of a magnifier uses.

The faces are stand-ins of identities that `infusenet standins` does not draw; the scenes are textures
of other photographs and other seeds than the training's.
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from skimage import data

from infusenet.magnifier import textures
from infusenet.magnifier.quality import SIZE, Continuous, inside, uniform
from infusenet.preprocess import alignment
from infusenet.standins import motion, subjects

ACTIONS = ((12,), (4,), (1, 2))  # the Action Units that move on each face
PHOTOGRAPHS = ("immunohistochemistry",)  # not used in training
MOVING = "Action Units of faces"
IDENTITY, TEXTURE = 5_000_000, 6_000_000  # seeds
NOISE, FLICKER, QUALITY = 0.8, 1.004, 92  # gray levels, gain, JPEG: the middle of the stand-ins' cameras


@dataclass(frozen=True)
class Material:
    """A continuous image and how it moves: ``field`` (S, S, 2) with a peak of 1 px.

    A frame after ``d`` px of motion shows at x the image at x - d field(x).
    """

    group: str
    name: str
    image: Continuous
    field: np.ndarray

    def frame(self, d: float = 0) -> np.ndarray:
        """The frame (S, S, 3) in [0, 1] after ``d`` px at the peak of the motion."""
        return np.clip(self.image.displaced(d * self.field), 0, 1)

    def turned(self) -> "Material":
        """The same image; every place moves as far, a quarter turn to the side."""
        return replace(self, field=np.stack([-self.field[..., 1], self.field[..., 0]], -1))

    @property
    def size(self) -> int:
        """The frame's side S, px."""
        return len(self.field)

    @property
    def length(self) -> np.ndarray:
        """The motion's size (S, S), 1 at its peak."""
        return np.hypot(*np.moveaxis(self.field, -1, 0))

    @property
    def window(self) -> np.ndarray:
        """Weights of the places at which motion is measured, S = 224: in proportion to it, 0 on the border."""
        return inside() * self.length


@cache
def _subjects() -> list[subjects.Subject]:
    """The persons, drawn once for faces of all sizes."""
    return [subjects.draw(np.random.default_rng([IDENTITY, number])) for number in range(len(ACTIONS))]


@cache
def moving(size: int = SIZE) -> list[Material]:
    """Faces, cropped to ``size`` px, whose Action Units move."""
    materials = []
    y, x = np.mgrid[:size, :size]
    points = np.stack([x, y], -1).reshape(-1, 2).astype(float)
    for number, (subject, units) in enumerate(zip(_subjects(), ACTIONS, strict=True)):
        matrix = alignment.similarity(subject.landmarks, size)
        image = Continuous(np.clip(alignment.crop(subject.canvas, matrix, size) / 255, 0, 1))
        landmarks = alignment.apply(matrix, subject.landmarks)
        pulls = [pull for unit in units for pull in motion.pulls(unit, landmarks)]
        field = motion.displacement(pulls, points).reshape(size, size, 2)
        field /= np.hypot(field[..., 0], field[..., 1]).max()
        materials.append(Material(MOVING, f"face {number + 1}", image, field))
    return materials


def stand_ins() -> list[Material]:
    """Two materials per face: its Action Units move, or it is shifted as a whole."""
    whole = [Material("whole faces", face.name, face.image, uniform(1)) for face in moving()]
    return moving() + whole


@cache
def scenes() -> list[Material]:
    """Textures, shifted as a whole: photographs, 1/f noise and flat shapes."""
    rng = np.random.default_rng(TEXTURE)
    tiles = {name: np.atleast_3d(getattr(data, name)()) / 255 for name in PHOTOGRAPHS}
    tiles |= {"1/f noise": textures.noise(rng), "flat shapes": textures.shapes(rng)}
    materials = []
    for name, tile in tiles.items():
        side = min(2 * SIZE, *tile.shape[:2])
        tile = cv2.resize(np.float32(tile[:side, :side]), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        lens = cv2.GaussianBlur(np.broadcast_to(np.atleast_3d(tile), (SIZE, SIZE, 3)), (0, 0), 0.8)
        materials.append(Material("scenes", name, Continuous(np.clip(lens, 0, 1)), uniform(1)))
    return materials


def add_noise(frame: np.ndarray, level: float, seed: int) -> np.ndarray:
    """Add Gaussian noise of ``level`` gray levels to ``frame``."""
    noise = np.random.default_rng(seed).standard_normal(frame.shape)
    return np.clip(frame + level / 255 * noise, 0, 1)


def film(frame: np.ndarray, gain: float, seed: int) -> np.ndarray:
    """Film ``frame`` with a camera: flicker, noise, 8 bits, JPEG."""
    exposed = np.rint(255 * add_noise(np.clip(gain * frame, 0, 1), NOISE, seed)).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", exposed[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1] / 255
