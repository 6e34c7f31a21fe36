"""Spotting: the intervals of a long film in which a face shows a micro-expression.

Regions of the face are followed against the head (`infusenet.detection.region_motion`, after He 2021), and an
interval is where one of them moves out and back within half a second (`infusenet.detection.rise_and_fall`, after
Moilanen et al. 2014). docs/spotting.md gives the settings with their reasons, and what was measured.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from infusenet.detection import rise_and_fall
from infusenet.detection.face_track import FaceTrack, Row
from infusenet.errors import InputError
from infusenet.preprocess.images import check_frames

# Every step-th frame is measured, with the largest step that leaves this many frames per second; around a movement
# all frames are.
SAMPLED = 50
# A film of fewer frames per second has at most two frames in the shortest expressions, 1/10 s in real databases.
SLOWEST = 20
# s: movements are looked for in blocks, with a margin on both sides that holds all that a movement depends on.
BLOCK, MARGIN = 8.0, 1.0


@dataclass(frozen=True)
class Interval:
    """An expression from ``onset`` to ``offset``, largest at ``apex``: frame numbers.

    ``confidence``, 0 to 1, is 1 - 1 / s, s being the movement's size over the threshold. It orders the intervals of
    a film and is no probability.
    """

    onset: int
    apex: int
    offset: int
    confidence: float


@dataclass(frozen=True)
class Spotting:
    """The result for one film.

    ``intervals`` are in order and disjoint. ``numbers`` int64 (n,) and ``motion`` float64 (n,) are the time line: of
    each frame that was measured, the size of the largest movement out and back around it, in eye distances.
    ``without_face`` lists (first, last) frame numbers between which no face was followed.
    """

    intervals: list[Interval]
    numbers: np.ndarray
    motion: np.ndarray
    without_face: list[tuple[int, int]]


def spot(frames: Iterable[tuple[int, np.ndarray]], rate: float, total: int | None = None) -> Spotting:
    """Spot micro-expressions in one pass; the memory needed does not grow with the film, but for the time line.

    Parameters
    ----------
    frames : (number, uint8 (H, W, 3) RGB upright), numbers growing; also a generator
    rate : frames per second, at least 20
    total : number of frames, for the progress bar

    Returns
    -------
    `Spotting`. Blinks do not count. A movement is not followed across a cut, a gap in the numbers of more than .1 s,
    or a time without a face.

    Raises
    ------
    InputError
        No frame or a single one, numbers that do not grow, a rate below 20, an array of another kind, or no face in
        the whole film.
    """
    if not (math.isfinite(rate) and rate >= SLOWEST):
        raise InputError(
            f"{rate:g} frames per second; spotting needs at least {SLOWEST}, because a micro-expression may last a "
            "tenth of a second: give onset and apex instead"
        )
    spotter, last = _Spotter(rate), None
    for number, frame in tqdm(frames, total=total, desc="spotting", unit="frame", disable=None):
        if last is not None and number <= last:
            raise InputError(f"frame {number} comes after frame {last}; expected numbers that grow")
        check_frames(f"frame {number}", frame, (3,))
        spotter.add(number, frame)
        last = number
    return spotter.finish()


class _Spotter:
    """The state of `spot`: rows of the current stretch, the first ``lead`` of which were in the block before."""

    def __init__(self, rate: float):
        self.rate, self.step = rate, max(1, int(rate // SAMPLED))
        self.block, self.margin = (self.step * round(time * rate / self.step) for time in (BLOCK, MARGIN))
        self.track = FaceTrack(rate, self.step)
        self.rows: list[Row] = []
        self.lead = self.count = 0
        self.intervals: list[Interval] = []
        self.numbers: list[int] = []
        self.motion: list[np.ndarray] = []
        self.without_face: list[tuple[int, int]] = []
        self.faceless = False  # whether the frame before had no face

    def add(self, number: int, frame: np.ndarray) -> None:
        self.count += 1
        row = self.track.add(number, frame)
        if row is None:
            self._end_stretch()
            self._add_faceless(number)
            return
        self.faceless = False
        self.rows.append(row)
        end = self.lead + self.block
        if len(self.rows) == end + self.margin:
            self._spot(end)
            del self.rows[: end - self.margin]
            self.lead = self.margin

    def finish(self) -> Spotting:
        if self.count < 2:
            raise InputError(f"{self.count} frames; spotting looks for motion and needs at least two")
        self._end_stretch()
        if not self.numbers:
            raise InputError(f"no face was followed in any of {self.count} frames: {self.track.reason}")
        return Spotting(
            self.intervals, np.array(self.numbers), np.concatenate(self.motion), self.without_face
        )

    def _end_stretch(self) -> None:
        if self.rows:
            self._spot(len(self.rows))
        self.rows, self.lead = [], 0

    def _add_faceless(self, number: int) -> None:
        first = self.without_face.pop()[0] if self.faceless else number
        self.without_face.append((first, number))
        self.faceless = True

    def _spot(self, end: int) -> None:
        """Spot in the rows from ``lead`` to ``end``; those around them are the margins."""
        rate, sampled = self.rate / self.step, self.rows[:: self.step]
        core = slice(self.lead // self.step, -(-end // self.step))
        height = rise_and_fall.heights(np.array([row.motion for row in sampled]), rate)
        threshold = rise_and_fall.thresholds(height, rate)
        self.numbers += [row.number for row in sampled[core]]
        self.motion.append(height[core].max(1))
        for apex in rise_and_fall.apexes(height, threshold, rate):
            if core.start <= apex < core.stop:
                self._add_interval(apex * self.step, threshold)

    def _add_interval(self, row: int, threshold: np.ndarray) -> None:
        first = max(row - self.margin, 0)
        near = self.rows[first : row + self.margin + 1]
        motion = np.array([frame.measured() for frame in near])
        peak = rise_and_fall.peak(motion, threshold, self.rate, row - first)
        if peak is None or peak.strength <= 1:
            return
        onset, apex, offset = (near[place].number for place in peak[:3])
        interval = Interval(onset, apex, offset, 1 - 1 / peak.strength)
        if self.intervals and interval.onset <= self.intervals[-1].offset:
            # Of two that overlap the clearer one stays.
            interval = max(self.intervals.pop(), interval, key=lambda one: one.confidence)
        self.intervals.append(interval)
