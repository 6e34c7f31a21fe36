"""From an owner's rows to clips: what all databases share. A ``Reader`` says what differs."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infusenet.databases import errata as errata_tables
from infusenet.databases.aus import AU_NUMBERS, parse
from infusenet.databases.folders import ClipFolders, Parts
from infusenet.databases.notes import Notes, Problems, Refused, RowError
from infusenet.databases.releases import Release, sheet_of, unexpected
from infusenet.databases.workbook import Line, plain, read_lines
from infusenet.errors import InputError
from infusenet.manifest import SAFE_ID, Clip, check


@dataclass(frozen=True)
class Row:
    """One annotated clip before its values are trusted.

    ``fields`` holds the owner's subject, clip, onset, apex, offset, au and emotion as text;
    ``subject`` and ``clip`` the ids in the form of the joint table.
    """

    number: int
    fields: dict[str, str]
    subject: str
    clip: str
    extra: dict[str, str]

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.clip}"


@dataclass(frozen=True)
class Reading:
    """What a table gave: clips in its order, rows that are none, and, if its release is not the one
    behind CD6ME, a sentence about that."""

    clips: list[Clip]
    refused: list[Refused]
    release: str | None


@dataclass(frozen=True)
class Reader:
    """What is peculiar to one database.

    Parameters
    ----------
    releases
        The workbooks in circulation; the first is the one behind CD6ME. Another one is told, not refused.
    fps
        Frames per second.
    columns
        Field (subject, clip, onset, apex, offset, au, emotion) -> header names it may have.
    subject
        Pattern with the number as its group, and the format of the id.
    folders
        Layouts of a clip's folder below the frames root, in order of preference; each is a list of
        spellings. The first spelling of the first is the layout that MEB uses.
    keep
        Which lines are micro-expressions at all.
    rename
        Gives the clips of a whole table their ids, where a row alone does not say it.
    problem
        The database's own check of one row: a sentence, or None.
    au_columns
        The workbook has 0/1 columns ``AU<n>``, which beat the AU string.
    comma
        Commas may stand between AUs.
    gaps
        Frames missing between the key frames are part of the release.
    """

    database: str
    releases: Sequence[Release]
    fps: float
    columns: Mapping[str, Sequence[str]]
    subject: tuple[str, str]
    folders: Callable[[Row], Sequence[Sequence[Parts]]]
    keep: Callable[[Line], bool] = lambda line: True
    rename: Callable[[list[Row]], list[Row]] = lambda rows: rows
    problem: Callable[[Row], str | None] = lambda row: None
    au_columns: bool = False
    comma: bool = False
    gaps: bool = False

    def subject_id(self, text: str) -> str:
        """The id in its one form: ``1``, ``01`` and ``1.0`` are the same subject."""
        pattern, form = self.subject
        match = re.fullmatch(rf"(?:{pattern})(?:\.0+)?", text, re.IGNORECASE)
        if not match or not int(match[1]):
            raise ValueError(f"subject '{text}', expected a form like '{form.format(1)}'")
        return form.format(int(match[1]))

    def read(self, annotations: Path, frames: Path, errata: Path, exclude: Collection[str] = ()) -> Reading:
        """The clips of a workbook, corrected, checked and found on disk; see ``databases.examine``."""
        notes = Notes(f"{self.database}: {annotations}")
        problems = Problems(annotations)
        fixes = errata_tables.load(self.database, errata)
        folders = ClipFolders(frames)
        lines = list(filter(self.keep, read_lines(annotations, self.columns)))
        rows = self._rows(lines, notes, problems)
        pairs = []
        for row in rows:
            with problems.of(row.number, row.key):
                pairs.append((row, self._clip(row, fixes.get((row.subject, row.clip), {}), notes)))
        clips = self.located(pairs, folders, notes, problems)
        refused = problems.raise_all(exclude)
        if len(clips) + len(refused) != len(lines):
            raise InputError(
                f"{annotations}: {len(lines)} rows, but {len(clips)} clips and {len(refused)} refused rows"
            )
        check(clips, str(annotations))
        keys = [(row.subject, row.clip) for row in rows]
        if absent := [f"{s}/{c}" for s, c in fixes.keys() - set(keys)]:
            shown = ", ".join(sorted(absent)[:3]) + (", ..." if len(absent) > 3 else "")
            notes.say(f"{len(absent)} of {len(fixes)} errata name clips that are not in the table: {shown}")
        notes.show()
        if release := unexpected(self.releases, sheet_of(lines, keys)):
            notes.say(release, "note")
        return Reading(clips, refused, release)

    def _rows(self, lines: list[Line], notes: Notes, problems: Problems) -> list[Row]:
        rows = []
        for line in lines:
            with problems.of(line.number):
                fields = {name: plain(text) for name, text in line.fields.items()}
                for name, text in line.fields.items():
                    if fields[name] != text:
                        notes.add("spelling", line.number, f"{name} '{text}' read as '{fields[name]}'")
                subject = self.subject_id(fields["subject"])
                rows.append(Row(line.number, fields, subject, fields["clip"], line.extra))
        named, first = [], {}
        for row in self.rename(rows):
            with problems.of(row.number):
                if not SAFE_ID.match(row.clip) or ".." in row.clip:
                    raise ValueError(f"clip '{row.clip}', expected only A-Z a-z 0-9 _ . - in a clip's name")
                key = (row.subject.lower(), row.clip.lower())
                if first.setdefault(key, row.number) != row.number:
                    raise RowError("duplicate", f"clip {row.key} stands in row {first[key]} already")
                if problem := self.problem(row):
                    raise ValueError(problem)
                named.append(row)
        return named

    def _clip(self, row: Row, fix: dict[str, str], notes: Notes) -> Clip:
        values = row.fields | fix
        for name, value in fix.items():
            if value != row.fields[name]:
                text = f"{name} '{row.fields[name]}' repaired to '{value}' from the errata"
                notes.add("errata applied", row.number, text)
        clip = Clip(
            self.database, row.subject, row.clip, **frame_numbers(values),
            frames="", emotion=values["emotion"], au=values["au"],
        )  # fmt: skip
        return replace(clip, labels=self._labels(row, values["au"], "au" in fix, notes))

    def _labels(self, row: Row, text: str, corrected: bool, notes: Notes) -> dict[int, int]:
        try:
            aus = parse(text, self.comma)
        except ValueError as error:
            raise RowError("unknown_au", str(error)) from None
        if "," in text:
            notes.add("comma", row.number, f"AU '{text}': comma read as '+'")
        if both := aus.plain & aus.kept:
            notes.add(
                "kept AU", row.number, f"AU '{text}': {_names(both)} plain and (k); taken as not active"
            )
        active = aus.active
        # An erratum on the string was made because the whole row's AUs were wrong, columns included.
        if self.au_columns and not corrected and (columns := au_columns(row.extra)):
            marked = {n for n, value in columns.items() if value}
            if unknown := marked - set(AU_NUMBERS):
                raise RowError("unknown_au", f"column {_names(unknown)} is 1, which is none of the known AUs")
            if marked - aus.kept != {n for n in active if n in columns}:
                told = f"AU '{text}' but its 0/1 columns say {_names(marked) or 'none'}; columns taken"
                notes.add("AU columns differ", row.number, told)
            active = (marked | {n for n in active if n not in columns}) - aus.kept
        return {n: int(n in active) for n in AU_NUMBERS}

    def located(
        self, pairs: Sequence[tuple[Row, Clip]], folders: ClipFolders, notes: Notes, problems: Problems
    ) -> list[Clip]:
        """The clips with their folders, each key frame seen on disk; what is missing goes to ``problems``."""
        clips, lost = [], []
        for row, clip in pairs:
            with problems.of(row.number, clip.key):
                folder = folders.find(layouts := self.folders(row))
                if folder is None:
                    expected = " or ".join("/".join(spellings[0]) for spellings in layouts)
                    lost.append((row, f"clip {clip.key}: no folder {expected} in {folders.root}"))
                    continue
                try:
                    gaps = folders.missing(folder, clip)
                except InputError as error:
                    raise RowError("missing_key_frame", f"clip {clip.key}: {error}") from None
                if gaps and not self.gaps:
                    shown = ", ".join(map(str, gaps[:5])) + (", ..." if len(gaps) > 5 else "")
                    notes.add("frames missing", row.number, f"clip {clip.key}: {folder} lacks {shown}")
                clips.append(replace(clip, frames=folders.relative(folder)))
        if len(lost) == len(pairs) > 1:  # one sentence for what is one mistake, and never a way to exclude
            row, text = lost[0]
            more = f"nor that of any other clip; is this the frames root of {self.database}?"
            problems.add(row.number, f"{text}, {more}", "frames root")
            return []
        for row, text in lost:
            problems.add(row.number, text, "missing_key_frame", row.key)
        return clips


def frame_numbers(values: Mapping[str, str]) -> dict[str, int]:
    """onset, apex and offset as whole numbers in order; ValueError with all that is wrong."""
    numbers = whole(values, "onset", "apex", "offset")
    if not numbers["onset"] <= numbers["apex"] <= numbers["offset"]:
        found = ", ".join(f"{name} {number}" for name, number in numbers.items())
        raise RowError("apex_outside", f"{found}: expected onset <= apex <= offset")
    return numbers


def whole(values: Mapping[str, str], *names: str) -> dict[str, int]:
    """The named values as whole numbers (``46.0`` is one); ValueError lists those that are not."""
    matches = {name: re.fullmatch(r"([0-9]{1,9})(?:\.0*)?", values[name]) for name in names}
    if wrong := [f"{name} '{values[name]}'" for name, match in matches.items() if not match]:
        raise ValueError(f"{', '.join(wrong)}: expected a whole number, zero or more")
    return {name: int(match[1]) for name, match in matches.items()}


def au_columns(values: Mapping[str, str]) -> dict[int, bool]:
    """AU number -> its 0/1 column, for every column named ``AU<n>``; ValueError for other values."""
    columns = {}
    for name, value in values.items():
        if match := re.fullmatch(r"au([0-9]{1,2})", name.lower()):
            if value not in ("0", "1", "0.0", "1.0"):
                raise ValueError(f"column AU{match[1]} is '{value}', expected 0 or 1")
            columns[int(match[1])] = value in ("1", "1.0")
    return columns


def _names(aus) -> str:
    return "+".join(f"AU{n}" for n in sorted(aus))
