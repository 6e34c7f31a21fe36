"""The picture of one clip: faces and maps, a bar per Action Unit, the timeline. The same inputs give the same bytes."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import MaxNLocator
from scipy.special import expit

from infusenet.detection.clip_arrays import Window
from infusenet.detection.clip_maps import ClipMaps
from infusenet.detection.scores import ClipScores
from infusenet.evaluation.plots import plt, save
from infusenet.protocol import AU_TITLES, AUS
from infusenet.report.face_maps import draw_activation, draw_flow, draw_map, gray

# Inches: a panel, the space between panels (below one its colour bar), margins, and parts of the lower half.
SIDE, GAP, BAR, TITLE, MARGIN, LINE_HEIGHT = 1.75, 0.15, 0.35, 0.3, 0.2, 0.2
COLUMNS, HALF = 8, 4  # panels in a row; those to the right of the bars
WIDTH = 2 * MARGIN + COLUMNS * (SIDE + GAP) - GAP
NAMES, BARS, STRIP, CURVE, AXIS = 2.2, 3.4, 0.35, 0.8, 0.5
CHARACTERS, REMARK_CHARACTERS = 150, 110  # in a line of the heading, of the remarks
DECIDED, OTHER, MOTION, CAUTION = "#D55E00", "0.75", "#0072B2", "#A83D00"


@dataclass(frozen=True)
class Timeline:
    """``first`` and ``last`` frame of the footage, its ``rate`` in frames per second if known, the ``windows`` of its
    expressions; where they were spotted, what `infusenet.detection.spotting.Spotting` has of the frames."""

    first: int
    last: int
    rate: float | None
    windows: Sequence[Window]
    numbers: Sequence[int] = ()
    motion: Sequence[float] = ()
    without_face: Sequence[tuple[int, int]] = ()


class _Sheet:
    """A figure on which axes are placed in inches from its upper left corner."""

    def __init__(self, height: float, lines: Sequence[str]):
        self.height = height + 2 * MARGIN + LINE_HEIGHT * len(lines)
        self.top = self.height - MARGIN
        self.figure = plt.figure(figsize=(WIDTH, self.height))
        for line in lines:
            self.text(0, 0, line, fontsize=11)
            self.top -= LINE_HEIGHT

    def axes(self, x: float, y: float, width: float, height: float):
        place = (MARGIN + x, self.top - y - height, width, height)
        return self.figure.add_axes([v / s for v, s in zip(place, (WIDTH, self.height) * 2, strict=True)])

    def panel(self, column: int, y: float, title: str):
        axis = self.axes(column * (SIDE + GAP), y + TITLE, SIDE, SIDE)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
        return axis

    def text(self, x: float, y: float, text: str, **style) -> None:
        x, y = (MARGIN + x) / WIDTH, (self.top - y) / self.height
        self.figure.text(x, y, text, va="top", parse_math=False, **style)


def draw_clip(
    maps: ClipMaps, scores: ClipScores, timeline: Timeline, heading: str, caution: str, path: Path
) -> None:
    """Write the picture of a clip as a PNG.

    ``heading``: a line on the models; ``caution``: one on their training, empty where there is nothing to warn of.
    """
    rows = -(-len(maps.activations) // HALF)
    y_bars = TITLE + SIDE + BAR + GAP
    y_timeline = y_bars + rows * (TITLE + SIDE + GAP)
    strips = _strips(timeline, scores.window)
    notes = [(line, CAUTION) for line in textwrap.wrap(caution, REMARK_CHARACTERS)]
    notes += [(line, "black") for text in remarks(maps) for line in textwrap.wrap(text, REMARK_CHARACTERS)]
    y_notes = y_timeline + TITLE + _height(timeline, strips) + 0.1
    bottom = max(y_bars + TITLE + BARS + TITLE, y_notes + LINE_HEIGHT * len(notes))
    sheet = _Sheet(bottom, [*_wrapped(title(scores)), *_wrapped(heading)])
    _draw_face(sheet, maps)
    _draw_bars(sheet.axes(NAMES, y_bars + TITLE, HALF * (SIDE + GAP) - NAMES - 0.9, BARS), scores)
    face = gray(maps.onset)
    for place, (au, activation) in enumerate(maps.activations.items()):
        row, column = divmod(place, HALF)
        empty = "" if activation.any() else ", empty map"
        axis = sheet.panel(HALF + column, y_bars + row * (TITLE + SIDE + GAP), f"Grad-CAM AU{au}{empty}")
        draw_activation(axis, face, activation)
    x = HALF * (SIDE + GAP)
    _draw_timeline(sheet, x, y_timeline + TITLE, timeline, strips, scores.window)
    for place, (line, colour) in enumerate(notes):
        sheet.text(x, y_notes + place * LINE_HEIGHT, line, fontsize=9, color=colour)
    save(sheet.figure, path)


def draw_footage(timeline: Timeline, name: str, heading: str, caution: str, path: Path) -> None:
    """Write the timeline of footage in which no expression was spotted as a PNG."""
    strips = _strips(timeline, None)
    height = _height(timeline, strips)
    lines = [*_wrapped(f"{name}: no expression spotted"), *_wrapped(heading)]
    sheet = _Sheet(height + 0.2 + LINE_HEIGHT, lines)
    _draw_timeline(sheet, 0, 0.1, timeline, strips, None)
    sheet.text(0, height + 0.2, caution, fontsize=9, color=CAUTION)
    save(sheet.figure, path)


def title(scores: ClipScores) -> str:
    """Name and window of an interval, and its confidence where it was spotted."""
    window = scores.window
    spotted = "" if scores.confidence is None else f", spotted with confidence {scores.confidence:.2f}"
    return f"{scores.clip}: onset {window.onset}, apex {window.apex}, offset {window.offset}{spotted}"


def remarks(maps: ClipMaps) -> list[str]:
    """Sentences below the timeline: how the maps were made, and what is missing."""
    texts = []
    if maps.activations:
        texts.append(f"Grad-CAM: after block {maps.block}, with the apex as pseudo-apex, too.")
    if maps.missing:
        texts.append(f"Not shown: {'; '.join(maps.missing)}.")
    return texts


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(drawable(text), CHARACTERS)


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def drawable(text: str) -> str:
    """``text`` with escapes such as ``\\u5e27`` for characters that the pictures' font has not."""
    return "".join(c if ord(c) in _characters() else c.encode("unicode_escape").decode() for c in text)


