"""The picture of the magnifier bench: every checkpoint's figures as curves, and one face through each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.evaluation.plots import plt, save
from infusenet.experiments.magnifier_bench.candidates import Candidate
from infusenet.experiments.magnifier_bench.figures import FACTOR, Figure
from infusenet.experiments.magnifier_bench.frame_measures import DISPLACEMENTS
from infusenet.experiments.magnifier_bench.known_motion import FLICKER, MOVING, Material, film
from infusenet.experiments.magnifier_bench.latent_measures import LIGHT, PEAKS, READ, SENSOR, forms, magnitude
from infusenet.magnifier.quality import SIZE

MOTION = 0.5  # px at the peak of the face's motion
LIT = 1.05


def draw(
    candidates: dict[str, Candidate], figures_of: dict[str, Sequence[Figure]], face: Material, output: Path
) -> None:
    """Write the picture (PNG)."""
    figure, axes = plt.subplots(
        3, 4 + len(candidates), figsize=(3.1 * (4 + len(candidates)), 9.5), layout="constrained"
    )
    _curves(axes[:, :3], figures_of)
    _faces(axes[:, 3:], candidates, face)
    save(figure, output)


def _curves(axes, figures_of: dict[str, Sequence[Figure]]) -> None:
    for name, figures in figures_of.items():
        value = {figure[:3]: figure.value for figure in figures}
        rows = [f"{d} px" for d in DISPLACEMENTS]
        for axis, group in zip(axes[0], (MOVING, "whole faces", "scenes"), strict=True):
            gain = [value[f"Gain, {group}", row, f"factor {FACTOR}"] for row in rows]
            axis.semilogx(DISPLACEMENTS, gain, marker="o", label=name)
            axis.set(title=f"gain, {group}", xlabel="motion, px", ylim=(0, 1.6 * FACTOR))
        for axis, group in zip(axes[1, :2], (MOVING, "scenes"), strict=True):
            similarity = [value[f"SSIM, {group}", row, "magnified, noise 0"] for row in rows]
            axis.semilogx(DISPLACEMENTS, similarity, marker="o", label=name)
            axis.set(title=f"SSIM, {group}", xlabel="motion, px")
        rows = [f for f in figures if f.section == "Sub-pixel protocol" and f.column == "magnified"]
        motion = [float(f.row.split()[0]) for f in rows]
        axes[2, 2].semilogx(motion, [f.value for f in rows], marker="o", label=name)
        axes[2, 2].set(title="sub-pixel protocol, SSIM", xlabel="motion, px")
        if any(figure.section == "Without motion, px" for figure in figures):
            _latent_curves(axes[1, 2], axes[2, 0], axes[2, 1], value, name)
    axes[1, 2].set(title="latent as read, energy inside / outside", xlabel="motion, px")
    axes[2, 0].set(title="latent as read, light alone, px", xlabel="change, %")
    axes[2, 1].set(title="latent as read, noise alone, px", xlabel="gray levels")
    for axis in axes[0]:
        axis.axhline(FACTOR, color="black", linewidth=0.8)
    for axis, ticks in [(axis, DISPLACEMENTS) for axis in (*axes[0], *axes[1, :2])] + [(axes[1, 2], PEAKS)]:
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    for axis in axes[2, :2]:
        axis.set_ylim(bottom=0)
    axes[0, 0].legend()


def _latent_curves(inside, light, noise, value: dict[tuple[str, str, str], float], name: str) -> None:
    column = f"{READ}, {SIZE} px"
    ratio = [value["Energy inside / outside", f"{d} px, filmed", column] for d in PEAKS]
    inside.loglog(PEAKS, ratio, marker="o", label=name)
    response = [value["Without motion, px", f"light {change:+.0%}", column] for change in LIGHT]
    light.plot([100 * change for change in LIGHT], response, marker="o", label=name)
    response = [value["Without motion, px", f"noise {level}", column] for level in SENSOR]
    noise.plot(SENSOR, response, marker="o", label=name)


def _faces(axes, candidates: dict[str, Candidate], face: Material) -> None:
    """Decoded frames, latent energy under motion as filmed, and under light alone."""
    onset, moved = face.frame(), face.frame(MOTION)
    a, b = film(onset, 1, 1), film(moved, FLICKER, 2)
    lit = np.clip(LIT * onset, 0, 1)
    images = (face.frame(FACTOR * MOTION), face.length, np.zeros_like(face.length))
    titles = (f"truth, {MOTION} px x {FACTOR}", "true motion", f"true motion, light {LIT - 1:+.0%}")
    for axis, image, title in zip(axes[:, 0], images, titles, strict=True):
        axis.imshow(image, vmin=0, vmax=1, cmap="magma")
        axis.set_title(title)
    for column, (name, candidate) in zip(axes[:, 1:].T, candidates.items(), strict=True):
        pair = candidate(a, b)
        column[0].imshow(np.clip(pair.frame(FACTOR), 0, 1))
        column[0].set_title(f"{name}: magnified")
        if pair.latent:
            filmed, light = (magnitude(forms(x.latent(FACTOR))[READ]) for x in (pair, candidate(onset, lit)))
            # One scale for both, so that the response to light compares with that to motion.
            scale = np.quantile(filmed, 0.999)
            titles = ("latent as read, as filmed", "latent as read, light alone")
            for axis, image, title in zip(column[1:], (filmed, light), titles, strict=True):
                axis.imshow(image, vmin=0, vmax=scale, cmap="magma")
                axis.set_title(f"{name}: {title}")
    for axis in axes.flat:
        axis.set_axis_off()
