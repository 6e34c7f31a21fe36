"""Lists of clips that failed for one method, so that every method leaves them out."""

import csv
from collections.abc import Sequence
from pathlib import Path

from infusenet.csv_tables import csv_text
from infusenet.errors import InputError
from infusenet.files import note_sizes, write_if_changed
from infusenet.store import Store


def write_left_out(stores: Sequence[Path], output: Path) -> None:
    """List the clips that failed in any of the stores, so that no method has clips that another lacks.

    Columns database and clip, sorted: the file changes only where the union does.
    """
    opened_stores = [Store(path, path.name.partition(".")[0]) for path in stores]
    rows = sorted({(store.database, failure.clip) for store in opened_stores for failure in store.failures})
    write_if_changed(output, csv_text(["database", "clip"], rows))
    note_sizes(output.parent, [output.name])


def read_left_out(files: Sequence[Path]) -> set[tuple[str, str]]:
    """(database, ``subject/clip``) of every clip that such lists name."""
    clips = set()
    for path in files:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if rows[:1] != [["database", "clip"]] or any(len(row) != 2 for row in rows):
            raise InputError(f"{path}: expected the columns database and clip of `infusenet left-out`")
        clips |= {(database, clip) for database, clip in rows[1:]}
    return clips
