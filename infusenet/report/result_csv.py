"""The CSV beside each table and figure: the columns of a row's method, and the file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.csv_tables import csv_text
from infusenet.evaluation.metric_tables import start_columns
from infusenet.files import write_if_changed
from infusenet.report.paper_runs import Results


def csv_row(results: Results, method: str) -> dict:
    """The first columns of a method's row: its name, its initial weights and its ViT's variant."""
    return {"method": method} | start_columns(results.facts, method)


def write_csv(path: Path, rows: Sequence[dict], results: Results) -> None:
    """Write rows of unequal keys as one CSV; missing values stay empty. Floats have all digits.

    The last column, ``protocol``, is CD6ME, or how the folds differ from it.
    """
    rows = [row | {"protocol": results.protocol.column} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[row.get(name) for name in names] for row in rows]
    lines = [[float(v) if isinstance(v, np.floating) else v for v in line] for line in lines]
    write_if_changed(path, csv_text(names, lines))
