"""Listings of the owners' folders, without what file servers and operating systems add, and folders by name.

Imported while Snakemake parses: standard library only.
"""

import errno
import os
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from infusenet.databases.frames.frame_names import IMAGE_SUFFIXES
from infusenet.errors import InputError, Missing
from infusenet.texts import visible

# Folders and files, in lower case, that belong to no database but to Synology, Asustor, NetApp, Windows, macOS, Linux.
# Synology and QNAP mark many more by an "@" (@eaDir, @Recycle, @__thumb, @Transcode).
SERVICE = frozenset(
    (
        "#recycle", "#snapshot", "~snapshot", "recycle bin",
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
    return lower.startswith((".", "__", "@")) or lower in SERVICE or CHECKED_DISK.fullmatch(lower) is not None


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


def subfolders(folder: Path) -> dict[str, list[Path]]:
    """Sub-folders of ``folder`` by lower-case name, those of systems and file servers aside.

    Raises
    ------
    InputError
        No such folder, or it may not be listed.
    """
    names: dict[str, list[Path]] = {}
    for entry in entries(folder):
        # A picture is no folder, and asking the system costs where it is a link.
        if os.path.splitext(entry.name)[1].lower() not in IMAGE_SUFFIXES and holds(entry.is_dir):
            names.setdefault(entry.name.lower(), []).append(folder / entry.name)
    return names


class Listings:
    """Sub-folders of folders, each listed once; ``unreadable`` keeps why a folder could not be."""

    def __init__(self):
        self.unreadable: list[str] = []
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def of(self, folder: Path) -> dict[str, list[Path]]:
        """`subfolders`; empty for a folder that cannot be listed."""
        if folder not in self._listed:
            try:
                self._listed[folder] = subfolders(folder)
            except Missing:
                self._listed[folder] = {}
            except Unreadable as error:
                self._listed[folder] = {}
                self.unreadable.append(str(error))
        return self._listed[folder]

    def matching(self, folder: Path, part: str) -> list[Path]:
        """Sub-folders of that name without case; ``*`` stands for any characters."""
        names = self.of(folder)
        if "*" not in part:
            return names.get(part.lower(), [])
        return [path for name in names if fnmatchcase(name, part.lower()) for path in names[name]]

    def below(self, folder: Path, parts: Sequence[str]) -> Path | None:
        """``folder/part/part/...``; InputError where two folders match, such as ``spNO.3`` and ``spNo.3``."""
        for part in parts:
            matches = self.matching(folder, part)
            if len(matches) > 1:
                both = " and ".join(visible(str(path)) for path in matches)
                raise InputError(f"{both}: both match '{part}' without case; expected one of them")
            if not matches:
                return None
            folder = matches[0]
        return folder


def resolve_folder(root: Path | str, *parts: str, listings: Listings | None = None) -> Path | None:
    """``root/part/part/...`` matched without case; None where it does not exist.

    A release that was unpacked twice over (``root/root/part``, or under any one name) is accepted:
    where ``root`` lacks the first part and holds a single sub-folder, that is searched instead.
    A ``*`` in a part stands for any characters.

    Raises
    ------
    InputError
        Two folders match.
    """
    listings = listings or Listings()
    folder = Path(root)
    for _ in range(2):
        if listings.matching(folder, parts[0]):
            break
        only = [path for paths in listings.of(folder).values() for path in paths]
        if len(only) == 1:
            folder = only[0]
    return listings.below(folder, parts)
