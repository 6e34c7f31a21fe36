"""The table activation.csv (`infusenet.report.activation` measures it) as arrays beside the predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.csv_tables import csv_rows
from infusenet.errors import InputError
from infusenet.evaluation.metrics import AU_NAMES
from infusenet.protocol import AUS

COLUMNS = ("method", "seed", "database", "subject", "clip", "au", "area", "protocol")


def areas(path: Path, clips: Sequence[Sequence[str]]) -> dict[str, list[np.ndarray]]:
    """The areas of ``activation.csv``: {method: float (n, 12) per database}, NaN where there is none.

    ``clips`` are the names ``database/subject/clip`` of each database's clips, in the order of the arrays.

    Raises
    ------
    InputError
        No such file, or one made of other clips.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `infusenet report activation` writes it")
    places = {name: (k, row) for k, names in enumerate(clips) for row, name in enumerate(names)}
    result: dict[str, list[np.ndarray]] = {}
    for row in csv_rows(path)[1]:
        name = "/".join((row["database"], row["subject"], row["clip"]))
        if name not in places:
            raise InputError(f"{path}: {name} is none of the scored clips; make the file again")
        if row["method"] not in result:
            result[row["method"]] = [np.full((len(names), len(AUS)), np.nan) for names in clips]
        if row["area"]:
            block, line = places[name]
            result[row["method"]][block][line, AU_NAMES.index(row["au"])] = float(row["area"])
    return result