def _draw_face(sheet: _Sheet, maps: ClipMaps) -> None:
    """Crops, flow, strain and masks, from the left."""
    columns = iter(range(COLUMNS))
    for name, crop in (("onset", maps.onset), ("apex", maps.apex)):
        if crop is not None:
            sheet.panel(next(columns), 0, name).imshow(crop)
    panels = {}
    if maps.flow is not None:
        axis = sheet.panel(next(columns), 0, "")
        _scale(axis, draw_flow(axis, gray(maps.onset), maps.flow[:2]))
        axis.title.set_fontsize(9)
        panels["strain, px per px"] = maps.flow[2]
    for name, values in (panels | maps.masks).items():
        axis = sheet.panel(next(columns), 0, name)
        _scale(axis, draw_map(axis, values, maps.landmarks, len(maps.onset)))


def _scale(axis, image) -> None:
    """A colour bar below a panel."""
    place = axis.inset_axes([0.05, -0.07, 0.9, 0.04])
    bar = axis.figure.colorbar(image, cax=place, orientation="horizontal", ticks=MaxNLocator(3))
    bar.ax.tick_params(labelsize=7, pad=1, length=2)


def _draw_bars(axis, scores: ClipScores) -> None:
    """Probability of each AU; of several models also one standard deviation of their logits to both sides."""
    places = np.arange(len(AUS))
    probability = scores.probability
    axis.barh(places, probability, color=[DECIDED if decision else OTHER for decision in scores.decision])
    spread = ""
    if len(scores.logits) > 1:
        low, high = (expit(scores.mean + sign * scores.spread) for sign in (-1, 1))
        ends = probability - low, high - probability
        axis.errorbar(probability, places, xerr=ends, fmt="none", ecolor="black", elinewidth=1, capsize=3)
        spread = f", mean of {len(scores.logits)} models ± standard deviation of their logits"
    axis.axvline(0.5, color="black", lw=1, ls=":")
    for place, value in zip(places, probability, strict=True):
        axis.text(1.02, place, f"{value:.2f}", va="center", fontsize=9)
    axis.set_yticks(places, [f"{AU_TITLES[au]}  AU{au}" for au in AUS], fontsize=9)
    axis.tick_params(axis="x", labelsize=8)
    axis.set(xlim=(0, 1), ylim=(len(AUS) - 0.4, -0.6))
    axis.set_title(f"probability{spread}", fontsize=9)


def _strips(timeline: Timeline, window: Window | None) -> list[tuple[int, int]]:
    """First and last frame of each strip of the timeline: the footage, and what is around a window in a long one."""
    whole = timeline.first, timeline.last
    if window is None:
        return [whole]
    margin = max(5, window.offset - window.onset)
    near = max(timeline.first, window.onset - margin), min(timeline.last, window.offset + margin)
    return [whole] if near[1] - near[0] > (whole[1] - whole[0]) / 2 else [whole, near]


def _height(timeline: Timeline, strips: Sequence[tuple[int, int]]) -> float:
    return len(strips) * ((CURVE if len(timeline.motion) else STRIP) + TITLE) + LINE_HEIGHT


def _draw_timeline(
    sheet: _Sheet,
    x: float,
    y: float,
    timeline: Timeline,
    strips: Sequence[tuple[int, int]],
    window: Window | None,
) -> None:
    """The windows, and the motion where it is known; of `_strips` one below the other."""
    height, left = (CURVE, AXIS) if len(timeline.motion) else (STRIP, 0)
    for row, (first, last) in enumerate(strips):
        axis = sheet.axes(x + left, y + row * (height + TITLE), WIDTH - 2 * MARGIN - x - left, height)
        for start, stop in timeline.without_face:
            axis.axvspan(start - 0.5, stop + 0.5, color="0.8", hatch="//", lw=0)
        for each in timeline.windows:
            colour = DECIDED if each == window else "0.5"
            axis.axvspan(each.onset, each.offset, color=colour, alpha=0.25, lw=0)
            axis.axvline(each.apex, color=colour, lw=1.5)
        axis.plot(timeline.numbers, timeline.motion, color=MOTION, lw=1)
        axis.set_xlim(first - 0.5, last + 0.5)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(2 if left else 0))
        axis.tick_params(labelsize=8)
    rate = f", {timeline.rate:g} per second" if timeline.rate else ""
    motion = "; motion out and back, in eye distances" if left else ""
    hatched = "; hatched without a face" if timeline.without_face else ""
    axis.set_xlabel(
        f"frame{rate}; shaded from onset to offset, line at the apex{motion}{hatched}", fontsize=9
    )
