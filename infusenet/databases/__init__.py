"""The front door: owners' annotation tables and frame folders in, clips out.

Imported while Snakemake parses, before every run: readers, and the libraries for workbooks, are loaded
where a workbook is read.
"""

from collections.abc import Collection
from importlib import import_module
from pathlib import Path

from infusenet.databases.errata import ERRATA
from infusenet.databases.options import Options
from infusenet.databases.rows import Reading
from infusenet.errors import InputError, did_you_mean
from infusenet.manifest import CD6ME, Clip
from infusenet.texts import visible

__all__ = ["ERRATA", "REVISION", "Options", "Reading", "examine", "read", "reader"]

# Raised when a reader makes other clips of the same files, so that manifests are made again.
REVISION = 2

OFF = Options()


def reader(database: str):
    """The `core.Reader` of a database of CD6ME: ``READER`` in the file here that has its name.

    Raises
    ------
    InputError
        Another name.
    """
    if database not in CD6ME:
        raise InputError(f"unknown database '{visible(database)}' {did_you_mean(database, CD6ME)}")
    return import_module(f"infusenet.databases.{database}").READER


def read(
    database: str, annotations: Path, frames: Path, errata: Path = ERRATA, options: Options = OFF
) -> list[Clip]:
    """The clips of one database as its owners distribute it.

    Parameters
    ----------
    database
        One of ``CD6ME``.
    annotations
        The owners' table: .xls, .xlsx or .csv.
    frames
        The frames' root; each clip's folder is looked for in every layout in circulation, and its
        onset, apex and offset frames must be there.
    errata
        Folder of the correction tables.
    options
        What is repaired only on request, and whether another table than CD6ME's is refused.

    Returns
    -------
    list of Clip
        In the order of the table. Repairs are told on stderr.

    Raises
    ------
    InputError
        Everything that cannot be read or repaired, all bad rows at once, each with file and row.
    """
    return examine(database, annotations, frames, errata, options).clips


def examine(
    database: str,
    annotations: Path,
    frames: Path,
    errata: Path = ERRATA,
    options: Options = OFF,
    exclude: Collection[str] = (),
) -> Reading:
    """Like ``read``, but rows with a finding in ``exclude`` (keys of ``audit.FINDINGS``) are left out
    and told beside the clips instead of refusing the table."""
    return reader(database).read(Path(annotations), Path(frames), Path(errata), options, exclude)
