"""Rises and falls in the motion of a face's regions: the moments at which a part of the face moves out and back.

A region's motion d at time t is compared with half the longest expression before and after, as in Moilanen et al.
(2014, doi 10.1109/ICPR.2014.303): with a = d(t) - d(t - k) and b = d(t) - d(t + k) its height is a . b over the
longer of both where they point the same way, else 0. A step, a slow drift and the time beside an expression have none.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from infusenet.detection.region_motion import LIDS

LONGEST = 0.5  # s, of a micro-expression (Yan et al. 2013)
# Smallest height of an expression, in eye distances. Where a region is never still, in speech or noise, the threshold
# is `NOISE` times the upper quartile of its heights; that needs a stretch of `STRETCH` s, because a movement fills a
# shorter one.
SMALLEST, NOISE, STRETCH = 0.0015, 8.0, 4.0
# Share of the lids' height that a blink spills into the flow of outer brows, inner brows, cheeks and all others.
SPILL = np.repeat((0.35, 0.55, 0.25, 0.05, 0.05, 0.05, 0.05), 2)
# A region belongs to an expression if its height over the threshold is at least this share of the best one's.
TOGETHER = 0.5
EDGE = 0.15  # share of the peak at onset and offset
SMOOTH = 0.008  # s


class Peak(NamedTuple):
    """``onset``, ``apex`` and ``offset`` are rows; ``strength`` is the height at the row asked for over the threshold."""

    onset: int
    apex: int
    offset: int
    strength: float


def heights(motion: np.ndarray, rate: float) -> np.ndarray:
    """Heights of all regions without the lids: float64 (n, COUNT - 2), in eye distances.

    ``motion`` is complex (n, COUNT), in eye distances, one row per frame at ``rate`` frames per second; beyond its
    ends the face is taken to rest. What a blink spills is taken off.
    """
    height = _all_heights(motion, rate)
    return (height[:, : len(SPILL)] - SPILL * height[:, LIDS].max(1, keepdims=True)).clip(0)


def _span(rate: float) -> int:
    return max(1, round(LONGEST / 2 * rate))


def _all_heights(motion: np.ndarray, rate: float) -> np.ndarray:
    rows, span = np.arange(len(motion)), _span(rate)
    before = motion - motion[(rows - span).clip(0)]
    after = motion - motion[(rows + span).clip(max=len(motion) - 1)]
    longer = np.maximum(np.abs(before), np.abs(after))
    return (before * after.conj()).real.clip(0) / np.where(longer > 0, longer, 1)


def thresholds(height: np.ndarray, rate: float) -> np.ndarray:
    """Height above which a region's movement is an expression, by region: float64, in eye distances."""
    noise = np.quantile(height, 0.75, axis=0) if len(height) >= STRETCH * rate else 0.0
    return np.maximum(SMALLEST, NOISE * noise) * np.ones(height.shape[1])


def apexes(height: np.ndarray, threshold: np.ndarray, rate: float) -> list[int]:
    """Rows at which the height over the threshold is above 1 and the largest within `LONGEST` on both sides."""
    strength = (height / threshold).max(1)
    span, rows = 2 * _span(rate), []
    for row in np.argsort(-strength, kind="stable"):
        if strength[row] <= 1:
            break
        if all(abs(row - other) > span for other in rows):
            rows.append(int(row))
    return sorted(rows)


def peak(motion: np.ndarray, threshold: np.ndarray, rate: float, row: int) -> Peak | None:
    """The movement around a row, from `EDGE` of its size before the apex to `EDGE` of it after, at most `LONGEST` away;
    None where the largest motion is that of the first or last row."""
    span = _span(rate)
    height = heights(motion, rate)[row]
    strength = height / threshold
    part = np.flatnonzero(strength >= TOGETHER * strength.max())
    ends = motion[[max(row - span, 0), min(row + span, len(motion) - 1)]][:, part]
    direction = motion[row, part] - ends.mean(0)
    course = gaussian_filter1d((motion[:, part] @ direction.conj()).real, SMOOTH * rate, mode="nearest")
    first, last = max(row - 2 * span, 0), min(row + 2 * span, len(motion) - 1)
    low, high = max(row - span // 2, first), min(row + span // 2, last)
    apex = low + int(course[low : high + 1].argmax())
    onset = _edge(course[first : apex + 1][::-1])
    offset = _edge(course[apex : last + 1])
    if onset is None or offset is None:
        return None
    return Peak(apex - onset, apex, apex + offset, float(strength.max()))


def _edge(course: np.ndarray) -> int | None:
    """Number of rows from a peak, the first row, to the end of its slope; None without a slope.

    Noise would draw the smallest value after the slope too low, so the foot is the lower quartile of all that follows
    the slope's middle.
    """
    middle = np.flatnonzero(course <= (course[0] + course.min()) / 2)[0]
    foot = np.quantile(course[middle:], 0.25)
    end = int(np.flatnonzero(course <= foot + EDGE * (course[0] - foot))[0])
    return end or None
