"""The picture of one clip: faces and maps, a bar per Action Unit, the timeline. The same inputs give the same bytes."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from scipy.special import expit

from infusenet.detection.clip_arrays import Window
from infusenet.detection.clip_maps import ClipMaps
from infusenet.detection.scores import ClipScores
from infusenet.evaluation.plots import plt, save
from infusenet.protocol import AU_TITLES, AUS
from infusenet.report.face_maps import draw_activation, draw_flow, draw_map, gray

COLUMNS = 8  # panels in a row
SIDE = 1.9  # of a panel, inches
DECIDED, OTHER, MOTION = "#D55E00", "0.75", "#0072B2"
LINE = 150  # characters


@dataclass(frozen=True)
class Timeline:
    """``first`` and ``last`` frame of the footage, its ``rate`` in frames per second if known, the ``windows`` of its
    expressions; where they were spotted, the score ``motion`` of the frames ``numbers``."""

    first: int
    last: int
    rate: float | None
    windows: Sequence[Window]
    numbers: Sequence[int] = ()
    motion: Sequence[float] = ()


def draw_clip(
    maps: ClipMaps, scores: ClipScores, timeline: Timeline, heading: str, caution: str, path: Path
) -> None:
    """Write the picture of a clip as a PNG.

    ``heading``: a line on the models. ``caution``: one on their training, drawn in a warning's colour; may be empty.
    """
    activations = list(maps.activations.items())
    rows = -(-len(activations) // COLUMNS)
    heights = [SIDE * 1.35, *[SIDE * 1.15] * rows, 3.3]
    figure = plt.figure(figsize=(COLUMNS * SIDE, sum(heights) + 1.1), layout="constrained")
    grid = figure.add_gridspec(len(heights), COLUMNS, height_ratios=heights)
    _draw_face([figure.add_subplot(grid[0, column]) for column in range(COLUMNS)], maps)
    face = gray(maps.onset)
    for place, (au, activation) in enumerate(activations):
        axis = figure.add_subplot(grid[1 + place // COLUMNS, place % COLUMNS])
        draw_activation(axis, face, activation)
        empty = "" if activation.any() else "\n(empty map)"
        axis.set_title(f"Grad-CAM AU{au}{empty}", fontsize=9)
        axis.set_axis_off()
    _draw_bars(figure.add_subplot(grid[-1, :4]), scores)
    _draw_timeline(figure, grid[-1, 4:], timeline, scores.window)
    lines = [title(scores), *textwrap.wrap(drawable(heading), LINE)]
    figure.suptitle("\n".join(lines), fontsize=11, parse_math=False)
    figure.supxlabel("\n".join(remarks(maps, caution)), fontsize=9, color=DECIDED if caution else "black")
    save(figure, path)


def draw_footage(timeline: Timeline, name: str, caution: str, path: Path) -> None:
    """Write the timeline of footage without an expression as a PNG."""
    figure = plt.figure(figsize=(COLUMNS * SIDE, 2.6), layout="constrained")
    _draw_timeline(figure, figure.add_gridspec(1, 1)[0], timeline, None)
    figure.suptitle(f"{drawable(name)}: no expression spotted", fontsize=11, parse_math=False)
    figure.supxlabel(caution, fontsize=9, color=DECIDED)
    save(figure, path)


def title(scores: ClipScores) -> str:
    """Name, window and confidence of an interval, at most `LINE` characters a line."""
    window, confidence = scores.window, ""
    if scores.confidence is not None:
        confidence = f" (spotted, confidence {scores.confidence:.2f})"
    text = f"{drawable(scores.clip)}: onset {window.onset}, apex {window.apex}, offset {window.offset}{confidence}"
    return "\n".join(textwrap.wrap(text, LINE))


def remarks(maps: ClipMaps, caution: str) -> list[str]:
    """Sentences below the picture: the caution, what is missing, and from where the activation is."""
    texts = [caution] if caution else []
    if maps.activations:
        texts.append(f"Grad-CAM after block {maps.block} and masks: the apex is the pseudo-apex, too.")
    elif not any(text.startswith("Grad-CAM") for text in maps.missing):
        texts.append("No Action Unit is decided (all logits are at most 0), so there is no Grad-CAM.")
    if maps.missing:
        texts.append(f"Not shown: {'; '.join(maps.missing)}.")
    return texts


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def drawable(text: str) -> str:
    """``text`` with escapes such as ``\\u5e27`` for characters that the pictures' font has not."""
    return "".join(c if ord(c) in _characters() else c.encode("unicode_escape").decode() for c in text)


