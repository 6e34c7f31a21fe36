"""Measures of a magnifier's difference latent: as a network reads it, and raw.

FrameMag's first operations are a ReLU and a 3x3 / 2 max-pool, so whatever is negative never reaches it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch.nn import functional

from infusenet.experiments.magnifier_bench.candidates import Candidate, Image
from infusenet.experiments.magnifier_bench.figures import FACTOR, Figure
from infusenet.experiments.magnifier_bench.known_motion import FLICKER, Material, add_noise, film
from infusenet.magnifier import quality
from infusenet.magnifier.network import as_read

PEAKS = (0.25, 0.5, 1.0)  # px
TURNED = 0.5  # px: the motion that is compared with one in another direction
LIGHT = (-0.10, -0.05, -0.02, 0.02, 0.05, 0.10)
SENSOR = (0.5, 1, 2)  # gray levels
INSIDE, OUTSIDE = 0.1, 0.01  # shares of the largest motion: moving from here, still up to here
UNIT = 0.25  # px: the shift of the whole face that responses without motion are measured against
READ, RAW = "as read", "raw"


def latents(candidate: Candidate, materials: Iterable[Material]) -> list[Figure]:
    """The latent at factor 10 on faces whose Action Units move, and without motion.

    The columns name the form of the latent and the faces' side in px. Ratios of energy are averaged over
    the faces by their geometric mean, all else by the mean.
    """
    cells = {}

    def add(section, row, form, value):
        cells.setdefault((section, row, f"{form}, {material.size} px"), []).append(float(value))

    for material in materials:
        onset, moved = material.frame(), {d: material.frame(d) for d in PEAKS}
        cameras = {
            "clean": (onset, moved),
            "filmed": (film(onset, 1, 1), {d: film(frame, FLICKER, 2) for d, frame in moved.items()}),
        }
        for camera, (a, frames) in cameras.items():
            for d, b in frames.items():
                row, latent = f"{d} px, {camera}", candidate(a, b).latent(FACTOR)
                for form, values in forms(latent).items():
                    length, size = shrink(material.length, values), magnitude(values)
                    moving, still = length > INSIDE, length < OUTSIDE
                    ratio = np.mean(size[moving] ** 2) / np.mean(size[still] ** 2)
                    add("Energy inside / outside", row, form, ratio)
                    correlation = np.corrcoef(size.ravel(), length.ravel())[0, 1]
                    add("Correlation with motion", row, form, correlation)
                    add("Response per px", row, form, size[moving].mean() / (d * length[moving].mean()))
                    add("Scale, rms", row, form, rms(values))
                positive = np.maximum(latent, 0)
                add("Positive share of the energy", row, RAW, np.sum(positive**2) / np.sum(latent**2))
                add("Effective channels", row, "after ReLU", effective_channels(positive))
                add("Effective channels", row, RAW, effective_channels(latent))

        for row, form, value in directions(candidate, material):
            add("Direction", row, form, value)

        changes = {f"light {change:+.0%}": (onset, np.clip((1 + change) * onset, 0, 1)) for change in LIGHT}
        changes |= {f"noise {level}": [add_noise(onset, level, seed) for seed in (1, 2)] for level in SENSOR}
        changes["identical frames"] = (onset, onset.copy())
        shifted = material.image.displaced(quality.uniform(UNIT, material.size))
        unit = _inner_rms(candidate, onset, shifted)
        for row, pair in changes.items():
            for form, value in _inner_rms(candidate, *pair).items():
                add("Without motion, px", row, form, UNIT * value / unit[form])
    return [
        Figure(*key, float(np.exp(np.mean(np.log(values))) if "inside" in key[0] else np.mean(values)))
        for key, values in cells.items()
    ]


def directions(candidate: Candidate, material: Material) -> Iterator[tuple[str, str, float]]:
    """(row, form, `unlikeness`) of a clean motion and the same in another direction, where something moves."""
    onset = material.frame()

    def latent(material: Material, d: float) -> dict[str, np.ndarray]:
        return forms(candidate(onset, material.frame(d)).latent(FACTOR))

    one = latent(material, TURNED)
    others = {"opposite": latent(material, -TURNED), "across": latent(material.turned(), TURNED)}
    for row, other in others.items():
        for form, values in other.items():
            moving = shrink(material.length, values) > INSIDE
            yield f"{TURNED} px, {row}", form, unlikeness(one[form][:, moving], values[:, moving])


def forms(latent: np.ndarray) -> dict[str, np.ndarray]:
    """A latent (C, h, w) as FrameMag reads it, (C, h / 2, w / 2), and as it is."""
    return {READ: as_read(torch.from_numpy(latent)).numpy(), RAW: latent}


def effective_channels(latent: np.ndarray) -> float:
    """1 / sum of squared shares of the energy: C if all channels of (C, h, w) are equal, 1 if one has it all."""
    energy = np.sum(latent**2, axis=(1, 2))
    return np.sum(energy) ** 2 / np.sum(energy**2)


def unlikeness(one: np.ndarray, other: np.ndarray) -> float:
    """1 - cosine of two latents: 0 where they differ by a positive factor, 1 where they have nothing in common."""
    return 1 - np.sum(one * other) / np.sqrt(np.sum(one**2) * np.sum(other**2))


def rms(latent: np.ndarray) -> float:
    """Root mean square of a latent."""
    return np.sqrt(np.mean(latent**2))


def magnitude(latent: np.ndarray) -> np.ndarray:
    """The size of a latent (C, h, w) at each place, (h, w)."""
    return np.sqrt(np.sum(latent**2, axis=0))


def shrink(length: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """The motion's size (H, W), averaged down to the places of a latent (C, h, w)."""
    return functional.adaptive_avg_pool2d(torch.from_numpy(length)[None], latent.shape[1:])[0].numpy()


def _inner_rms(candidate: Candidate, a: Image, b: Image) -> dict[str, float]:
    """`rms` inside the border, in each form."""
    sizes = {}
    for form, values in forms(candidate(a, b).latent(FACTOR)).items():
        border = round(values.shape[1] * quality.BORDER / quality.SIZE)
        sizes[form] = rms(values[:, border:-border, border:-border])
    return sizes
