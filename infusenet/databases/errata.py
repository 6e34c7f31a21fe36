"""Corrections to single rows of the owners' tables, from a reviewed CSV per database. Values are absolute."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases.rows import Row
from infusenet.errors import InputError, Missing

ERRATA = Path(__file__).parent / "tables" / "errata"
CORRECTABLE = ("onset", "apex", "offset", "au", "emotion")
COLUMNS = ("subject", "clip", "row_onset", "coding", *CORRECTABLE, "source")


@dataclass(frozen=True)
class Erratum:
    """``clip`` is CD6ME's id, or, where the owner's names repeat, the owner's name, and ``row_onset``
    the onset that the owner distributes; ``codings`` are the releases it is for, none: all;
    ``values`` {column: corrected text}."""

    subject: str
    clip: str
    row_onset: str
    codings: frozenset[str]
    values: dict[str, str]

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.subject, self.clip, self.row_onset)))

    def applies_to(self, releases: Collection[str]) -> bool:
        """Whether it is for tables that can be any of these releases."""
        return not self.codings or bool(releases) and self.codings.issuperset(releases)

    def corrects(self, row: Row) -> bool:
        """Whether it is about this row, corrected already or not."""
        if not self.row_onset:
            return (row.subject, row.clip) == (self.subject, self.clip)
        onsets = (self.row_onset, self.values.get("onset"))
        # The joint table has ids alone: there the owner's name and, where it repeats, a number after it.
        name = row.fields.get("clip", row.clip.rstrip("0123456789")).lower()
        return (row.subject, name) == (self.subject, self.clip) and row.onset in onsets


def load(database: str, folder: Path = ERRATA) -> list[Erratum]:
    """The corrections of one database; blank cells correct nothing.

    Raises
    ------
    Missing
        No such table.
    InputError
        Other columns, a duplicate row, or one that names no source.
    """
    path = Path(folder) / f"{database}.csv"
    if not path.is_file():
        raise Missing(
            f"{path}: no such errata table; give a new reader one with at least the header {','.join(COLUMNS)}"
        )
    columns, rows = csv_rows(path)
    if tuple(columns) != COLUMNS:
        raise InputError(f"{path}: columns are {', '.join(columns)}; expected {', '.join(COLUMNS)}")
    table: dict[tuple, Erratum] = {}
    for number, row in enumerate(rows, start=2):
        values = {name: row[name] for name in CORRECTABLE if row[name]}
        erratum = Erratum(
            row["subject"], row["clip"], row["row_onset"], frozenset(row["coding"].split()), values
        )
        key = (erratum.subject, erratum.clip, erratum.row_onset, row["coding"])
        if key in table or not row["source"]:
            fault = "is a duplicate" if key in table else "names no source"
            raise InputError(f"{path}: row {number}: {erratum.name} {fault}")
        table[key] = erratum
    return list(table.values())


def with_owner_onsets(rows: Sequence[Row], errata: Sequence[Erratum]) -> list[Row]:
    """The rows, those among them whose onset one of ``errata`` corrects with the onset of the owner."""
    of_onsets = [erratum for erratum in errata if erratum.row_onset]
    return [
        replace(row, owner_onsets=tuple(e.row_onset for e in of_onsets if e.corrects(row))) for row in rows
    ]
