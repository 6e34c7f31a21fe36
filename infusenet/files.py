"""Write files whole, and explain errors of the disk.

A file that other processes or people read is written under a temporary name, synced, and renamed; its
mode follows the umask. Imported before every run: standard library only.
"""

import errno
import grp
import json
import os
import pwd
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from infusenet.errors import InputError
from infusenet.json_notes import read_note

READ_ONLY = (
    "set `cache` to a folder that can be written to; a read-only cache is given as `stores` in `databases`"
)
SHARED = (
    "To share a folder: one group, `umask 002` for each of its users, and once `chmod -R g+rwX` on it and "
    "`chmod g+s` on all folders in it"
)
UTF8_MODE = "Set PYTHONUTF8=1 in the environment (`export PYTHONUTF8=1`) and run again"
# Errors that the user can fix; any other error of the system is a defect of the code.
TROUBLE = {
    errno.ENOSPC: "free disk space and run again; finished parts are kept",
    errno.EDQUOT: "free disk space and run again; finished parts are kept",
    errno.EFBIG: "use a file system for larger files; finished parts are kept",
    errno.EROFS: READ_ONLY,
    errno.EACCES: f"{READ_ONLY}. {SHARED}",
    errno.EPERM: f"{READ_ONLY}. {SHARED}",
    errno.EIO: "the disk failed; check it, then run again",
    errno.ESTALE: "the file server lost the file; run again",
}


@contextmanager
def explained(output: Path) -> Iterator[None]:
    """Turn errors of a full, read-only or failing disk into one line about the build of ``output``."""
    try:
        yield
    except OSError as error:
        if error.errno not in TROUBLE:
            raise
        where = f" ({error.filename}{_permission(error)})" if error.filename else ""
        raise InputError(f"{output}: not built: {error.strerror}{where}; {TROUBLE[error.errno]}") from error


def sentence(error: OSError) -> str:
    """An error of the system in one line: its path and reason; of a permission also the owner of the folder."""
    if not error.filename:
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    permission = _permission(error)
    return f"{error.filename}: {error.strerror}{permission}{f'. {SHARED}' if permission else ''}"


def unnameable(error: UnicodeEncodeError) -> str:
    """An error in one line: a path with characters that the locale has not, so that no file can be asked for.

    Raises
    ------
    UnicodeEncodeError
        The error itself, if the text can be a file's name or the encoding is UTF-8: a defect of the code.
    """
    encoding = sys.getfilesystemencoding()
    try:
        os.fsencode(error.object)
    except UnicodeEncodeError:  # asked again, because errors often name their encoding "charmap"
        if encoding != "utf-8":
            return f"{error.object}: this locale has file names in {encoding}, which lacks characters of this one. {UTF8_MODE}"
    raise error


def _permission(error: OSError) -> str:
    """Owner, group and mode of the path, and the user of this process; empty for other errors."""
    if error.errno not in (errno.EACCES, errno.EPERM):
        return ""
    path = Path(os.fsdecode(error.filename))
    for place in (path, *path.parents):
        with suppress(OSError):  # missing, or in a folder that may not be listed
            facts = place.stat()
            if not os.access(place, os.R_OK | os.W_OK):
                break
    else:
        return ""
    groups = sorted({os.getegid(), *os.getgroups()})
    return (
        f": {place} is of user {_name(pwd.getpwuid, facts.st_uid)}, group {_name(grp.getgrgid, facts.st_gid)}, "
        f"mode {stat.filemode(facts.st_mode)}; this process is of user {_name(pwd.getpwuid, os.geteuid())}, "
        f"groups {' '.join(_name(grp.getgrgid, group) for group in groups)}"
    )


def _name(entry: Callable[[int], tuple], number: int) -> str:
    try:
        return entry(number)[0]
    except KeyError:  # no such account on this machine
        return str(number)


def check_writable(*folders: Path) -> None:
    """Raise PermissionError for the first of ``folders`` in which this process cannot make a file.

    Of a missing folder, the existing folder counts in which it would be made.
    """
    for folder in folders:
        place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """An empty, hidden file beside ``path`` to write to; synced and renamed to ``path`` without an error.

    Some libraries replace the file by another one with a mode of their own (safetensors: 0600). It gets
    the mode that the umask and the folder gave to the empty file.
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


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """An empty, hidden folder beside ``path``; its files are synced and it is renamed to ``path``
    without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        for place in (*temporary.iterdir(), temporary):
            sync(place)
        temporary.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_readable(path: Path) -> None:
    """Raise the system's own error, which names the file, before a library raises a less clear one."""
    with open(path, "rb"):
        pass


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_if_changed(path: Path | str, text: str) -> bool:
    """Write ``text`` in UTF-8 as the whole file ``path``, unless the file has this content. True if written."""
    path, data = Path(path), text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    with aside(path) as temporary:
        temporary.write_bytes(data)
    return True


def note_sizes(folder: Path, names: Sequence[str]) -> None:
    """Write the sizes of one job's outputs, in bytes, into a hidden file beside them."""
    sizes = {name: (folder / name).stat().st_size for name in names}
    write_if_changed(folder / f".{names[0]}.sizes", json.dumps(sizes) + "\n")


def noted_sizes(folder: Path) -> dict[Path, int]:
    """The sizes that `note_sizes` wrote in ``folder``, of all jobs; a damaged note is reported on stderr."""
    sizes = {}
    for path in sorted(folder.glob(".*.sizes")):
        note = read_note(path, {str: int})
        if note is None:
            print(
                f"{path}: damaged; delete it. Without it, a file of that job that was cut at the end of a line "
                "counts as whole until the job runs again",
                file=sys.stderr,
            )
        sizes |= {folder / name: size for name, size in (note or {}).items()}
    return sizes
