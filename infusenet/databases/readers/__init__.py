"""READERS, the databases whose workbooks can be read: one file of this folder each, loaded when it is used.

To add a database: write ``readers/{name}.py`` with a ``READER`` (see `database_reader.Reader`; samm.py
is a short example), add the name below, and add ``databases/tables/errata/{name}.csv``, which holds a
header line only as long as nothing has to be corrected. Standard library only.
"""

from importlib import import_module

from infusenet.errors import InputError, did_you_mean
from infusenet.texts import visible

READERS = (
    "casme",
    "casme2",
    "samm",
    "fourd",
    "mmew",
    "casme3a",
)


def reader(database: str):
    """The `database_reader.Reader` of one of ``READERS``.

    Raises
    ------
    InputError
        Another name.
    """
    if database not in READERS:
        raise InputError(f"unknown database '{visible(database)}' {did_you_mean(database, READERS)}")
    return import_module(f"{__name__}.{database}").READER
