"""CASME II (Yan et al., PLoS ONE 2014): ``CASME2-coding-20140508.xlsx``, ``-20190701.xlsx`` and MEB's.

The official tables have 255 rows; MEB's and so CD6ME have 24/EP02_07 too. One apex is ``/`` and some AUs
are ``?``. The codings of 2014 and 2019 have the same windows and other labels in 54 clips.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases.database_reader import Reader
from infusenet.databases.readers.casme import folders, spelling
from infusenet.databases.releases import Identity, Release, Sign, by_signs
from infusenet.databases.rows import WINDOW, Row

CODED_2014, CODED_2019, UPDATED = "2014", "2019", "updated"


@cache
def _rows(folder: Path) -> list[dict[str, str]]:
    return csv_rows(folder / "casme2_rows.csv")[1]


@cache
def _labels(folder: Path) -> list[dict[str, str]]:
    return csv_rows(folder / "casme2_labels.csv")[1]


def signs(folder: Path) -> Iterator[Sign]:
    """Windows that the codings have or MEB changed, and labels."""
    windows: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in _rows(folder):
        for release in row["releases"].split():
            windows.setdefault((row["subject"], row["clip"]), {})[release] = row
    for key, rows in windows.items():
        for name in WINDOW:
            values = {release: rows[release][name] if release in rows else None for release in RELEASES}
            if len(set(values.values())) > 1:
                yield Sign(*key, "", name, values)
            if None in values.values():
                break  # one sign says that a row is absent
    for row in _labels(folder):
        values = {UPDATED: row["cd6me"], CODED_2014: row["coding2014"], CODED_2019: row["coding2019"]}
        yield Sign(row["subject"], row["clip"], "", row["field"], values)


def assign(rows: list[Row], identity: Identity, folder: Path) -> list[Row]:
    """Mark the rows that copies have and no coding has: they are no clips of CD6ME."""
    if not identity.releases:
        return rows
    invented = {(row["subject"], row["clip"]) for row in _rows(folder) if not row["releases"]}
    text = "no coding annotates this clip"
    return [replace(row, outside=text) if (row.subject, row.clip) in invented else row for row in rows]


def cd6me_labels(folder: Path) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """CD6ME's AUs and emotions where the coding of 2019 has others."""
    table: dict[tuple[str, str], dict[str, str]] = {}
    for row in _labels(folder):
        table.setdefault((row["subject"], row["clip"]), {})[row["field"]] = row["cd6me"]
    return table


RELEASES = {
    UPDATED: Release(UPDATED, "the updated coding (256 rows, with 24/EP02_07)", 256),
    CODED_2014: Release(
        CODED_2014, "the coding of 2014", 255, "it lacks 24/EP02_07, no other clip differs once corrected"
    ),
    CODED_2019: Release(
        CODED_2019, "the coding of 2019", 255,
        "it lacks 24/EP02_07 and codes other AUs in 53 clips and other emotions in 3 (`labels: cd6me` puts "
        "CD6ME's in their place)",
    ),
}  # fmt: skip

READER = Reader(
    database="casme2",
    releases=list(RELEASES.values()),
    identify=by_signs(signs),
    fps=200,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename", "Code"),
        "onset": ("OnsetFrame", "Onset", "OnsetF"),
        "apex": ("ApexFrame", "Apex", "ApexF"),
        "offset": ("OffsetFrame", "Offset", "OffsetF"),
        "au": ("Action Units", "AUs", "AU"),
        "emotion": ("Estimated Emotion", "Emotion"),
    },
    subject=(r"([0-9]{1,2})", "{:02d}"),
    folders=folders,
    assign=assign,
    spelling=spelling,
    cd6me_labels=cd6me_labels,
)
