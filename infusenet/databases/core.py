"""From an owner's rows to clips: what all databases share. A ``Reader`` says what differs."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infusenet.databases import errata as errata_tables
from infusenet.databases.aus import AU_NUMBERS, parse
from infusenet.databases.cells import au_columns, frame_numbers, whole
from infusenet.databases.emotions import normalised
from infusenet.databases.folders import ClipFolders, Parts
from infusenet.databases.notes import FILE, Notes, Problems, RowError
from infusenet.databases.options import Options
from infusenet.databases.releases import Release, sheet_of, unexpected
from infusenet.databases.rows import Reading, Row
from infusenet.databases.workbook import Line, plain, read_table
from infusenet.errors import InputError
from infusenet.manifest import SAFE_ID, Clip, check
from infusenet.texts import visible


@dataclass(frozen=True)
class Reader:
    """What is peculiar to one database.

    Parameters
    ----------
    releases
        The workbooks in circulation; the first is the one behind CD6ME, another is noted, in strict
        mode refused.
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
        Which lines are micro-expressions at all; ValueError where a line does not say.
    rename
        Gives the clips of a whole table their ids, where a row alone does not say it.
    problem
        The database's own check of one row: a sentence, or None.
    oddity
        The same for what is noted and kept.
    au_columns
        The workbook has 0/1 columns ``AU<n>``, which beat the AU string.
    contradictions
        (subject, clip) whose columns are known to contradict the string.
    emotions
        This database's own spellings of emotions -> the usual one.
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
    oddity: Callable[[Row], str | None] = lambda row: None
    au_columns: bool = False
    contradictions: frozenset[tuple[str, str]] = frozenset()
    emotions: Mapping[str, str] = field(default_factory=dict)
    comma: bool = False
    gaps: bool = False

    def subject_id(self, text: str) -> str:
        """The id in its one form: ``1``, ``01`` and ``1.0`` are the same subject."""
        pattern, form = self.subject
        match = re.fullmatch(rf"(?:{pattern})(?:\.0+)?", text, re.IGNORECASE)
        if not match or not int(match[1]):
            raise ValueError(f"subject '{text}', expected a form like '{form.format(1)}'")
        return form.format(int(match[1]))

    def read(
        self, annotations: Path, frames: Path, errata: Path, options: Options, exclude: Collection[str] = ()
    ) -> Reading:
        """The clips of a workbook, corrected, checked and found on disk; see ``databases.examine``."""
        notes = Notes(f"{self.database}: {annotations}")
        problems = Problems(annotations)
        fixes = errata_tables.load(self.database, errata)
        table = read_table(annotations, self.columns, sheet=options.sheet)
        rows, lines = self._rows(table.lines, notes, problems)
        pairs = []
        for row in rows:
            with problems.of(row.number, row.key):
                fix = fixes.get((row.subject, row.clip), {})
                pairs.append((row, self._clip(row, fix, notes, options)))
        if table.others:
            notes.say(f"sheet '{table.sheet}' read; others: {', '.join(table.others)}", "note")
        clips = []
        with problems.of(None):
            clips = self.located(pairs, ClipFolders(frames), notes, problems, options)
        refused = problems.raise_all(exclude)
        if len(clips) + len(refused) != len(lines):
            raise InputError(
                f"{annotations}: {len(lines)} rows, but {len(clips)} clips and {len(refused)} refused rows"
            )
        if not clips:
            raise InputError(f"{annotations}: no clip in {len(table.lines)} rows; expected micro-expressions")
        check(clips, str(annotations))
        notes.show()
        keys = {(row.subject, row.clip) for row in rows}
        release = unexpected(self.releases, sheet_of(lines, keys))
        for level, text in self._differences(keys, fixes, release):
            if options.strict:
                problems.add(None, f"strict: {text}")
            else:
                notes.say(text, level)
        problems.raise_all(exclude)
        return Reading(clips, refused, release)

    def _differences(
        self, keys: set[tuple[str, str]], fixes: Mapping[tuple[str, str], dict], release: str | None
    ) -> Iterator[tuple[str, str]]:
        """(level, sentence) for what sets a table, all of whose rows were read, apart from CD6ME's."""
        if absent := sorted(f"{subject}/{clip}" for subject, clip in fixes.keys() - keys):
            shown = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
            yield (
                "warning",
                f"{len(absent)} of {len(fixes)} errata name clips that are not in the table: {shown}",
            )
        if release:
            yield "note", release

    def _rows(self, lines: list[Line], notes: Notes, problems: Problems) -> tuple[list[Row], list[Line]]:
        """The rows with a name, and all lines that annotate a micro-expression, or may."""
        rows, annotated = [], []
        for line in lines:
            with problems.of(line.number):
                annotated.append(line)
                if not self.keep(line):
                    annotated.pop()
                    continue
                if line.fault:
                    raise ValueError(line.fault)
                fields = {name: plain(text) for name, text in line.fields.items()}
                for name, text in line.fields.items():
                    if fields[name] != text:
                        change = f"{name} '{visible(text)}' read as '{fields[name]}'"
                        notes.add("spelling", line.number, change)
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
                if oddity := self.oddity(row):
                    notes.add("oddity", row.number, oddity)
                named.append(row)
        return named, annotated

    def _clip(self, row: Row, fix: dict[str, str], notes: Notes, options: Options) -> Clip:
        values = row.fields | fix
        for name, value in fix.items():
            if value != row.fields[name]:
                text = f"{name} '{row.fields[name]}' repaired to '{value}' from the errata"
                notes.add("errata applied", row.number, text)
        if options.midpoint_apex and not re.search("[0-9]", values["apex"]):
            ends = whole(values, "onset", "offset")
            middle = str((ends["onset"] + ends["offset"]) // 2)
            notes.add("midpoint apex", row.number, f"apex '{values['apex']}' taken as {middle}, the middle")
            values["apex"] = middle
        clip = Clip(
            self.database, row.subject, row.clip, **frame_numbers(values),
            frames="", emotion=values["emotion"], au=values["au"],
        )  # fmt: skip
        if options.normalised_emotion:
            clip = replace(clip, normalised_emotion=normalised(clip.emotion, self.emotions))
        return replace(clip, labels=self._labels(row, values["au"], "au" in fix, notes, options))

    def _labels(self, row: Row, text: str, corrected: bool, notes: Notes, options: Options) -> dict[int, int]:
        if options.blank_au and not text:
            notes.add("blank AU", row.number, "AU cell is blank; taken as no AU")
            text = "?"
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
                told = f"AU '{text}' but its 0/1 columns say {_names(marked) or 'none'}"
                if options.strict and (row.subject, row.clip) not in self.contradictions:
                    raise ValueError(f"strict: {told}")
                notes.add("AU columns differ", row.number, f"{told}; columns taken")
            active = (marked | {n for n in active if n not in columns}) - aus.kept
        return {n: int(n in active) for n in AU_NUMBERS}

    def located(
        self,
        pairs: Sequence[tuple[Row, Clip]],
        folders: ClipFolders,
        notes: Notes,
        problems: Problems,
        options: Options,
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
                    if options.nearest_apex and (apex := folders.nearest_apex(folder, clip)) != clip.apex:
                        told = f"clip {clip.key}: {folder} lacks apex {clip.apex}; {apex} taken, the nearest"
                        notes.add("nearest apex", row.number, told)
                        clip = replace(clip, apex=apex)
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
            problems.add(row.number, f"{text}, {more}", FILE)
            return []
        for row, text in lost:
            problems.add(row.number, text, "missing_key_frame", row.key)
        return clips


def _names(aus) -> str:
    return "+".join(f"AU{n}" for n in sorted(aus))
