"""Imports of large libraries without a search for garbage among their objects."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_import_of(library: str) -> Iterator[None]:
    """Imports inside make no objects that Python's garbage collector looks at, unless ``library`` was imported before.

    The half a million objects that torch's import leaves behind live as long as the process. To look through them
    again and again takes a tenth of the import's time, and once more at the end of the process a fifth.
    """
    if library in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
