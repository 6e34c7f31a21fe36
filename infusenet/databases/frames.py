"""Frame folders: which file is frame n, and where a clip's folder lies.

Imported while Snakemake parses: standard library only.
"""

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path

from infusenet.errors import InputError

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp"))
LAST_NUMBER = re.compile(r"([0-9]+)[^0-9]*\Z")


def frame_index(folder: Path | str) -> dict[int, Path]:
    """Frame number -> file, from one listing of ``folder``, in ascending order.

    The number is the last digit run of the file's stem, whatever stands before it and however it
    is padded: ``reg_img46.jpg``, ``EP07_3-069.JPG`` and ``Frame_000001826.jpg`` are frames 46, 69
    and 1826. Other files and hidden ones are passed over.

    Raises
    ------
    InputError
        No such folder, or two files with one number.
    """
    folder = Path(folder)
    frames: dict[int, str] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _is_image(entry))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no such folder; expected a clip's frames") from None
    for name in names:
        if match := LAST_NUMBER.search(os.path.splitext(name)[0]):
            number = int(match[1])
            if number in frames:
                raise InputError(
                    f"{folder}: {frames[number]} and {name} are both frame {number}; keep one of them"
                )
            frames[number] = name
    return {number: folder / frames[number] for number in sorted(frames)}


def _is_image(entry: os.DirEntry) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in IMAGE_SUFFIXES and not entry.name.startswith(".") and entry.is_file()


def subfolders(folder: Path) -> dict[str, list[Path]]:
    """Visible sub-folders of ``folder`` by lower-case name; empty where there is no such folder."""
    found: dict[str, list[Path]] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__")))
    except (FileNotFoundError, NotADirectoryError):
        names = []
    for name in names:
        found.setdefault(name.lower(), []).append(folder / name)
    return found


def resolve_folder(root: Path | str, *parts: str, listed: dict[Path, dict] | None = None) -> Path | None:
    """``root/part/part/...`` matched without case; None where it does not exist.

    A release that was unpacked twice over (``root/root/part``, or under any one name) is accepted:
    where ``root`` lacks the first part and holds a single sub-folder, that is searched instead.
    A ``*`` in a part stands for any characters.
    ``listed`` keeps the listings between calls.

    Raises
    ------
    InputError
        Two folders match, such as ``spNO.3`` and ``spNo.3``.
    """
    listed = {} if listed is None else listed

    def inside(folder: Path) -> dict[str, list[Path]]:
        if folder not in listed:
            listed[folder] = subfolders(folder)
        return listed[folder]

    def matching(folder: Path, part: str) -> list[Path]:
        names = inside(folder)
        if "*" not in part:
            return names.get(part.lower(), [])
        return [path for name in names if fnmatchcase(name, part.lower()) for path in names[name]]

    folder = Path(root)
    for _ in range(2):
        only = [path for paths in inside(folder).values() for path in paths]
        if not matching(folder, parts[0]) and len(only) == 1:
            folder = only[0]
    for part in parts:
        matches = matching(folder, part)
        if len(matches) > 1:
            raise InputError(
                f"{' and '.join(map(str, matches))}: both match '{part}' without case; expected one of them"
            )
        if not matches:
            return None
        folder = matches[0]
    return folder
