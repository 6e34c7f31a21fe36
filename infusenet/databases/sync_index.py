"""The record of the last sync of a database: its clip list, its audit table, and two files beside them.

``index.json`` tells whether anything was touched since: it is read before every run, so it is small.
``frames.json`` says what each frame was, and is read only when something was. Imported while
Snakemake parses: standard library only.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from infusenet.files import explained, write_if_changed
from infusenet.hashing import file_digest

# Of index.json, and of frames.json, which is costly to make again.
VERSION, FRAMES_VERSION = 6, 5
LISTS = ("clips.csv", "audit.csv")
ABANDONED = 3600  # seconds


@dataclass(frozen=True)
class Index:
    """The inputs and outputs of the last sync. The default: no sync was made.

    ``origin`` digest of all that the manifest follows from; ``manifest``, ``lists`` digests of what
    was written; ``release`` of the workbook, ``findings`` of its reading; ``refused``, ``excluded`` rows
    that are in no list;
    ``names`` {clip folder: frames' file names}; ``stamps`` digest of their sizes, times and inodes,
    None where a folder changed too shortly before it was listed.
    """

    origin: str | None = None
    manifest: str | None = None
    lists: list[str] = field(default_factory=list)
    release: str | None = None
    findings: list[list] = field(default_factory=list)
    refused: list[list] = field(default_factory=list)
    excluded: list[list] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    stamps: str | None = None
    version: int = VERSION


def read(folder: Path) -> Index:
    """The index of the last run; the default where it is missing or unusable."""
    content = _json(folder / "index.json")
    usable = content.keys() == asdict(Index()).keys() and content["version"] == VERSION
    return Index(**content) if usable else Index()


def read_frames(folder: Path) -> dict[str, dict]:
    """The result of `frame_digests.scan` in the last run; empty where it cannot be used."""
    content = _json(folder / "frames.json")
    return content["frames"] if content.get("version") == FRAMES_VERSION else {}


def write(folder: Path, lists: Sequence[str], index: Index, frames: dict[str, dict]) -> None:
    """Write the texts of `LISTS`, and the index of all that they depend on.

    The frames before the index: an older index beside them only costs a look at each.

    Raises
    ------
    InputError
        The folder may not be written to, or its disk is full.
    """
    with explained(folder):
        _sweep(folder)
        for name, text in zip(LISTS, lists, strict=True):
            write_if_changed(folder / name, text)
        index = replace(index, lists=list_digests(folder))
        for name, content in (
            ("frames", {"version": FRAMES_VERSION, "frames": frames}),
            ("index", asdict(index)),
        ):
            write_if_changed(folder / f"{name}.json", json.dumps(content, separators=(",", ":")))


def _sweep(folder: Path) -> None:
    """Remove half-written files of killed runs. A file that another run still writes is younger."""
    for name in (*LISTS, "frames.json", "index.json"):
        for path in folder.glob(f".{name}.*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()


def changed_lists(folder: Path, index: Index) -> list[Path]:
    """Those of `LISTS` that exist, but were cut or edited since they were written."""
    digests = zip(LISTS, index.lists, strict=False)
    return [
        folder / name
        for name, sha in digests
        if (folder / name).is_file() and file_digest(folder / name) != sha
    ]


def list_digests(folder: Path) -> list[str]:
    """sha256 of each of `LISTS` on disk."""
    return [file_digest(folder / name) for name in LISTS]


def _json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
