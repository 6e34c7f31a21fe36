"""Digests of a database's frames, without reading again those that have not changed.

A frame counts as unchanged while its size, times and inode are those of its last reading, and a
folder's list of names while the folder's own times and inode are. Over six databases that is a
hundred thousand looks before every run, so each is one plain `os.stat`. Imported while Snakemake
parses: standard library only.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from infusenet.databases.clip_table import Clip
from infusenet.databases.frames.frame_files import frame_index
from infusenet.databases.frames.frame_names import parse
from infusenet.errors import InputError
from infusenet.hashing import digest, file_digest

# A folder that changed so shortly before it was listed could change again under the same time.
SETTLED = 2_000_000_000  # nanoseconds


def scan(clips: Iterable[Clip], root: Path, last_index: dict, name: str) -> dict[str, dict]:
    """The index of the frames in every clip's window, as JSON values.

    Parameters
    ----------
    last_index : the last one, from which unchanged folders and digests of unchanged frames are taken

    Returns
    -------
    {clip folder: {"listed": stamp of the folder or None, "windows": [[onset, offset, digest of its
    frames]], "frames": {frame number: [file name, size, mtime, ctime, inode, sha256]}}}
    """
    windows: dict[str, set[tuple[int, int]]] = {}
    for clip in clips:
        windows.setdefault(clip.frames, set()).add((clip.onset, clip.offset))
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; expected the frames of {name}")
    index = {
        folder: before
        for folder, spans in windows.items()
        if (before := last_index.get(folder))
        and _alike(before)
        and {(onset, offset) for onset, offset, _ in before["windows"]} == spans
        and unchanged(f"{root}/{folder}", before)
    }
    if changed := [folder for folder in windows if folder not in index]:
        # Its import alone takes longer than the look at some ten thousand frames.
        from tqdm import tqdm

        for folder in tqdm(changed, desc=f"{name}: frames", unit="clip", disable=None, delay=2):
            frames = last_index[folder]["frames"] if folder in last_index else {}
            index[folder] = _read(root / folder, frames, sorted(windows[folder]))
    return {folder: index[folder] for folder in windows}


def file_names(frames: dict[str, dict]) -> dict[str, list[str]]:
    """{clip folder: file names of its frames}, from the result of `scan`."""
    return {folder: [entry[0] for entry in index["frames"].values()] for folder, index in frames.items()}


def stamps_read(frames: dict[str, dict]) -> str | None:
    """Digest of the stamps of all folders and frames when they were read, from the result of `scan`.

    None where a folder's list of names cannot be relied on.
    """
    sha = hashlib.sha256()
    for folder in frames.values():
        if not folder["listed"]:
            return None
        stamps = [number for entry in folder["frames"].values() for number in entry[1:-1]]
        sha.update(repr((folder["listed"], stamps)).encode())
    return sha.hexdigest()


def stamps_on_disk(root: str, names: dict[str, list[str]]) -> str:
    """The same digest of the files on disk now. Raises FileNotFoundError if one is gone."""
    sha = hashlib.sha256()
    for folder, files in names.items():
        path, stamps = f"{root}/{folder}", []
        listed = _stamp(os.stat(path))[1:]
        for name in files:  # `_stamp` spelled out: a call for each of a hundred thousand frames is felt
            now = os.stat(f"{path}/{name}")
            stamps += now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino
        sha.update(repr((listed, stamps)).encode())
    return sha.hexdigest()


def digest_of(digests: dict[int, str], onset: int, offset: int) -> str:
    """Digest of the frames of a window, from {frame number: sha256}."""
    return digest([[n, digests[n]] for n in sorted(digests) if onset <= n <= offset])


def unchanged(folder: str, before: dict) -> bool:
    """Whether a folder and its frames are unchanged since ``before``, its index, was made."""
    try:
        if before["listed"] != _stamp(os.stat(folder))[1:]:
            return False
        for name, size, mtime, ctime, inode, _ in before["frames"].values():
            now = os.stat(f"{folder}/{name}")
            if (
                now.st_ctime_ns != ctime
                or now.st_mtime_ns != mtime
                or now.st_size != size
                or now.st_ino != inode
            ):
                return False
    except OSError:
        return False
    return True


def _alike(before: dict) -> bool:
    """Whether all frames are named alike: an index of an earlier version may hold copies of frames."""
    return len({parse(name).pattern for name, *_ in before["frames"].values()}) <= 1


def _read(folder: Path, before: dict, spans: Sequence[tuple[int, int]]) -> dict:
    """The index of one folder, from a fresh listing; reads the frames that differ from ``before``.

    A folder or frame that cannot be read has no entry, so that the audit finds it missing.
    """
    try:
        listed, index = _stamp(folder.stat())[1:], frame_index(folder)
    except (InputError, OSError):
        return {"listed": None, "windows": [[*span, digest([])] for span in spans], "frames": {}}
    frames = {}
    for number, path in index.items():
        if any(onset <= number <= offset for onset, offset in spans):
            with suppress(PermissionError):
                entry = [path.name, *_stamp(path.stat())]
                last = before.get(str(number), [])
                frames[str(number)] = last if last[:-1] == entry else [*entry, file_digest(path)]
    digests = {int(number): entry[-1] for number, entry in frames.items()}
    settled = time.time_ns() - max(listed[:2]) > SETTLED
    return {
        "listed": listed if settled else None,
        "windows": [[*span, digest_of(digests, *span)] for span in spans],
        "frames": frames,
    }


def _stamp(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
