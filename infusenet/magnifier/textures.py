"""Textures of the training scenes: photographs free of rights, 1/f noise and flat shapes."""

import math

import cv2
import numpy as np
from skimage import data

# Photographs that scikit-image ships and documents as CC0 or public domain. The two faces of the
# stand-ins (astronaut, grace_hopper) serve measurement only.
PHOTOGRAPHS = (
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "retina",
    "rocket",
)
TILE = 512  # texture side, texels
FINE = 4  # texels per scene pixel


def tiles(seed: int, count: int) -> np.ndarray:
    """``count`` tiles float32 (count, TILE, TILE, 3), RGB in [0, 1], that follow from ``seed``."""
    rng = np.random.default_rng([seed, 0])
    # Three tiles of photographs to one of noise and one of shapes.
    makers = (_photograph, _photograph, _photograph, noise, shapes)
    return np.stack([_optics(makers[i % len(makers)](rng), rng) for i in range(count)])


def _photograph(rng) -> np.ndarray:
    photo = getattr(data, PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])()
    photo = np.atleast_3d(photo)[..., :3]
    side = min(TILE // int(rng.choice([1, 2, 4])), *photo.shape[:2])
    y, x = (rng.integers(n - side + 1) for n in photo.shape[:2])
    patch = np.float32(photo[y : y + side, x : x + side]) / 255
    tile = cv2.resize(patch, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    return np.broadcast_to(np.atleast_3d(tile), (TILE, TILE, 3))


def _field(rng, channels: int) -> np.ndarray:
    """Noise (TILE, TILE, channels) with a 1/f^p amplitude spectrum, zero mean, unit deviation."""
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((channels, TILE, TILE))) * frequency ** -rng.uniform(1, 2)
    field = np.fft.irfft2(spectrum, (TILE, TILE)).transpose(1, 2, 0)
    return field / field.std(axis=(0, 1))


def noise(rng) -> np.ndarray:
    """A tile of coloured 1/f noise."""
    mixing = np.eye(3) * 0.5 + rng.uniform(0.2, 1)
    field = _field(rng, 3) @ mixing / np.linalg.norm(mixing, axis=0)
    return 0.5 + rng.uniform(0.1, 0.25) * field


def shapes(rng) -> np.ndarray:
    """Flat regions between level lines of smooth noise."""
    height = cv2.GaussianBlur(_field(rng, 1)[..., 0], (0, 0), 8)
    region = np.digitize(height, np.quantile(height, np.sort(rng.uniform(0, 1, 6))))
    return rng.uniform(0, 1, (7, 3))[region]


def _optics(tile: np.ndarray, rng) -> np.ndarray:
    """A lens: what a tile shows is band-limited before it is ever sampled, some of it out of focus."""
    sigma = FINE * math.exp(rng.uniform(math.log(0.4), math.log(2)))
    return np.clip(cv2.GaussianBlur(np.float32(tile), (0, 0), sigma), 0, 1)
