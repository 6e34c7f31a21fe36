"""Frames of smooth random texture that is moved by known sub-pixel motion."""

import numpy as np
from scipy import ndimage

SIZE = 96


def texture(shift=(0.0, 0.0), gain=1.0, seed=0, side=SIZE, moved_by=None):
    """A frame, uint8 RGB (side, side, 3).

    ``shift`` (x, y) in px moves all of it, exactly at any size; ``moved_by`` (2, side, side) moves each point
    p to p + moved_by(p).
    """
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 2.5, mode="wrap")
    frequencies = np.fft.fftfreq(side)
    phase = np.exp(-2j * np.pi * (frequencies[None] * shift[0] + frequencies[:, None] * shift[1]))
    moved = np.fft.ifft2(np.fft.fft2(noise) * phase).real
    if moved_by is not None:
        moved = _displaced(moved, moved_by)
    gray = (0.5 + 0.12 * moved / noise.std()) * gain
    return np.clip(np.rint(gray[..., None] * [255, 235, 215]), 0, 255).astype(np.uint8)


def _displaced(image, field):
    """The moved image: each pixel q shows the point p with p + field(p) = q, found by fixed point."""
    q = np.mgrid[: image.shape[0], : image.shape[1]].astype(float)
    p = q
    for _ in range(30):
        before = p
        p = q - np.stack([ndimage.map_coordinates(part, p, order=3, mode="nearest") for part in field[::-1]])
        if np.abs(p - before).max() < 1e-9:
            break
    return ndimage.map_coordinates(image, p, order=5, mode="grid-wrap")
