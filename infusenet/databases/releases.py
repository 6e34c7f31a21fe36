"""Releases of an owner's workbook: a table is identified by its cells, with what that means for CD6ME."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.databases.rows import WINDOW, Row, shortest
from infusenet.databases.workbooks.workbook import Line
from infusenet.errors import InputError

# An edited copy is one whose cells name a release this often, and more often than not.
ENOUGH = 3
SHOWN = 3


@dataclass(frozen=True)
class SheetTraits:
    """The facts that tell releases apart: the row of the header, the other columns' names (lower case,
    letters and digits only), the number of annotated rows, and the rows that have a name."""

    header: int
    columns: frozenset[str]
    count: int
    rows: Sequence[Row]

    @classmethod
    def of(cls, lines: Sequence[Line], rows: Sequence[Row]) -> "SheetTraits":
        """``lines`` are those that annotate a micro-expression."""
        header, columns = (lines[0].header, frozenset(lines[0].extra)) if lines else (0, frozenset())
        return cls(header, columns, len(lines), rows)


@dataclass(frozen=True)
class Release:
    """``rows`` is the number of its micro-expressions, 0: not known; ``meaning`` a sentence on what sets it apart from
    CD6ME, ``differs`` the fields (onset, apex, offset, au, emotion) in which clips do, errata, numberings
    and codings aside. The first of a database's is the one behind CD6ME."""

    name: str
    title: str
    rows: int
    meaning: str = ""
    differs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sign:
    """A cell that tells releases apart: in the row of ``subject`` and ``clip`` (and, if not empty, with
    the owner's ``onset``) ``field`` has the value of ``values`` {release: text, None: no such row}."""

    subject: str
    clip: str
    onset: str
    field: str
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class Identity:
    """The releases that a table can be, none if it is of no known one; ``edits`` are the cells of an
    edited copy that the release does not have, ``meaning`` replaces that of the release."""

    releases: tuple[Release, ...] = ()
    edits: tuple[str, ...] = ()
    meaning: str = ""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(release.name for release in self.releases)

    @property
    def titles(self) -> str:
        return " or ".join(release.title for release in self.releases)


Identify = Callable[[SheetTraits, Sequence[Release], Path], Identity]


def by_layout(**holds: Callable[[SheetTraits], bool]) -> Identify:
    """Releases that header and number of rows tell: release name -> whether a sheet is one."""

    def identify(sheet: SheetTraits, releases: Sequence[Release], folder: Path) -> Identity:
        return Identity(tuple(release for release in releases if holds[release.name](sheet))[:1])

    return identify


def by_signs(signs: Callable[[Path], Iterable[Sign]]) -> Identify:
    """Releases that cells tell, whatever the number and order of rows; ``signs`` reads their table."""
    return lambda sheet, releases, folder: identity_of_all(
        sheet.rows, lambda rows: vote(rows, releases, signs(folder))
    )


def vote(rows: Sequence[Row], releases: Sequence[Release], signs: Iterable[Sign]) -> Identity:
    """The identity that follows from the signs whose rows are in the table.

    A release that no sign contradicts is taken if a cell of a window, or two other cells, are its own. A
    table with most signs of one release, and a few against it, is an edited copy of that release.
    """
    rows_by_name: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        rows_by_name.setdefault((row.subject, row.fields["clip"].lower()), []).append(row)
    votes = {release.name: 0 for release in releases}
    weights = dict(votes)
    against: dict[str, list[str]] = {release.name: [] for release in releases}
    for sign in signs:
        matches = [
            r for r in rows_by_name.get((sign.subject, sign.clip.lower()), []) if sign.onset in ("", r.onset)
        ]
        cells = {_cell(row.fields[sign.field]) for row in matches}
        for name, expected in sign.values.items() if matches else ():
            if expected is not None and cells == {_cell(expected)}:
                votes[name] += 1
                weights[name] += 2 if sign.field in WINDOW else 1
            else:
                against[name].append(_contradiction(sign, matches, expected))
    uncontradicted = [r for r in releases if weights[r.name] > 1 and not against[r.name]]
    if uncontradicted:
        most = max(votes[release.name] for release in uncontradicted)
        return Identity(tuple(release for release in uncontradicted if votes[release.name] == most))
    best = max(releases, key=lambda release: votes[release.name] - len(against[release.name]))
    if votes[best.name] >= max(ENOUGH, len(against[best.name]) + 1):
        return Identity((best,), tuple(against[best.name]))
    return Identity()


def identity_of_all(rows: Sequence[Row], identify: Callable[[Sequence[Row]], Identity]) -> Identity:
    """The identity of tables that are read as one; InputError where they are of different releases.

    For databases in whose releases one name or cell does not mean the same.
    """
    identity = identify(rows)
    rows_by_file: dict[str, list[Row]] = {}
    for row in rows:
        rows_by_file.setdefault(row.place.file, []).append(row)
    if len(rows_by_file) > 1 and (identity.edits or not identity.releases):
        parts = {file: identify(rows) for file, rows in rows_by_file.items()}
        known = {file: part for file, part in parts.items() if part.releases}
        if known and not frozenset.intersection(*(part.names for part in known.values())):
            titles = (f"{file} looks like {part.titles}" for file, part in known.items())
            raise InputError(
                f"annotations of different releases: {'; '.join(titles)}; name the workbooks of one release"
            )
    return identity


def _cell(text: str) -> str:
    return shortest(re.sub(r"\s", "", text)).lower()


def _contradiction(sign: Sign, rows: Sequence[Row], expected: str | None) -> str:
    if expected is None:
        return f"{sign.subject}/{sign.clip} in {rows[0].place}, which it lacks"
    cells = " and ".join(f"'{row.fields[sign.field]}'" for row in rows)
    return f"{sign.field} {cells} of {sign.subject}/{sign.clip}, where it has '{expected}'"


def sentence(sheet: SheetTraits, identity: Identity, own: Release, of_cd6me: bool = True) -> str | None:
    """The release that a table is, and what that means; None for the whole release ``own``.

    ``own`` is the release that the reader was made for, which is behind CD6ME if ``of_cd6me``.
    """
    if identity.releases == (own,) and not identity.edits and sheet.count == own.rows:
        return None
    kind_text = "none of the known releases"
    if identity.releases:
        count = identity.releases[0].rows
        edits = list(identity.edits[:SHOWN]) + ["..."] * (len(identity.edits) > SHOWN)
        if not edits and sheet.count > count > 0:
            edits = [f"{sheet.count} rows, where it has {count}"]
        kind = "an edited copy of " if edits else "a copy of " if sheet.count < count else ""
        kind_text = f"looks like {kind}{identity.titles}"
        kind_text += f" ({'; '.join(edits)})" if edits else ""
        kind_text += f", {sheet.count} of its {count} rows" if sheet.count < count else ""
    meaning = identity.meaning or "".join(release.meaning for release in identity.releases[:1])
    purpose = "CD6ME was made of" if of_cd6me else "the reader was made for"
    text = f"{sheet.count} rows, header in row {sheet.header}: {kind_text}; {purpose} {own.title}"
    return f"{text}: {meaning}" if meaning else text
