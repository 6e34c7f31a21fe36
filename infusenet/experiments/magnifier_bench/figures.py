"""Figures of the magnifier bench and the texts that they are written as."""

from collections.abc import Sequence
from typing import NamedTuple

from infusenet.csv_tables import csv_text

FACTOR = 10


class Figure(NamedTuple):
    """One measured value: ``section`` is a table, ``row`` and ``column`` its place there."""

    section: str
    row: str
    column: str
    value: float


def nested(figures: Sequence[Figure]) -> dict[str, dict[str, dict[str, float]]]:
    """{section: {row: {column: value}}}, four digits."""
    tables = {}
    for section, row, column, value in figures:
        tables.setdefault(section, {}).setdefault(row, {})[column] = float(f"{value:.4g}")
    return tables


def table(figures_of: dict[str, Sequence[Figure]]) -> str:
    """CSV with one line per figure and candidate."""
    lines = [
        (*figure[:3], name, f"{figure.value:.6g}")
        for name, figures in figures_of.items()
        for figure in figures
    ]
    return csv_text(("section", "row", "column", "magnifier", "value"), lines)


def page(figures_of: dict[str, Sequence[Figure]], digests: dict[str, str]) -> str:
    """All tables in Markdown; each cell has the values of all candidates, always in the same order."""
    names = " / ".join(figures_of)
    lines = [f"# Magnifiers: {names}", "", f"Every cell reads: {names}.", ""]
    lines += [
        f"- {name}: {f'sha256 {digests[name]}' if name in digests else 'adapter'}" for name in figures_of
    ]
    sections = {}
    for name, figures in figures_of.items():
        for section, row, column, value in figures:
            cells = sections.setdefault(section, {}).setdefault(row, {})
            cells.setdefault(column, {})[name] = value
    for section, rows in sections.items():
        columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
        lines += [
            "",
            f"## {section}",
            "",
            "| | " + " | ".join(columns) + " |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for row, cells in rows.items():
            texts = (
                " / ".join(f"{cells[c][n]:.3g}" if n in cells[c] else "-" for n in figures_of)
                if c in cells
                else ""
                for c in columns
            )
            lines.append(f"| {row} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"
