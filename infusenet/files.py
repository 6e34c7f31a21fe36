"""The one way to write a file whole, and what a disk in trouble did to files.

A file that other processes or people read is written aside, synced and renamed, with the mode that
the umask gives. Imported while Snakemake parses: standard library only.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infusenet.errors import InputError

READ_ONLY = (
    "set `cache` to a folder that can be written to; a cache that is only to be read is given as `stores` "
    "in `databases`"
)
SHARED = "to share a folder: one group, `umask 002` for each of its users, and `chmod -R g+ws` once"
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
        where = f" ({_place(error)})" if error.filename else ""
        raise InputError(f"{output}: not built: {error.strerror}{where}; {TROUBLE[error.errno]}") from error


def sentence(error: OSError) -> str:
    """An error of the system in one line: the path, what was refused, and who may do it there."""
    if not error.filename:
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    place = _place(error)
    shared = f". {SHARED[0].upper()}{SHARED[1:]}" if place != str(error.filename) else ""
    return f"{place}: {error.strerror}{shared}"


def _place(error: OSError) -> str:
    """The path of an error; where a permission is missing, also the folder's owner and mode."""
    if error.errno not in (errno.EACCES, errno.EPERM):
        return str(error.filename)
    path = Path(os.fsdecode(error.filename))
    for folder in (path, *path.parents):
        try:
            facts = folder.stat()
        except OSError:  # not there, or in a folder that may not be looked into
            continue
        if not os.access(folder, os.W_OK) or not os.access(folder, os.R_OK):
            break
    else:
        return str(path)
    mine = f"this process has uid {os.geteuid()}, groups {' '.join(map(str, sorted({os.getegid(), *os.getgroups()})))}"
    owner = f"uid {facts.st_uid}, group {facts.st_gid}, mode {stat.filemode(facts.st_mode)}"
    return f"{path}: {folder} has {owner}; {mine}"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """An empty, hidden file beside ``path`` to write to; synced and renamed to ``path`` if all went well.

    The writer may replace the file by one of its own: some libraries do, with a mode of their own
    (safetensors: 0600). It gets the mode that the umask and the folder gave to the empty file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        facts = temporary.stat()
        if stat.S_IMODE(facts.st_mode) != mode and facts.st_uid == os.geteuid():
            temporary.chmod(mode)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_readable(path: Path) -> None:
    """Raise the system's own error, which names the file, where a library would say less or another thing."""
    with open(path, "rb"):
        pass


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_if_changed(path: Path | str, text: str) -> bool:
    """Write ``text`` in UTF-8 as the whole file ``path``, unless it holds that already. True if written."""
    path, data = Path(path), text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    with aside(path) as temporary:
        temporary.write_bytes(data)
    return True
