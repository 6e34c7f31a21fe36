"""Frame folders: the file of each frame number, and folders looked up by name.

Imported while Snakemake parses: standard library only.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from infusenet.databases.frames.listing import Unreadable, entries, holds, is_utf8, trouble
from infusenet.databases.frames.name_patterns import Name, numbers_in, own_frames
from infusenet.errors import InputError, Missing
from infusenet.texts import first_few, plain, visible

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp"))
SHOWN = 3


def frame_index(folder: Path | str) -> dict[int, Path]:
    """Frame number -> file, from one listing of ``folder``, in ascending order.

    The number is the last digit run of the file's stem, whatever stands before it and however it
    is padded: ``reg_img46.jpg``, ``EP07_3-069.JPG`` and ``Frame_000001826.jpg`` are frames 46, 69
    and 1826. Only names formed like most of the folder's count (`name_patterns.own_frames`). Other files,
    service files and names that are no UTF-8 are passed over.

    Raises
    ------
    InputError
        No such folder, one that may not be listed, or two files with one number.
    """
    folder = Path(folder)
    own, others = own_frames(e.name for e in entries(folder) if _is_image(e) and holds(e.is_file))
    frames: dict[int, str] = {}
    for name in own:
        _refuse_duplicate(folder, frames, name)
        frames[name.number] = name.text
    for name in others:
        _refuse_duplicate(folder, frames, name)
    return {number: folder / frames[number] for number in sorted(frames)}


def _refuse_duplicate(folder: Path, frames: Mapping[int, str], name: Name) -> None:
    if name.number in frames:
        both = f"{visible(frames[name.number])} and {visible(name.text)}"
        raise InputError(f"{visible(str(folder))}: {both} are both frame {name.number}; keep one of them")


def explain(folder: Path, numbers: Iterable[int]) -> str:
    """Reasons why a folder lacks the frames ``numbers``: its contents if none is a frame, files that may have
    been meant. Each part begins with ``; ``. Raises InputError like `frame_index`.
    """
    index, numbers = frame_index(folder), set(numbers)
    missing = numbers - index.keys()
    own = {path.name for path in index.values()}
    others = [entry for entry in entries(folder) if entry.name not in own]
    reasons = [] if index else [f"it holds no frames{_contents(others)}"]
    example = visible(next(iter(index.values())).name) if index else ""
    meant = [entry for entry in others if not numbers_in(plain(entry.name)).isdisjoint(missing)]
    reasons += [f"'{visible(entry.name)}' {_why_not(entry, example)}" for entry in meant[:SHOWN]]
    if len(meant) > SHOWN:
        reasons.append(f"and {len(meant) - SHOWN} more files like that")
    for number in sorted(numbers & index.keys()):
        try:
            index[number].open("rb").close()
        except OSError as error:
            reasons.append(trouble(index[number].name, error))
    return "".join(f"; {text}" for text in reasons)


def _is_image(entry: os.DirEntry) -> bool:
    return os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and is_utf8(entry.name)


def _contents(others: list[os.DirEntry]) -> str:
    """Kinds of files and names of folders, for a folder without a frame."""
    folders = [visible(entry.name) for entry in others if holds(entry.is_dir)]
    kinds = Counter(os.path.splitext(e.name)[1].lower() for e in others if holds(e.is_file))
    parts = [f"{count} {visible(kind) or 'nameless'} files" for kind, count in kinds.most_common(SHOWN)]
    if folders:
        parts.append(f"the folders {first_few(folders, SHOWN)}")
    return f", but {' and '.join(parts)}" if parts else ""


def _why_not(entry: os.DirEntry, example: str) -> str:
    """The reason why a file is no frame, as the end of a sentence."""
    if not is_utf8(entry.name):
        return "is no UTF-8: rename it"
    if os.path.splitext(entry.name)[1].lower() not in IMAGE_SUFFIXES:
        return f"is none of {', '.join(sorted(IMAGE_SUFFIXES))}: convert it, or extract the frames"
    if not holds(entry.is_file):
        return "is a folder" if holds(entry.is_dir) else "is a link without a file behind it: fetch the file"
    return f"is no frame, because most are named like '{example}': rename it if it is one"


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
        only = [path for paths in listings.of(folder).values() for path in paths]
        if not listings.matching(folder, parts[0]) and len(only) == 1:
            folder = only[0]
    return listings.below(folder, parts)
