"""Files that appear whole or not at all, and what a disk in trouble did to them."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infusenet.errors import InputError

READ_ONLY = (
    "set `cache` to a folder that can be written to; a cache that is only to be read is given as `stores` "
    "in `databases`"
)
# What the person at the keyboard can change; any other error of the system is a defect.
TROUBLE = {
    errno.ENOSPC: "make room and run again; what is finished is kept",
    errno.EDQUOT: "make room and run again; what is finished is kept",
    errno.EFBIG: "use a file system for larger files; what is finished is kept",
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: "the disk failed; look at it, then run again",
    errno.ESTALE: "the file server has lost it; run again",
}


@contextmanager
def explained(output: Path) -> Iterator[None]:
    """Say in one line what a full, read-only or failing disk did to the build of ``output``."""
    try:
        yield
    except OSError as error:
        if error.errno not in TROUBLE:
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise InputError(f"{output}: not built: {error.strerror}{where}; {TROUBLE[error.errno]}") from error


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A hidden path beside ``path`` to write to; fsynced and renamed to ``path`` if all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)
