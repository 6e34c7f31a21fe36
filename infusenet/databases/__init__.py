"""From owners' annotation tables and frame folders to clips.

`read` gives the clips of one database, `examine` gives also the rows that are not clips, and
`readers.READERS` names the databases that can be read. This file is imported before every run, while
Snakemake parses; so readers and the libraries for workbooks are loaded only when a workbook is read.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from infusenet.databases.clip_table import Clip
from infusenet.databases.errata import ERRATA
from infusenet.databases.read_options import Options
from infusenet.databases.readers import READERS, reader
from infusenet.databases.rows import Reading
from infusenet.errors import InputError

__all__ = ["CD6ME_TABLES", "ERRATA", "READERS", "REVISION", "Options", "Reading", "examine", "read", "reader"]

# Raised when a reader makes other clips from the same files, so that manifests are made again.
REVISION = 4

# Which rows and labels of the releases in circulation are CD6ME's.
CD6ME_TABLES = ERRATA.with_name("cd6me")

OFF = Options()


def read(
    database: str,
    annotations: Path | Sequence[Path],
    frames: Path,
    errata: Path = ERRATA,
    options: Options = OFF,
    *,
    cd6me: Path = CD6ME_TABLES,
) -> list[Clip]:
    """The clips of one database as its owners distribute it.

    Parameters
    ----------
    database
        One of ``READERS``.
    annotations
        The owners' table: .xls, .xlsx or .csv; or several that are read as one, as CASME's Section A
        and B.
    frames
        The frames' root; each clip's folder is looked for in every layout in circulation, and its
        onset, apex and offset frames must be there.
    errata
        Folder of the correction tables.
    options
        What is repaired only on request, which labels are taken, and whether another table than
        CD6ME's is refused.
    cd6me
        Folder of the tables that say which rows of other releases are CD6ME's clips.

    Returns
    -------
    list of Clip
        In the order of the table, under CD6ME's ids where they are known. Repairs are noted on stderr.

    Raises
    ------
    InputError
        Everything that cannot be read or repaired, all bad rows at once, each with file and row.
    """
    return examine(database, annotations, frames, errata, options, cd6me=cd6me).clips


def examine(
    database: str,
    annotations: Path | Sequence[Path],
    frames: Path,
    errata: Path = ERRATA,
    options: Options = OFF,
    exclude: Collection[str] = (),
    *,
    cd6me: Path = CD6ME_TABLES,
) -> Reading:
    """Like ``read``, but rows with a finding in ``exclude`` (keys of ``audit.FINDINGS``) are left out
    and listed beside the clips instead of refusing the table.

    Rows known to lie outside CD6ME follow ``options.not_in_cd6me`` in both.
    """
    paths = tables_of(annotations)
    return reader(database).read(paths, Path(frames), Path(errata), options, exclude, Path(cd6me))


def tables_of(annotations: Path | str | Sequence[Path | str]) -> list[Path]:
    """One or several tables as a list; InputError where one is named twice."""
    paths = [Path(path) for path in ([annotations] if isinstance(annotations, str | Path) else annotations)]
    for number, path in enumerate(paths):
        if path.resolve() in (other.resolve() for other in paths[:number]):
            raise InputError(f"{path} is named twice among the annotations; expected each workbook once")
    return paths
