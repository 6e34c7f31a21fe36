"""Plans of the stand-in clips: subject, AUs, onset, apex and offset of every clip of the six databases.

``full`` has the counts of the real databases (clips, subjects, positives of the 12 AUs, clip lengths
in frames); ``demo`` is small, with equal AU counts so that every AU can be learnt.
"""

from dataclasses import dataclass, field

import numpy as np

from infusenet.protocol import AUS
from infusenet.standins import clip_names
from infusenet.standins.database_sizes import (
    DEMO_CLIPS,
    DEMO_FRAMES,
    DEMO_POSITIVES,
    DEMO_SUBJECTS,
    DEMO_WITHOUT,
    FULL,
    Size,
)

# Pairs of AUs that pull one place in opposite directions; a clip has both only if it cannot be avoided.
OPPOSED = ({12, 14}, {12, 15}, {14, 15}, {5, 7}, {2, 4}, {1, 4}, {9, 10})


@dataclass(frozen=True)
class ClipPlan:
    """One clip to be rendered. ``aus`` maps AU to its sides (LR, L, R), ``peaks`` to native px.

    ``clip`` is its id in the reader's table; ``person`` counts the subjects from 0; ``number`` counts
    the database's clips from 0. ``film`` is the name of a film that holds several clips (CAS(ME)^3).
    """

    database: str
    person: int
    subject: str
    clip: str
    number: int
    onset: int
    apex: int
    offset: int
    aus: dict[int, str]
    peaks: dict[int, float]
    emotion: str
    film: str = ""
    dropped: tuple[int, ...] = field(default=())

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.clip}"

    @property
    def frames(self) -> list[int]:
        return [n for n in range(self.onset, self.offset + 1) if n not in self.dropped]


def plan(database: str, scale: str, seed: int, amplitude: float = 1.0) -> list[ClipPlan]:
    """All clips of one database, in the order of its workbook; ``amplitude`` multiplies their peaks."""
    demo, size = scale == "demo", FULL[database]
    generator = np.random.default_rng([seed, list(FULL).index(database), 1])
    count, people = (DEMO_CLIPS, DEMO_SUBJECTS) if demo else (size.clips, size.subjects)
    positives = dict(zip(AUS, size.positives, strict=True))
    if demo:
        positives = {au: DEMO_POSITIVES * bool(n) for au, n in positives.items()}
    subjects = clip_names.SUBJECTS[database](people, demo)
    # Every subject has a clip; the others are spread unevenly, as in real databases.
    shares = generator.dirichlet(np.full(people, 20.0 if demo else 1.5))
    owners = sorted([*range(people), *generator.choice(people, count - people, p=shares).tolist()])
    special = clip_names.special_clips(database)
    rows = clip_names.name_clips(database, [subjects[person] for person in owners], special, generator)
    fixed = {row: special[name].aus for row, name in enumerate(rows) if name in special}
    labels = assign(count, positives, DEMO_WITHOUT if demo else size.without, fixed, generator)
    clips, ends = [], {}
    for number, (person, (subject, clip)) in enumerate(zip(owners, rows, strict=True)):
        aus = labels[number]
        onset, apex, offset = _times(database, demo, size, number, generator)
        film = clip.rstrip("0123456789") if database == "casme3a" else ""
        if film:  # clips of one film follow each other
            shift = ends.get((subject, film), 0)
            onset, apex, offset = onset + shift, apex + shift, offset + shift
            ends[subject, film] = offset + int(generator.integers(3, 12))
        if (subject, clip) in special and special[subject, clip].apex:
            shift = special[subject, clip].apex - apex
            onset, apex, offset = onset + shift, apex + shift, offset + shift
        inner = [n for n in range(onset + 1, offset) if n != apex]
        dropped = (inner[0],) if database == "casme3a" and number % 20 == 7 and inner else ()
        peaks = {au: amplitude * draw_peak(generator) for au in aus}
        emotion = clip_names.emotion(database, clip, generator)
        clips.append(
            ClipPlan(
                database,
                person,
                subject,
                clip,
                number,
                onset,
                apex,
                offset,
                aus,
                peaks,
                emotion,
                film,
                dropped,
            )
        )
    return clips


def assign(
    count: int, positives: dict[int, int], without: int, fixed: dict, generator
) -> list[dict[int, str]]:
    """Spread each AU's positives over the clips: {AU: sides} per clip, exact in every count.

    ``fixed``: the AUs of clips that are fixed beforehand. ``without`` of the others stay empty; a clip gets as
    few AUs as possible, and opposed AUs only if no other clip is free.
    """
    labels: list[dict[int, str]] = [dict(fixed.get(row, {})) for row in range(count)]
    free = [row for row in range(count) if row not in fixed]
    empty = sum(not aus for aus in fixed.values())
    closed = set(generator.choice(free, without - empty, replace=False).tolist())
    remaining = {au: n - sum(au in aus for aus in fixed.values()) for au, n in positives.items()}
    for au in sorted(remaining, key=lambda au: -remaining[au]):
        opposed = {other for pair in OPPOSED if au in pair for other in pair - {au}}
        for _ in range(remaining[au]):
            open_rows = [row for row in free if row not in closed and au not in labels[row]]
            ties = generator.random(count)
            row = min(open_rows, key=lambda r: (len(opposed & labels[r].keys()), len(labels[r]), ties[r]))
            labels[row][au] = generator.choice(["LR", "LR", "LR", "L", "R"])
    return [{au: str(sides) for au, sides in sorted(aus.items())} for aus in labels]


def _times(database: str, demo: bool, size: Size, number: int, generator) -> tuple[int, int, int]:
    """Onset, apex and offset: lengths about the median with a tail to the maximum."""
    low, middle, high = DEMO_FRAMES if demo else size.frames
    if number < 2 and not demo:
        length = (low, high)[number]
    else:
        u = generator.random()
        # The tail's exponent follows from how far the maximum lies from the median.
        tail = generator.random() ** max(2.0, (high - middle) / (middle - low) * 0.5)
        length = round(middle - (middle - low) * u if u < 0.5 else middle + (high - middle) * tail)
    rise = int(np.clip(round(length * generator.uniform(0.3, 0.55)), max(1, size.rise[0]), size.rise[1]))
    rise = min(rise, length - 2)
    if database == "casme3a" and number % 16 == 3:
        rise = 0
    onset = clip_names.onset(database, generator)
    return onset, onset + rise, onset + length - 1


def draw_peak(generator) -> float:
    """Peak displacement in native px: most between 1 and 3, a tenth hardly visible."""
    return float(generator.uniform(0.3, 1.0) if generator.random() < 0.1 else generator.uniform(1.2, 3.0))
