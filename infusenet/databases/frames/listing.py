"""Listings of the owners' folders, without the files that file servers and operating systems add.

Imported while Snakemake parses: standard library only.
"""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from infusenet.errors import InputError, Missing
from infusenet.texts import visible

# Folders and files, in lower case, that belong to no database but to Synology, QNAP, NetApp, Windows, macOS, Linux.
SERVICE = frozenset(
    (
        "@eadir", "@recycle", "@recently-snapshot", "@tmp", "@sharebin", "@synoresource",
        "#recycle", "#snapshot", "~snapshot",
        "$recycle.bin", "recycler", "recycled", "system volume information", "thumbs.db", "ehthumbs.db",
        "desktop.ini", "msdownld.tmp",
        "network trash folder", "temporary items", "thevolumesettingsfolder",
        "lost+found",
    )
)  # fmt: skip
SURROGATE = re.compile("[\ud800-\udfff]")
CHECKED_DISK = re.compile(r"found\.[0-9]{3}")

ADVICE = {
    errno.EACCES: "give this account the right to read it (chmod u+rX) or run as one that may",
    errno.EPERM: "give this account the right to read it or run as one that may",
    errno.ELOOP: "a link leads back to itself; put the file or folder itself there",
    errno.ENAMETOOLONG: "give it a shorter name",
}


class Unreadable(InputError):
    """A folder exists, but the system does not let it be listed."""


def is_service(name: str) -> bool:
    """Whether a name is hidden or of an operating system or file server, so that no database owns the file."""
    lower = name.lower()
    return lower.startswith((".", "__")) or lower in SERVICE or CHECKED_DISK.fullmatch(lower) is not None


def is_utf8(name: str) -> bool:
    """Whether a name can be written into a table; a name in another encoding is bytes only."""
    return name.isascii() or not SURROGATE.search(name)


def entries(folder: Path) -> list[os.DirEntry]:
    """The entries of a folder in the order of their names, without service files and folders.

    Raises
    ------
    Missing
        No such folder.
    Unreadable
        The system does not let it be listed.
    """
    try:
        with os.scandir(folder) as listing:
            return sorted((e for e in listing if not is_service(e.name)), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(f"{visible(str(folder))}: no such folder; expected a clip's frames") from None
    except OSError as error:
        raise Unreadable(trouble(folder, error)) from None


def trouble(path: Path | str, error: OSError) -> str:
    """One line on a path that the system does not let be read, with advice."""
    advice = ADVICE.get(error.errno, "look at the disk or the file server, then run again")
    return f"{visible(str(path))}: {(error.strerror or 'not readable').lower()}; {advice}"


def holds(kind: Callable[[], bool]) -> bool:
    """``entry.is_file()`` or ``entry.is_dir()``, False for a link that leads nowhere or to itself."""
    try:
        return kind()
    except OSError:
        return False
