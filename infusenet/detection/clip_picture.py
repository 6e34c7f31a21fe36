"""The picture of one clip: faces and maps, a bar per Action Unit, the timeline. The same inputs give the same bytes."""

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.special import expit

from infusenet.detection.clip_maps import ClipMaps
from infusenet.detection.picture_sheet import COLUMNS, GAP, LINE_HEIGHT, SIDE, TITLE, WIDTH, Sheet, wrapped
from infusenet.detection.scores import ClipScores
from infusenet.detection.timeline import Timeline, draw_timeline
from infusenet.evaluation.plots import save
from infusenet.protocol import AU_TITLES, AUS
from infusenet.report.face_maps import draw_activation, draw_flow, draw_map, gray

# Inches: a panel's colour bar; names, bars and numbers of the chart.
SCALE, NAMES, BARS, NUMBERS = 0.35, 2.2, 3.4, 0.9
HALF = 4  # panels to the right of the chart
CHARACTERS = 110  # in a line of the remarks
DECIDED, OTHER, CAUTION = "#D55E00", "0.75", "#A83D00"


def draw_clip(
    maps: ClipMaps, scores: ClipScores, timeline: Timeline, heading: str, caution: str, path: Path
) -> None:
    """Write the picture of a clip as a PNG.

    ``heading``: a line on the models; ``caution``: one on their training, empty where there is nothing to warn of.
    """
    rows = -(-len(maps.activations) // HALF)
    row_height = TITLE + SIDE + GAP
    y_chart = TITLE + SIDE + SCALE + GAP
    y_timeline = y_chart + rows * row_height + TITLE
    y_remarks = y_timeline + timeline.height(scores.window) + 0.1
    warning = wrapped(caution, CHARACTERS)
    lines = [line for text in remarks(maps, timeline) for line in wrapped(text, CHARACTERS)]
    bottom = y_remarks + LINE_HEIGHT * (len(warning) + len(lines))
    sheet = Sheet(max(bottom, y_chart + TITLE + BARS + TITLE), [title(scores), heading])
    _draw_face(sheet, maps)
    x = HALF * (SIDE + GAP)
    _draw_bars(sheet.axes(NAMES, y_chart + TITLE, x - NAMES - NUMBERS, BARS), scores)
    face = gray(maps.onset)
    for place, (au, activation) in enumerate(maps.activations.items()):
        row, column = divmod(place, HALF)
        empty = "" if activation.any() else ", empty map"
        axis = sheet.panel(HALF + column, y_chart + row * row_height, f"Grad-CAM AU{au}{empty}")
        draw_activation(axis, face, activation)
    draw_timeline(sheet, x, y_timeline, WIDTH - x, timeline, scores.window)
    sheet.write(x, y_remarks, warning, colour=CAUTION)
    sheet.write(x, y_remarks + LINE_HEIGHT * len(warning), lines)
    save(sheet.figure, path)


def draw_footage(timeline: Timeline, name: str, heading: str, caution: str, path: Path) -> None:
    """Write the timeline of footage in which no expression was spotted as a PNG."""
    height = timeline.height(None) + 0.1
    sheet = Sheet(height + 2 * LINE_HEIGHT, [f"{name}: no expression spotted", heading])
    draw_timeline(sheet, 0, 0.1, WIDTH, timeline, None)
    sheet.write(0, height, [timeline.remark])
    sheet.write(0, height + LINE_HEIGHT, [caution], colour=CAUTION)
    save(sheet.figure, path)


def title(scores: ClipScores) -> str:
    """Name and window of an interval, and its confidence where it was spotted."""
    window = scores.window
    spotted = "" if scores.confidence is None else f", spotted with confidence {scores.confidence:.2f}"
    return f"{scores.clip}: onset {window.onset}, apex {window.apex}, offset {window.offset}{spotted}"


def remarks(maps: ClipMaps, timeline: Timeline) -> list[str]:
    """Sentences on how the panels were made, and on those that are missing."""
    texts = [timeline.remark]
    if maps.activations:
        texts.append(f"Grad-CAM: after block {maps.block}, with the apex as pseudo-apex, too.")
    if maps.missing:
        texts.append(f"Not shown: {'; '.join(maps.missing)}.")
    return texts


def _draw_face(sheet: Sheet, maps: ClipMaps) -> None:
    """Crops, flow, strain and masks, from the left."""
    columns = iter(range(COLUMNS))
    for name, crop in (("onset", maps.onset), ("apex", maps.apex)):
        if crop is not None:
            sheet.panel(next(columns), 0, name).imshow(crop)
    panels = {}
    if maps.flow is not None:
        axis = sheet.panel(next(columns), 0, "")
        _draw_scale(axis, draw_flow(axis, gray(maps.onset), maps.flow[:2]))
        axis.title.set_fontsize(9)
        panels["strain, px per px"] = maps.flow[2]
    for name, values in (panels | maps.masks).items():
        axis = sheet.panel(next(columns), 0, name)
        _draw_scale(axis, draw_map(axis, values, maps.landmarks, len(maps.onset)))


def _draw_scale(axis, image) -> None:
    """A colour bar below a panel."""
    place = axis.inset_axes([0.05, -0.07, 0.9, 0.04])
    axis.figure.colorbar(image, cax=place, orientation="horizontal", ticks=MaxNLocator(3))
    place.tick_params(labelsize=7, pad=1, length=2)


def _draw_bars(axis, scores: ClipScores) -> None:
    """Probability of each AU; of several models also one standard deviation of their logits to both sides."""
    places, probability = np.arange(len(AUS)), scores.probability
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
