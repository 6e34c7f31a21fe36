"""The file of each frame number in a clip's folder, and the reason for one without a file.

Imported while Snakemake parses: standard library only.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from infusenet.databases.frames.folder_listings import entries, holds, is_utf8, trouble
from infusenet.databases.frames.frame_names import IMAGE_SUFFIXES, Name, numbers_in, own_frames
from infusenet.errors import InputError
from infusenet.texts import first_few, plain, visible

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