def _draw_face(axes: list, maps: ClipMaps) -> None:
    """Crops, flow, strain and masks from the left; axes without one stay empty."""
    rest = iter(axes)
    for name, crop in (("onset", maps.onset), ("apex", maps.apex)):
        if crop is not None:
            axis = next(rest)
            axis.imshow(crop)
            axis.set_title(name, fontsize=9)
    panels = {}
    if maps.flow is not None:
        axis = next(rest)
        scale = draw_flow(axis.figure, axis, gray(maps.onset), maps.flow[:2])
        axis.set_title(f"flow, px (arrows ×{scale:.0f})", fontsize=9)
        panels["strain, px per px"] = maps.flow[2]
    # A map per infused block.
    for name, values in (panels | maps.masks).items():
        axis = next(rest)
        draw_map(axis.figure, axis, values, maps.landmarks, len(maps.onset))
        axis.set_title(name, fontsize=9)
    for axis in axes:
        axis.set_axis_off()


def _draw_bars(axis, scores: ClipScores) -> None:
    """Probability of each AU; of several models the range of one standard deviation of their logits."""
    places = np.arange(len(AUS))
    colours = [DECIDED if decision else OTHER for decision in scores.decision]
    axis.barh(places, scores.probability, color=colours)
    spread = ""
    if len(scores.logits) > 1:
        low, high = (expit(scores.mean + sign * scores.spread) for sign in (-1, 1))
        ends = scores.probability - low, high - scores.probability
        axis.errorbar(
            scores.probability, places, xerr=ends, fmt="none", ecolor="black", elinewidth=1, capsize=3
        )
        spread = f"; mean of {len(scores.logits)} models, ± one standard deviation of their logits"
    axis.axvline(0.5, color="black", lw=1, ls=":")
    for place, value in zip(places, scores.probability, strict=True):
        axis.text(1.02, place, f"{value:.2f}", va="center", fontsize=9)
    axis.set_yticks(places, [f"{AU_TITLES[au]}  AU{au}" for au in AUS], fontsize=9)
    axis.set(xlim=(0, 1), ylim=(len(AUS) - 0.4, -0.6))
    axis.set_title(f"probability{spread}", fontsize=9)


def _draw_timeline(figure, place, timeline: Timeline, window: Window | None) -> None:
    """Motion and windows over the footage; below, the part around ``window`` enlarged, where the motion is known."""
    spans = [(timeline.first, timeline.last)]
    if window and len(timeline.motion):
        margin = max(5, window.offset - window.onset)
        near = max(timeline.first, window.onset - margin), min(timeline.last, window.offset + margin)
        spans += [near] if near != spans[0] else []
    for row, (first, last) in enumerate(spans):
        axis = figure.add_subplot(place.subgridspec(len(spans), 1)[row])
        for each in timeline.windows:
            colour = DECIDED if each == window else "0.5"
            axis.axvspan(each.onset, each.offset, color=colour, alpha=0.25, lw=0)
            axis.axvline(each.apex, color=colour, lw=1.5)
        if len(timeline.motion):
            axis.plot(timeline.numbers, timeline.motion, color=MOTION, lw=1)
            axis.set_ylabel("motion", fontsize=9)
        else:
            axis.set_yticks([])
        axis.set_xlim(first - 0.5, last + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.tick_params(labelsize=8)
    axis.set_xlabel(f"frame{f', {timeline.rate:g} a second' if timeline.rate else ''}", fontsize=9)
