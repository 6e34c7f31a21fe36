"""Measure a magnifier against exactly known motion of a face.

The face (the head of scikit-image's astronaut, kept out of the training data) is taken as a
continuous image, a spline, so that the frame displaced by any field is exact at any sub-pixel size.
"""

import cv2
import numpy as np
import torch
from scipy import ndimage, optimize
from skimage import data
from skimage.metrics import structural_similarity

from infusenet.magnifier.network import Magnifier

SIZE = 224
DISPLACEMENTS = (0.05, 0.1, 0.25, 0.5)
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


def uniform(d: float) -> np.ndarray:
    """A translation by ``d`` px, (224, 224, 2)."""
    return np.broadcast_to(d * np.array([np.cos(0.5), np.sin(0.5)]), (SIZE, SIZE, 2))


def bump(d: float) -> np.ndarray:
    """Gaussian bumps of ``d`` px at brows and mouth corners, (224, 224, 2)."""
    return sum(d * _window(site)[..., None] * np.array(way) for site, way in SITES)


def _window(site: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((x - site[0]) ** 2 + (y - site[1]) ** 2) / (2 * WIDTH**2))


def difference(model: Magnifier, a: np.ndarray, b: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """The difference latent (32, 112, 112) of two frames (224, 224, 3) in [0, 1]."""
    with torch.no_grad():
        a, b = (model.encoder(_tensor(x)) for x in (a, b))
        return model.manipulator(a, b, factor)[0].numpy()


def magnified(model: Magnifier, a: np.ndarray, b: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """The decoded frame (224, 224, 3) in about [0, 1]."""
    with torch.no_grad():
        return (model(_tensor(a), _tensor(b), factor)[0].permute(1, 2, 0).numpy() + 1) / 2


def _tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.float32(2 * image - 1).transpose(2, 0, 1))[None]


def gains(reference: np.ndarray, moved: np.ndarray, field: np.ndarray, most: float, local: bool) -> list:
    """How many times ``field`` the frame ``moved`` is displaced from ``reference``.

    Least squares over the multiple k, with a free gain and offset of brightness: Lucas and Kanade's
    criterion, searched over k in [0, ``most``] first, because large motions have local minima.
    ``local`` gives one value for each site of `bump`, otherwise one for the whole frame.
    """
    reference, moved = (image @ np.array([0.299, 0.587, 0.114]) for image in (reference, moved))
    continuous = Continuous(reference)
    inside = np.zeros((SIZE, SIZE))
    inside[BORDER:-BORDER, BORDER:-BORDER] = 1
    windows = [_window(site) for site, _ in SITES] if local else [inside]

    def misfit(warped, window):
        x, y = warped - np.average(warped, weights=window), moved - np.average(moved, weights=window)
        slope = np.sum(window * x * y) / np.sum(window * x * x)
        return np.sum(window * (slope * x - y) ** 2)

    grid = np.linspace(0, most, 31)
    table = np.array(
        [
            [misfit(w, window) for window in windows]
            for w in map(continuous.displaced, map(field.__mul__, grid))
        ]
    )
    found = []
    for window, start in zip(windows, grid[table.argmin(axis=0)], strict=True):
        search = optimize.minimize_scalar(
            lambda k, window=window: misfit(continuous.displaced(k * field), window),
            bounds=(start - grid[1], start + grid[1]),
            method="bounded",
            options={"xatol": 0.01},
        )
        found.append(float(search.x))
    return found


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


def figures(model: Magnifier) -> dict:
    """The training record's figures, on the face at factor 10."""
    onset = face()
    still = onset.displaced(uniform(0))
    rows = {}
    for d in DISPLACEMENTS:
        moved, truth = onset.displaced(bump(d)), onset.displaced(bump(FACTOR * d))
        rows[str(d)] = {
            "gain uniform": round(gain(model, onset, uniform(d), FACTOR, local=False), 2),
            "gain bump": round(gain(model, onset, bump(d), FACTOR, local=True), 2),
            "SSIM bump": round(similarity(magnified(model, still, moved), truth), 4),
            "SSIM of the onset": round(similarity(still, truth), 4),
        }
    return {
        "displacement px": rows,
        "equivalent motion of +5 % gain, px": round(equivalent(model, onset, np.clip(1.05 * still, 0, 1)), 3),
        "SSIM identical": round(similarity(magnified(model, still, still), still), 4),
    }
