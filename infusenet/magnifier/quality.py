"""Measurements of a magnifier on exactly known motion of a face.

The face (the head of scikit-image's astronaut, kept out of the training data) is taken as a
continuous image, a spline, so that the frame displaced by any field is exact at any sub-pixel size.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from scipy import ndimage
from skimage import data
from skimage.metrics import structural_similarity

from infusenet.magnifier.network import Magnifier

SIZE = 224
LUMA = np.array([0.299, 0.587, 0.114])
FACTOR = 10
BORDER = 20  # px at each side left out of gains and SSIM: what moves in there is unknown
# Brows and mouth corners of the face, (x, y), the way each of them moves, and how wide.
SITES = (((86, 84), (0, -1)), ((150, 86), (0, -1)), ((92, 150), (-1, 0)), ((143, 150), (1, 0)))
WIDTH = 14


class Continuous:
    """An image (H, W) or (H, W, C) as an order-5 spline."""

    def __init__(self, image: np.ndarray):
        planes = np.atleast_3d(image).transpose(2, 0, 1).astype(np.float64)
        self.planes = [ndimage.spline_filter(plane, order=5, mode="mirror") for plane in planes]
        self.flat = image.ndim == 2

    def displaced(self, field: np.ndarray) -> np.ndarray:
        """The image seen at x - field(x); field (H, W, 2) as (x, y), px."""
        y, x = np.mgrid[: field.shape[0], : field.shape[1]]
        at = (y - field[..., 1], x - field[..., 0])
        planes = [
            ndimage.map_coordinates(p, at, order=5, prefilter=False, mode="mirror") for p in self.planes
        ]
        return planes[0] if self.flat else np.stack(planes, -1)


def face() -> Continuous:
    """The test face, 224 x 224 x 3, RGB in [0, 1]."""
    head = cv2.resize(data.astronaut()[20:200, 130:310] / 255.0, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return Continuous(np.clip(cv2.GaussianBlur(head, (0, 0), 0.8), 0, 1))


def uniform(d: float, size: int = SIZE) -> np.ndarray:
    """A translation by ``d`` px, (size, size, 2)."""
    return np.broadcast_to(d * np.array([np.cos(0.5), np.sin(0.5)]), (size, size, 2))


def bump(d: float) -> np.ndarray:
    """Gaussian bumps of ``d`` px at brows and mouth corners, (224, 224, 2)."""
    return sum(d * _window(site)[..., None] * np.array(way) for site, way in SITES)


def _window(site: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((x - site[0]) ** 2 + (y - site[1]) ** 2) / (2 * WIDTH**2))


def difference(model: Magnifier, a: np.ndarray, b: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """The difference latent (32, 112, 112) of two frames (224, 224, 3) in [0, 1]."""
    with torch.no_grad():
        a, b = (model.encoder(tensor(x, model)) for x in (a, b))
        return model.manipulator(a, b, factor)[0].cpu().numpy()


def magnified(model: Magnifier, a: np.ndarray, b: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """The decoded frame (224, 224, 3) in about [0, 1]."""
    with torch.no_grad():
        return picture(model(tensor(a, model), tensor(b, model), factor))


def tensor(image: np.ndarray, model: Magnifier) -> torch.Tensor:
    """An image (H, W, 3) in [0, 1] as the model's input (1, 3, H, W)."""
    values = torch.from_numpy(np.float32(2 * image - 1).transpose(2, 0, 1))
    return values[None].to(next(model.parameters()).device)


def picture(output: torch.Tensor) -> np.ndarray:
    """The model's output (1, 3, H, W) as an image (H, W, 3)."""
    return (output[0].permute(1, 2, 0).cpu().numpy() + 1) / 2


class Ruler:
    """Reads how far frames are displaced from a reference along a known field.

    Least squares over the multiple of the field, with a free gain and offset of brightness: Lucas and
    Kanade's criterion, searched over a grid first, because large motions have local minima.

    Parameters
    ----------
    reference : (H, W, 3), RGB
    field : (H, W, 2), px
    windows : weights (H, W); each gives a reading of its own
    most, step : the grid, multiples of the field
    """

    def __init__(self, reference, field, windows: Sequence[np.ndarray], most: float, step: float):
        self.continuous, self.field, self.windows = Continuous(reference @ LUMA), field, windows
        self.grid, self.step = np.arange(0, most + step, step), step
        self.frames = [self.continuous.displaced(k * field) for k in self.grid]

    def read(self, moved: np.ndarray, most: float = np.inf) -> list[float]:
        """The multiple of the field by which ``moved`` (H, W, 3) is displaced, for each window; up to ``most``."""
        moved = moved @ LUMA
        grid = self.grid[self.grid <= most + self.step]
        multiples = []
        for window in self.windows:
            near = grid[np.argmin([_misfit(frame, moved, window) for frame in self.frames[: len(grid)]])]
            # Parabolas through three ever closer points: near its minimum the misfit is one.
            for step in self.step / np.array([2, 8, 32]):
                places = near + step * np.array([-1, 0, 1])
                left, middle, right = (
                    _misfit(self.continuous.displaced(k * self.field), moved, window) for k in places
                )
                bend = left - 2 * middle + right
                shift = (left - right) / (2 * bend) if bend > 0 else np.sign(left - right)
                near += step * np.clip(shift, -1, 1)
            multiples.append(float(near))
        return multiples


def _misfit(warped: np.ndarray, moved: np.ndarray, window: np.ndarray) -> float:
    x, y = warped - np.average(warped, weights=window), moved - np.average(moved, weights=window)
    slope = np.sum(window * x * y) / np.sum(window * x * x)
    return float(np.sum(window * (slope * x - y) ** 2))


def inside() -> np.ndarray:
    """One inside the border, else zero; (224, 224)."""
    return np.pad(np.ones((SIZE - 2 * BORDER,) * 2), BORDER)


def gains(reference: np.ndarray, moved: np.ndarray, field: np.ndarray, most: float, local: bool) -> list:
    """The multiple of ``field`` by which ``moved`` is displaced from ``reference``, up to ``most``.

    ``local`` gives one value for each site of `bump`, otherwise one for the whole frame.
    """
    windows = [_window(site) for site, _ in SITES] if local else [inside()]
    return Ruler(reference, field, windows, most, most / 30).read(moved)


def similarity(image: np.ndarray, truth: np.ndarray) -> float:
    """SSIM of two RGB frames inside the border."""
    inner = slice(BORDER, -BORDER)
    return float(
        structural_similarity(
            np.clip(image, 0, 1)[inner, inner], truth[inner, inner], channel_axis=2, data_range=1.0
        )
    )


def gain(model: Magnifier, onset: Continuous, field: np.ndarray, factor: float, local: bool) -> float:
    """The gain in the decoded frame (mean of the sites for ``local``) at a nominal ``factor``."""
    still = onset.displaced(0 * field)
    reference = magnified(model, still, still, factor)
    moved = magnified(model, still, onset.displaced(field), factor)
    return float(np.mean(gains(reference, moved, field, 1.6 * factor, local)))


def equivalent(model: Magnifier, onset: Continuous, changed: np.ndarray) -> float:
    """The uniform motion, px, whose difference latent has the energy that ``changed`` causes."""
    still = onset.displaced(uniform(0))
    unit = np.std(difference(model, still, onset.displaced(uniform(0.25))))
    return float(0.25 * np.std(difference(model, still, changed)) / unit)
