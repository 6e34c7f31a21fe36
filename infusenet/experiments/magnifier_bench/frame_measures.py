"""Measures of the magnified frames on known motion; every measure returns `Figure` rows."""

from collections.abc import Iterable, Sequence

import numpy as np
from skimage.metrics import peak_signal_noise_ratio

from infusenet.experiments.magnifier_bench.candidates import Candidate
from infusenet.experiments.magnifier_bench.figures import FACTOR, Figure
from infusenet.experiments.magnifier_bench.known_motion import Material, add_noise
from infusenet.magnifier import quality

FACTORS = (2, 5, 10, 20)
DISPLACEMENTS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # px
LARGEST = 10  # px of magnified motion up to which a line is fitted
NOISE = (0, 1)  # gray levels
# The public protocol after Oh et al.: 10 px of magnified motion, or 0.05 px magnified 200 times in noise.
SUBPIXEL, PROTOCOL_MOTION = np.geomspace(0.04, 1, 15), 10
LEVELS, PROTOCOL_SMALL, PROTOCOL_FACTOR = np.geomspace(0.01, 100, 21), 0.05, 200


def gains(candidate: Candidate, materials: Iterable[Material]) -> list[Figure]:
    """Gain by displacement and factor, mean over each group; and how linear the motion is in the factor."""
    cells, lines = {}, {}
    for material in materials:
        onset = material.frame()
        reference = candidate(onset, onset).frame(FACTOR)
        most = 1.6 * max(FACTORS) * max(DISPLACEMENTS)
        ruler = quality.Ruler(reference, material.field, [material.window], most, step=0.5)
        for d in DISPLACEMENTS:
            pair = candidate(onset, material.frame(d))
            for factor in FACTORS:
                (length,) = ruler.read(pair.frame(factor), most=1.6 * factor * d)
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


def frames(candidate: Candidate, materials: Iterable[Material]) -> list[Figure]:
    """SSIM and PSNR between decoded and truly displaced frame at factor 10, clean and with noise."""
    cells = {}
    for material in materials:
        onset = material.frame()
        pairs = {d: (material.frame(d), material.frame(FACTOR * d)) for d in DISPLACEMENTS}
        for level in NOISE:
            a = add_noise(onset, level, seed=1)
            for d, (moved, truth) in pairs.items():
                b = add_noise(moved, level, seed=2)
                output = candidate(a, b).frame(FACTOR)
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


def protocol(candidate: Candidate, materials: Sequence[Material]) -> list[Figure]:
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
            magnified.append(quality.similarity(candidate(a, b).frame(factor), truth))
            inputs.append(quality.similarity(b, truth))
        figures.append(Figure(section, row, "magnified", float(np.mean(magnified))))
        figures.append(Figure(section, row, "as it is", float(np.mean(inputs))))
    return figures


def _psnr(image: np.ndarray, truth: np.ndarray) -> float:
    inner = slice(quality.BORDER, -quality.BORDER)
    return peak_signal_noise_ratio(truth[inner, inner], np.clip(image, 0, 1)[inner, inner], data_range=1)
