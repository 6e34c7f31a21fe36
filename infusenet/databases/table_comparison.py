"""Differences between clips read from an owner's table and another table of these clips, with the reasons."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases import READERS, cd6me, joint_table, reader
from infusenet.databases.audit import MISSING_KEY_FRAME, NOT_IN_CD6ME
from infusenet.databases.clip_table import Clip, read_manifest
from infusenet.databases.rows import WINDOW, Reading
from infusenet.databases.workbooks.labels import normalised
from infusenet.errors import InputError
from infusenet.protocol import AUS, CD6ME

RELEASE, POLICY, ERRATUM = "release", "label policy", "erratum"
NOT_ON_DISK, OUTSIDE, REFUSED, UNKNOWN = "window not on disk", "not in CD6ME", "row refused", "unknown"
REASONS = (RELEASE, POLICY, ERRATUM, NOT_ON_DISK, OUTSIDE, REFUSED, UNKNOWN)


@dataclass(frozen=True)
class Difference:
    """``clip`` is subject/clip; ``text`` has the value that was read and that of the other table;
    ``reason`` is one of `REASONS`."""

    clip: str
    text: str
    reason: str


def read_table(path: Path, database: str) -> tuple[list[Clip], bool]:
    """The clips of one database in a joint table or a manifest, and whether they are all of CD6ME's.

    Raises
    ------
    InputError
        A clip list, or a manifest of another database of ``READERS``.
    """
    if set(joint_table.COLUMNS) <= set(csv_rows(path)[0]):
        clips = joint_table.read_table(path).get(database, [])
        return clips, database in CD6ME and len(clips) == cd6me.expected(database).clips
    clips = read_manifest(path)
    if others := sorted({clip.database for clip in clips} & set(READERS) - {database}):
        raise InputError(f"{path}: a table of {', '.join(others)}; expected one of {database}")
    if not all(clip.labels for clip in clips):
        raise InputError(f"{path}: a clip list, which has no labels; expected a manifest or the joint table")
    return clips, False


def differences(database: str, reading: Reading, table: Sequence[Clip], is_cd6me: bool) -> list[Difference]:
    """Everything in which clips that were read differ from those of ``table``, in the order of names.

    Parameters
    ----------
    database : one of ``READERS``
    table : clips of that database
    is_cd6me : the table has all clips of CD6ME, so that what it lacks is none of them

    Windows are compared in one numbering: the shift of CASME's Section A and B is taken off. Spellings of
    emotions are no difference, AUs beside the twelve are not compared.

    Raises
    ------
    InputError
        No clip is in both.
    """
    clips, others = _one_numbering(database, reading.clips, table)
    if not clips.keys() & others.keys():
        raise InputError(
            f"{database}: none of the {len(clips)} clips that were read is in the table to compare with, which has "
            f"{len(others)} (the first: {min(others, default='none')}); is that a table of {database}?"
        )
    reasons = _Reasons(database, reading, is_cd6me)
    differing = []
    for key in sorted(clips.keys() | others.keys()):
        if key not in others:
            differing.append(Difference(key, "not in the table", reasons.of_surplus(key)))
        elif key not in clips:
            differing.append(Difference(key, "not read", reasons.of_absence(key)))
        else:
            for field, ours, theirs in _fields(clips[key], others[key], reader(database).emotions):
                text = f"{field} {ours or 'empty'}, {theirs or 'empty'} in the table"
                differing.append(Difference(key, text, reasons.of_field(key, field)))
    return differing


def page(differences: Sequence[Difference], heading: str) -> str:
    """A line for each clip, then the number of clips for each reason; ``heading`` starts the last line."""
    by_clip: dict[str, list[Difference]] = {}
    for difference in differences:
        by_clip.setdefault(difference.clip, []).append(difference)
    lines = [f"{clip}: " + "; ".join(f"{d.text} ({d.reason})" for d in row) for clip, row in by_clip.items()]
    counts = Counter(reason for row in by_clip.values() for reason in {d.reason for d in row})
    totals = [f"{reason} {counts[reason]}" for reason in REASONS if counts[reason]]
    number = "1 clip differs" if len(by_clip) == 1 else f"{len(by_clip)} clips differ"
    ending = f"{number}: {', '.join(totals)}" if differences else "no clip differs"
    return "\n".join([*lines, f"{heading}: {ending}"])


def _one_numbering(
    database: str, clips: Sequence[Clip], table: Sequence[Clip]
) -> tuple[dict[str, Clip], dict[str, Clip]]:
    """Both sides by name, in the numbering in which most frame numbers are equal; of equals as they are."""
    pairs = [
        (clips, table),
        (cd6me.unshifted(database, clips), table),
        (clips, cd6me.unshifted(database, table)),
    ]
    sides = [tuple({clip.key: clip for clip in side} for side in pair) for pair in pairs]

    def equal(pair) -> int:
        clips, others = pair
        return sum(
            getattr(clips[key], field) == getattr(others[key], field)
            for key in clips.keys() & others.keys()
            for field in WINDOW
        )

    return max(sides, key=equal)


def _fields(clip: Clip, other: Clip, spellings: Mapping[str, str]) -> Iterator[tuple[str, object, object]]:
    """(field, value read, value in the table) of those that differ."""
    for field in WINDOW:
        if getattr(clip, field) != getattr(other, field):
            yield field, str(getattr(clip, field)), str(getattr(other, field))
    for n in AUS:
        if clip.labels[n] != other.labels[n]:
            yield f"AU{n}", str(clip.labels[n]), str(other.labels[n])
    if normalised(clip.emotion, spellings) != normalised(other.emotion, spellings):
        yield "emotion", clip.emotion, other.emotion


class _Reasons:
    """The reason for a difference, from what the reader noted about a clip."""

    def __init__(self, database: str, reading: Reading, is_cd6me: bool):
        self.kinds = {(finding.clip, finding.kind) for finding in reading.findings}
        self.refused = {row.clip: row.kind for row in reading.refused}
        self.corrected = reading.corrected
        self.is_cd6me = is_cd6me
        releases = [r for r in reader(database).releases if r.name in reading.releases]
        self.differs = frozenset().union(*(release.differs for release in releases))
        self.otherwise = RELEASE if reading.release and reading.releases else UNKNOWN

    def of_surplus(self, key: str) -> str:
        return OUTSIDE if self.is_cd6me or (key, NOT_IN_CD6ME) in self.kinds else self.otherwise

    def of_absence(self, key: str) -> str:
        if key not in self.refused:
            return self.otherwise
        return {NOT_IN_CD6ME: OUTSIDE, MISSING_KEY_FRAME: NOT_ON_DISK}.get(self.refused[key], REFUSED)

    def of_field(self, key: str, field: str) -> str:
        is_window = field in WINDOW
        kinds = (
            {"owner_window": NOT_ON_DISK} if is_window else {"other_labels": POLICY, "cd6me_labels": POLICY}
        )
        for kind, reason in kinds.items():
            if (key, kind) in self.kinds:
                return reason
        cell = "au" if field.startswith("AU") else field
        if cell in self.corrected.get(key, ()):
            return ERRATUM
        return RELEASE if cell in self.differs else UNKNOWN
