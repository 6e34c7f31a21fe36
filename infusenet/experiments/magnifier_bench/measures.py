"""Measures of one magnifier on known motion; every measure returns `Figure` rows."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch.nn import functional

from infusenet.experiments.magnifier_bench.known_motion import FLICKER, Material, add_noise, film
from infusenet.magnifier import quality
from infusenet.magnifier.network import Magnifier

FACTORS = (2, 5, 10, 20)
DISPLACEMENTS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # px
FACTOR = 10
FAITHFUL = (0.05, 0.5)  # px, in which the gain should be within a tenth of the factor
LARGEST = 10  # px of magnified motion up to which a line is fitted
NOISE = (0, 1)  # gray levels
# The public protocol after Oh et al.: 10 px of magnified motion, or 0.05 px magnified 200 times in noise.
SUBPIXEL, PROTOCOL_MOTION = np.geomspace(0.04, 1, 15), 10
LEVELS, PROTOCOL_SMALL, PROTOCOL_FACTOR = np.geomspace(0.01, 100, 21), 0.05, 200
PEAKS = (0.25, 0.5, 1.0)  # px, latent energy
LIGHT = (-0.10, -0.05, -0.02, 0.02, 0.05, 0.10)
SENSOR = (0.5, 1, 2)  # gray levels
INSIDE, OUTSIDE = 0.1, 0.01  # shares of the largest motion: moving from here, still up to here


class Figure(NamedTuple):
    """One measured value: ``section`` is a table, ``row`` and ``column`` its place there."""

    section: str
    row: str
    column: str
    value: float


class Pair:
    """Onset and moved frame in a model's latents; decodes any factor without encoding again."""

    def __init__(self, model: Magnifier, a: np.ndarray, b: np.ndarray):
        with torch.no_grad():
            self.a, self.b = (model.encoder(quality.tensor(x, model)) for x in (a, b))
            self.unit = model.manipulator(self.a, self.b, 2)
        self.decoder = model.decoder

    def decoded(self, factor: float) -> np.ndarray:
        """The magnified frame (H, W, 3)."""
        with torch.no_grad():
            return quality.picture(self.decoder(self.b + (factor - 1) * self.unit))

    def energy(self, factor: float = FACTOR) -> np.ndarray:
        """The difference latent's energy at each place, (H / 2, W / 2)."""
        return ((factor - 1) * self.unit[0]).square().sum(0).cpu().numpy()


def gains(model: Magnifier, materials: Iterable[Material]) -> list[Figure]:
    """Gain by displacement and factor, mean over each group; and how linear the motion is in the factor."""
    cells, lines = {}, {}
    for material in materials:
        onset = material.frame()
        reference = Pair(model, onset, onset).decoded(FACTOR)
        most = 1.6 * max(FACTORS) * max(DISPLACEMENTS)
        ruler = quality.Ruler(reference, material.field, [material.window], most, step=0.5)
        for d in DISPLACEMENTS:
            pair = Pair(model, onset, material.frame(d))
            for factor in FACTORS:
                (length,) = ruler.read(pair.decoded(factor), most=1.6 * factor * d)
                cells.setdefault((material.group, d, factor), []).append(length / d)
                if factor * d <= LARGEST:
                    lines.setdefault(material.group, []).append((factor * d, length))
    figures = [
        Figure(f"Gain, {group}", f"{d} px", f"factor {factor}", float(np.mean(values)))
        for (group, d, factor), values in cells.items()
    ]
    for group, points in lines.items():
        expected, measured = np.array(points).T
        slope = expected @ measured / (expected @ expected)
        rest = np.sum((measured - slope * expected) ** 2) / np.sum((measured - measured.mean()) ** 2)
        figures.append(Figure("Linearity", group, "slope", float(slope)))
        figures.append(Figure("Linearity", group, "R2", float(1 - rest)))
    return figures


def frames(model: Magnifier, materials: Iterable[Material]) -> list[Figure]:
    """SSIM and PSNR between decoded and truly displaced frame at factor 10, clean and with noise."""
    cells = {}
    for material in materials:
        onset = material.frame()
        for d in DISPLACEMENTS:
            moved, truth = material.frame(d), material.frame(FACTOR * d)
            for level in NOISE:
                a, b = add_noise(onset, level, seed=1), add_noise(moved, level, seed=2)
                output = Pair(model, a, b).decoded(FACTOR)
                for name, image in (("magnified", output), ("as it is", b)):
                    column = f"{name}, noise {level}"
                    cells.setdefault(("SSIM", material.group, d, column), []).append(
                        quality.similarity(image, truth)
                    )
                    cells.setdefault(("PSNR", material.group, d, column), []).append(_psnr(image, truth))
    return [
        Figure(f"{kind}, {group}", f"{d} px", column, float(np.mean(values)))
        for (kind, group, d, column), values in cells.items()
    ]


