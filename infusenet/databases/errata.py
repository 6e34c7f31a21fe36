"""Corrections to the owners' tables: reviewed CSVs with absolute values, keyed by (subject, clip)."""

from pathlib import Path

from infusenet.errors import InputError
from infusenet.manifest import csv_rows

ERRATA = Path(__file__).parents[2] / "data_manifests" / "errata"
CORRECTABLE = ("onset", "apex", "offset", "au", "emotion")
COLUMNS = ("subject", "clip", *CORRECTABLE, "source")


def load(database: str, folder: Path = ERRATA) -> dict[tuple[str, str], dict[str, str]]:
    """{(subject, clip): {column: corrected value}} of one database; blank cells correct nothing."""
    path = Path(folder) / f"{database}.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such errata table; use the project from its checkout")
    columns, rows = csv_rows(path)
    if tuple(columns) != COLUMNS:
        raise InputError(f"{path}: columns are {', '.join(columns)}; expected {', '.join(COLUMNS)}")
    table = {}
    for number, row in enumerate(rows, start=2):
        key = (row["subject"], row["clip"])
        if key in table or not row["source"]:
            wrong = "stands twice" if key in table else "names no source"
            raise InputError(f"{path}: row {number}: {key[0]}/{key[1]} {wrong}")
        table[key] = {name: row[name] for name in CORRECTABLE if row[name]}
    return table
