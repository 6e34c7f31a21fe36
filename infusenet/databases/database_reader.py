"""``Reader``: from an owner's rows to clips, in the same way for all databases; its fields are their differences."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from infusenet.databases import errata as errata_tables
from infusenet.databases.audit import NOT_IN_CD6ME
from infusenet.databases.clip_table import Clip, check
from infusenet.databases.errata import Erratum
from infusenet.databases.frames import clips_on_disk, onset_apex_offset
from infusenet.databases.frames.clip_folders import ClipFolders, Parts
from infusenet.databases.frames.onset_apex_offset import Pair
from infusenet.databases.read_options import OWN_LABELS, Options
from infusenet.databases.releases import Identify, Identity, Release, SheetTraits, sentence
from infusenet.databases.row_problems import Notes, Place, Problems
from infusenet.databases.rows import Reading, Row
from infusenet.databases.workbooks import labels
from infusenet.databases.workbooks.labels import normalised
from infusenet.databases.workbooks.row_checks import annotated_rows, named_rows
from infusenet.databases.workbooks.workbook import Line, plain, read_table
from infusenet.errors import InputError
from infusenet.protocol import CD6ME
from infusenet.texts import first_few


@dataclass(frozen=True)
class Reader:
    """The reader of one database. Callables with a ``Path`` get the folder of CD6ME's tables.

    Parameters
    ----------
    releases
        The workbooks in circulation. The first is the one that the reader was made for (of a database of
        CD6ME the one behind it); another is reported, in strict mode refused.
    identify
        Which of them a table is.
    fps
        Frames per second.
    columns
        Field (subject, clip, onset, apex, offset, au, emotion) -> header names it may have.
    subject
        Pattern with the number as its group, and the format of the id.
    folders
        Layouts of a clip's folder below the frames root, in order of preference; each is a list of
        spellings. The first spelling of the first is the layout that MEB uses.
    optional
        Fields whose column may be absent.
    damage
        Number of damaged rows of a sheet, where several sheets have the columns.
    keep
        Which lines are micro-expressions at all; ValueError where a line does not say.
    assign
        Gives the rows of a whole table their ids, numberings and what else a row alone does not say.
    emotions_of
        Fills in emotions from a second table, to whose rows the errata apply too.
    cd6me_labels
        (subject, clip) -> CD6ME's au and emotion, where another coding has others.
    problem, oddity
        The database's own checks of one row, a sentence or None; an oddity is reported and kept.
    spelling
        A clip's name in the case that CD6ME's has.
    au_columns, contradictions, comma
        See ``labels.active_aus``.
    emotions
        This database's own spellings of emotions -> the usual one.
    gaps
        Frames missing between the key frames are part of the release.
    """

    database: str
    releases: Sequence[Release]
    identify: Identify
    fps: float
    columns: Mapping[str, Sequence[str]]
    subject: tuple[str, str]
    folders: Callable[[Row], Sequence[Sequence[Parts]]]
    optional: frozenset[str] = frozenset()
    damage: Callable[[list[Line]], int] | None = None
    keep: Callable[[Line], bool] = lambda line: True
    assign: Callable[[list[Row], Identity, Path], list[Row]] = lambda rows, identity, folder: rows
    emotions_of: Callable[[list[Row], Path, Sequence[Erratum], Path], list[Row]] | None = None
    cd6me_labels: Callable[[Path], Mapping[tuple[str, str], Mapping[str, str]]] | None = None
    problem: Callable[[Row], str | None] = lambda row: None
    oddity: Callable[[Row], str | None] = lambda row: None
    spelling: Callable[[str], str] = str
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
        self,
        annotations: Sequence[Path],
        frames: Path,
        errata: Path,
        options: Options,
        exclude: Collection[str],
        cd6me: Path,
    ) -> Reading:
        """The clips of a workbook, corrected, checked and found on disk; see ``databases.examine``."""
        origin = " and ".join(map(str, annotations))
        notes, problems = Notes(f"{self.database}: {origin}"), Problems(origin)
        self._check(options)
        fixes = errata_tables.load(self.database, errata)
        tables = [
            read_table(path, self.columns, optional=self.optional, sheet=options.sheet, damage=self.damage)
            for path in annotations
        ]
        for table in tables:
            if table.others:
                notes.say(f"sheet '{table.sheet}' read; others: {', '.join(table.others)}", "note")
        rows, lines = annotated_rows(tables, self, notes, problems)
        rows = errata_tables.with_owner_onsets(rows, fixes)
        rows = self._with_emotions(rows, options.emotions, fixes, cd6me, notes)
        sheet = SheetTraits.of(lines, rows)
        identity = self.identify(sheet, self.releases, cd6me)
        if options.labels != OWN_LABELS and not identity.releases:
            raise InputError(
                f"{origin}: none of the known releases, so `labels: {options.labels}` is not possible; remove it"
            )
        rows = named_rows(self.assign(rows, identity, cd6me), self, notes, problems)
        pairs = list(self._pairs(rows, fixes, identity, cd6me, notes, problems, options))
        clips = []
        with problems.of(None):
            names = (plain(line.fields["clip"]) for line in lines)
            clips = self.located(pairs, ClipFolders(frames, names), notes, problems, options)
        exclude = {*exclude, NOT_IN_CD6ME}
        refused = problems.raise_all(exclude)
        if len(clips) + len(refused) != len(lines):
            raise InputError(
                f"{origin}: {len(lines)} rows, but {len(clips)} clips and {len(refused)} refused rows"
            )
        if not clips:
            count = sum(len(table.lines) for table in tables)
            raise InputError(f"{origin}: no clip in {count} rows; expected micro-expressions")
        check(clips, origin)
        notes.show()
        if outside := [str(Place(r.row, r.file)) for r in refused if r.kind == NOT_IN_CD6ME]:
            text = f"{len(outside)} rows are no clips of CD6ME and left out: {first_few(outside, 10)}"
            notes.say(text, "note")
        release = sentence(sheet, identity, self.releases[0], self.database in CD6ME)
        for level, text in self._differences(rows, fixes, identity, release):
            if options.strict:
                problems.add(None, f"strict: {text}")
            else:
                notes.say(text, level)
        problems.raise_all(exclude)
        return Reading(clips, refused, release, notes.findings, identity.names, notes.corrected)

    def located(
        self, pairs: Sequence[Pair], folders: ClipFolders, notes: Notes, problems: Problems, options: Options
    ) -> list[Clip]:
        """The clips with their folders and all key frames on disk; missing ones go to ``problems``."""
        return clips_on_disk.located(self, pairs, folders, notes, problems, options)

    def _check(self, options: Options) -> None:
        """Refuse settings that have no meaning for this database."""
        for name, value, usable in (
            ("labels", options.labels != OWN_LABELS, self.cd6me_labels),
            ("emotions", options.emotions, self.emotions_of),
        ):
            if value and not usable:
                raise InputError(f"{self.database}: `{name}` has no meaning for this database; remove it")

    def _with_emotions(
        self, rows: list[Row], table: str | None, fixes: Sequence[Erratum], cd6me: Path, notes: Notes
    ) -> list[Row]:
        """The rows with emotions from a second table; remaining blanks are reported where a table may lack the column."""
        if table:
            rows = self.emotions_of(rows, Path(table), fixes, cd6me)
        blank = [str(row.place) for row in rows if not row.fields["emotion"]]
        if blank and self.emotions_of:
            hint = f"nor in {table}" if table else "a label table that has them can be named as `emotions`"
            notes.say(f"{len(blank)} rows without an emotion ({first_few(blank, 3)}), {hint}")
        return rows

    def _pairs(
        self,
        rows: Sequence[Row],
        fixes: Sequence[Erratum],
        identity: Identity,
        cd6me: Path,
        notes: Notes,
        problems: Problems,
        options: Options,
    ) -> Iterator[Pair]:
        """Each row that is a clip, with the windows that it may mean."""
        others = self.cd6me_labels(cd6me) if self.cd6me_labels and identity.releases else {}
        for row in rows:
            if row.outside and options.not_in_cd6me == "exclude":
                problems.add(row.place, row.outside, NOT_IN_CD6ME, row.key)
                continue
            with problems.of(row.place, row.key):
                if row.outside:
                    notes.find(row.key, NOT_IN_CD6ME, row.outside)
                if row.remark:
                    notes.add("settled cells", row.place, row.remark)
                fix = {}
                for erratum in fixes:
                    if erratum.applies_to(identity.names) and erratum.corrects(row):
                        fix |= erratum.values
                if fix:
                    notes.corrected[row.key] = frozenset(fix)
                other = others.get((row.subject, row.clip), {})
                values = labels.settled(row, fix, other, notes, options)
                corrected = "au" in fix or values["au"] != row.fields["au"]
                clip = self._clip(row, values, corrected, notes, options)
                yield row, onset_apex_offset.candidates(clip, row, fix, options.midpoint_apex)

    def _clip(
        self, row: Row, values: Mapping[str, str], corrected: bool, notes: Notes, options: Options
    ) -> Clip:
        """A clip without window and folder."""
        active = labels.active_aus(
            row, values["au"], corrected, notes, options,
            comma=self.comma, columns_count=self.au_columns, contradictions=self.contradictions,
        )  # fmt: skip
        clip = Clip(
            self.database, row.subject, row.clip, 0, 0, 0, "", values["emotion"], values["au"], active
        )
        if options.normalised_emotion:
            clip = replace(clip, normalised_emotion=normalised(clip.emotion, self.emotions))
        return clip

    def _differences(
        self, rows: Sequence[Row], fixes: Sequence[Erratum], identity: Identity, release: str | None
    ) -> Iterator[tuple[str, str]]:
        """(level, sentence) for each difference between a table, read whole, and the first of ``releases``."""
        own = {self.releases[0].name}  # errata for other codings than CD6ME's miss nothing of it
        fixes = [e for e in fixes if e.applies_to(identity.names) and e.applies_to(own)]
        absent = [erratum.name for erratum in fixes if not any(map(erratum.corrects, rows))]
        if absent:
            clips = first_few(sorted(absent), 3)
            yield (
                "warning",
                f"{len(absent)} of {len(fixes)} errata name clips that are not in the table: {clips}",
            )
        if release:
            yield "note", release