def protocol(model: Magnifier, materials: Sequence[Material]) -> list[Figure]:
    """SSIM of the output and of the input, in Oh et al.'s two tests with the levels of Axial (ECCV 2024).

    Noise of level n is Gaussian of n gray levels times the square root of the intensity.
    """
    tests = [("Sub-pixel protocol", f"{d:.3f} px", d, PROTOCOL_MOTION / d, 0.0) for d in SUBPIXEL]
    tests += [
        ("Noise protocol", f"level {level:.3g}", PROTOCOL_SMALL, PROTOCOL_FACTOR, level) for level in LEVELS
    ]
    figures = []
    for section, row, d, factor, level in tests:
        magnified, inputs = [], []
        for material in materials:
            onset, moved, truth = (material.frame(k) for k in (0, d, factor * d))
            a = add_noise(onset, level * np.sqrt(onset), seed=1)
            b = add_noise(moved, level * np.sqrt(moved), seed=2)
            magnified.append(quality.similarity(Pair(model, a, b).decoded(factor), truth))
            inputs.append(quality.similarity(b, truth))
        figures.append(Figure(section, row, "magnified", float(np.mean(magnified))))
        figures.append(Figure(section, row, "as it is", float(np.mean(inputs))))
    return figures


def latents(model: Magnifier, materials: Iterable[Material]) -> list[Figure]:
    """The difference latent's energy on faces whose Action Units move, and its response without motion."""
    cells = {}

    def add(section, row, column, value):
        cells.setdefault((section, row, column), []).append(float(value))

    for material in materials:
        onset = material.frame()
        length = functional.avg_pool2d(torch.from_numpy(material.length)[None], 2)[0].numpy()
        moving, still = length > INSIDE, length < OUTSIDE
        for d in PEAKS:
            moved = material.frame(d)
            pairs = {"clean": (onset, moved), "filmed": (film(onset, 1, 1), film(moved, FLICKER, 2))}
            for name, (a, b) in pairs.items():
                energy = Pair(model, a, b).energy()
                add("Energy inside / outside", f"{d} px", name, energy[moving].mean() / energy[still].mean())
                size = np.sqrt(energy)
                add(
                    "Correlation with motion",
                    f"{d} px",
                    name,
                    np.corrcoef(size.ravel(), length.ravel())[0, 1],
                )
                if name == "clean":
                    add("Response per px", f"{d} px", name, size[moving].mean() / (d * length[moving].mean()))
        shifted = material.image.displaced(quality.uniform(0.25))
        unit = _size(model, onset, shifted) / 0.25
        for change in LIGHT:
            lit = np.clip((1 + change) * onset, 0, 1)
            add("Without motion, px", f"light {change:+.0%}", "response", _size(model, onset, lit) / unit)
        for level in SENSOR:
            a, b = (add_noise(onset, level, seed) for seed in (1, 2))
            add("Without motion, px", f"noise {level}", "response", _size(model, a, b) / unit)
        add("Without motion, px", "identical frames", "response", _size(model, onset, onset) / unit)
    # The geometric mean, because these values are ratios.
    return [
        Figure(*key, float(np.exp(np.mean(np.log(values))) if "inside" in key[0] else np.mean(values)))
        for key, values in cells.items()
    ]


def summary(figures: Sequence[Figure]) -> list[Figure]:
    """The figures by which magnifiers are compared."""
    value = {figure[:3]: figure.value for figure in figures}
    low, high = FAITHFUL
    rows = [f"{d} px" for d in DISPLACEMENTS if low <= d <= high]
    summaries = []

    def add(row: str, column: str, number: float) -> None:
        summaries.append(Figure("In short", row, column, float(number)))

    for section in dict.fromkeys(section for section, *_ in value if section.startswith("Gain, ")):
        gain = [value[section, row, f"factor {FACTOR}"] for row in rows]
        for column, pick in (("lowest", min), ("highest", max)):
            add(f"{section}, factor {FACTOR}, {rows[0]} to {rows[-1]}", column, pick(gain))
    for section, row, column in value:
        if section.startswith("SSIM, ") and row in rows and column == "magnified, noise 0":
            add(f"{section}, {row}", "mean", value[section, row, column])
    for column in ("clean", "filmed"):
        ratios = [value["Energy inside / outside", f"{d} px", column] for d in PEAKS]
        add(f"Energy inside / outside, {column}", "mean", np.exp(np.mean(np.log(ratios))))
    for row in ("light +5%", "noise 1"):
        add(f"Without motion, {row}, px", "mean", value["Without motion, px", row, "response"])
    return summaries


def _psnr(image: np.ndarray, truth: np.ndarray) -> float:
    inner = slice(quality.BORDER, -quality.BORDER)
    return peak_signal_noise_ratio(truth[inner, inner], np.clip(image, 0, 1)[inner, inner], data_range=1)


def _size(model: Magnifier, a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square of the difference latent inside the border."""
    inner = slice(quality.BORDER // 2, -quality.BORDER // 2)
    return float(np.sqrt(Pair(model, a, b).energy()[inner, inner].mean()))
