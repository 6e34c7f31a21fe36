"""Long stand-in films whose expressions are known: a face with micro-expressions, blinks, head motion and flicker.

Faces, muscles, camera and renderer are those of the stand-in databases. Frames are drawn one by one when they are
read, so that a film of a minute at 200 frames per second needs no disk and little memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from infusenet.detection.spotting import Interval
from infusenet.preprocess.alignment import compose
from infusenet.protocol import AUS
from infusenet.standins import render, subjects
from infusenet.standins.camera import Camera, Shot, shoot
from infusenet.standins.clip_plans import OPPOSED, draw_peak
from infusenet.standins.motion import Pull, pulls, time_course
from infusenet.standins.truth import ClipTruth

SIDE = 176  # px of a frame
EYES = 64  # px between the outer eye corners
# The same distance in frames of the demo's CASME II, for which the peaks of Action Units are drawn, px.
PEAK_EYES = 135
IDENTITY = 8_000_000  # seed of faces that no other bench draws
# Sensor noise (gray levels) and flicker of the lamp (relative): from the stand-ins' CASME II to three and five times it.
NOISE, FLICKER, TILT = (0.6, 2.0), (0.004, 0.02), 1.5
# Head motion: sines of 0.5 to 2 Hz (px), and changes of posture, one every few seconds: standard deviations of the
# new place (px), size (relative) and roll (degrees).
SWAY, POSTURE, POSTURE_EVERY = 1.5, (3.0, 0.015, 1.5), (3.0, 8.0)
SHORTEST, LONGEST = 1 / 25, 1 / 2  # s, of an expression
BLINK, BLINK_EVERY = (0.15, 0.35), (2.0, 6.0)  # s: length, and time from one blink to the next
REST = 1.5  # s without an expression before and after each
# (subject, seed, frames per second, expressions, sway) of the films on which settings were chosen, and of those that
# confirm them: other faces and other seeds.
TUNING = (
    (0, 0, 30, 5, False), (1, 0, 30, 4, False), (2, 0, 30, 5, False), (3, 0, 30, 0, False), (0, 1, 30, 5, True),
    (1, 1, 30, 5, True), (2, 1, 30, 3, True), (3, 1, 30, 5, True), (4, 1, 30, 0, True), (0, 2, 200, 5, False),
    (1, 2, 200, 5, True), (2, 2, 200, 0, True),
)  # fmt: skip
CONFIRMATION = tuple(
    (subject + 10, seed + 10, rate, expressions, sway) for subject, seed, rate, expressions, sway in TUNING
)


@dataclass(frozen=True)
class Event:
    """A movement of the film: an expression with its ``aus``, or a blink, which has none. ``pulls`` in canvas px."""

    interval: Interval
    aus: tuple[int, ...]
    pulls: tuple[Pull, ...]


@dataclass(frozen=True)
class Film:
    """A film that `draw_film` planned; nothing is drawn before `frames` is read."""

    name: str
    rate: float
    subject: int
    shot: Shot
    events: tuple[Event, ...]

    @property
    def expressions(self) -> list[Interval]:
        return [event.interval for event in self.events if event.aus]

    @property
    def minutes(self) -> float:
        return len(self.shot.numbers) / self.rate / 60

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """(number, uint8 (SIDE, SIDE, 3) RGB) in order; the same bytes each time."""
        subject, second = draw_subject(self.subject), round(self.rate)
        for start in range(0, len(self.shot.numbers), second):
            part = self._part(start, start + second)
            for number in part.shot.numbers:
                yield number, render.render(subject, part, number)

    def _part(self, start: int, stop: int) -> ClipTruth:
        """The truth of some frames, with the movements that these frames show and no others."""
        shot, rows = self.shot, slice(start, stop)
        numbers = shot.numbers[rows]
        shown = [
            event
            for event in self.events
            if event.interval.onset < numbers[-1] and event.interval.offset > numbers[0]
        ]
        shot = replace(
            shot, poses=shot.poses[rows], gains=shot.gains[rows], numbers=numbers, seed=shot.seed + start
        )
        fields = {key: list(event.pulls) for key, event in enumerate(shown)}
        courses = {key: course(np.array(numbers), event.interval) for key, event in enumerate(shown)}
        return ClipTruth(self.subject, shot, fields, courses)


def course(numbers: np.ndarray, interval: Interval) -> np.ndarray:
    """Share of the peak at each frame: 0 up to the onset, 1 at the apex, 0 from the offset on."""
    onset, apex, offset = interval.onset, interval.apex, interval.offset
    rise = time_course(numbers, onset, apex, offset)
    fall = time_course(-numbers, -offset, -apex, -onset)
    return np.where(numbers < apex, rise, fall)


@lru_cache(maxsize=2)
def draw_subject(number: int) -> subjects.Subject:
    return subjects.draw(np.random.default_rng([IDENTITY, number]))


def draw_film(
    subject: int,
    seed: int,
    rate: float,
    expressions: int,
    sway: bool,
    blinks: bool = True,
    seconds: float = 60,
) -> Film:
    """Plan a film.

    Parameters
    ----------
    subject, seed : numbers of the face, and of everything else
    rate : frames per second
    expressions : number of micro-expressions, each 1/25 to 1/2 s long, with one or two of the 12 Action Units
    sway : with head motion; without it the head is still
    blinks : with a blink every 2 to 6 s, also during expressions
    seconds : length of the film
    """
    generator = np.random.default_rng([IDENTITY, subject, seed])
    numbers = np.arange(1, round(seconds * rate) + 1)
    landmarks = draw_subject(subject).landmarks
    noise, flicker = generator.uniform(*NOISE), generator.uniform(*FLICKER)
    size = SIDE, SIDE
    camera = Camera(size, size, EYES / SIDE, False, 95, noise, SWAY * sway, TILT, flicker, rate)
    shot = shoot(camera, False, landmarks, numbers, generator)
    if sway:
        shot = replace(shot, poses=_change_posture(shot.poses, numbers / rate, generator))
    events = [
        _expression(start, rate, landmarks, generator) for start in _starts(seconds, expressions, generator)
    ]
    if blinks:
        start = generator.uniform(*BLINK_EVERY)
        while start < seconds - BLINK[1]:
            events.append(_blink(start, rate, landmarks, generator))
            start += generator.uniform(*BLINK_EVERY)
    kind = f"{rate:g} fps, {'sway' if sway else 'still head'}, {expressions} expressions"
    return Film(f"{kind}, subject {subject}, seed {seed}", rate, subject, shot, tuple(events))


def _starts(seconds: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """Onsets in s, with `REST` around every expression."""
    free = seconds - REST - count * (LONGEST + REST)
    return REST + np.sort(generator.uniform(0, free, count)) + np.arange(count) * (LONGEST + REST)


def _interval(start: float, length: float, rise: float, rate: float) -> Interval:
    onset = round(start * rate) + 1
    offset = onset + max(2, round(length * rate))
    return Interval(
        onset, int(np.clip(round(onset + rise * (offset - onset)), onset + 1, offset - 1)), offset, 1.0
    )


def _expression(start: float, rate: float, landmarks: np.ndarray, generator: np.random.Generator) -> Event:
    interval = _interval(start, generator.uniform(SHORTEST, LONGEST), generator.uniform(0.3, 0.6), rate)
    aus = [int(generator.choice(AUS))]
    partners = [au for au in AUS if au != aus[0] and {au, aus[0]} not in OPPOSED]
    if generator.random() < 0.4:
        aus.append(int(generator.choice(partners)))
    eyes = np.hypot(*(landmarks[45] - landmarks[36]))
    moves = []
    for au in sorted(aus):
        sides = str(generator.choice(["LR", "LR", "LR", "L", "R"]))
        moves += _scaled(pulls(au, landmarks, sides), draw_peak(generator) / PEAK_EYES * eyes)
    return Event(interval, tuple(sorted(aus)), tuple(moves))


def _blink(start: float, rate: float, landmarks: np.ndarray, generator: np.random.Generator) -> Event:
    """The upper lids go down over the eyes: AU5 backwards, by the eyes' opening."""
    opening = np.mean(landmarks[[40, 41, 46, 47], 1] - landmarks[[38, 37, 44, 43], 1])
    interval = _interval(start, generator.uniform(*BLINK), 0.4, rate)
    return Event(interval, (), tuple(_scaled(pulls(5, landmarks), -0.9 * opening)))


def _scaled(field: list[Pull], factor: float) -> list[Pull]:
    return [replace(pull, dx=factor * pull.dx, dy=factor * pull.dy) for pull in field]


def _change_posture(poses: np.ndarray, time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The poses with a shift, a size and a roll of the head that change now and then, within 0.4 to 1.5 s."""
    place, size, roll = POSTURE
    state, states = np.zeros(4), np.zeros((len(time), 4))
    start = generator.uniform(*POSTURE_EVERY)
    while start < time[-1]:
        aim = generator.normal(0, (place, place, size, np.deg2rad(roll)))
        progress = ((time - start) / generator.uniform(0.4, 1.5)).clip(0, 1)
        states += np.outer((1 - np.cos(np.pi * progress)) / 2, aim - state)
        state, start = aim, start + generator.uniform(*POSTURE_EVERY)
    middle, moved = np.full(2, SIDE / 2), np.empty_like(poses)
    for row, (x, y, grow, turn) in enumerate(states):
        cos, sin = (1 + grow) * np.cos(turn), (1 + grow) * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        move = np.column_stack([linear, middle + (x, y) - linear @ middle])
        moved[row] = compose(move, poses[row])
    return moved
