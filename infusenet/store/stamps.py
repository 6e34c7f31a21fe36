"""Stamps: digests of a store's file that need not be computed again as long as the file has not changed.

``.flow.h5.stamp`` beside ``flow.h5`` holds the file's size, mtime, ctime and inode, and the digests that were
computed while it had them. No program can set a file's ctime, so a change in place shows there even where the
other three are restored. A stamp is a shortcut for trainings, which read many stores again and again; what asks
whether a store is sound (`infusenet.store.verify`) reads every byte.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from infusenet.config.configuration import STAMPS
from infusenet.files import write_if_changed
from infusenet.hashing import digest
from infusenet.json_notes import read_note

FORM = {"file": (int, int, int, int), "digests": {str: str}}
# Seconds since the last change of a file after which it gets a stamp: two changes within one tick of a file
# system's clock have the same times.
SETTLED = 2


def stamped(path: Path, name: str, compute: Callable[[], str]) -> str:
    """The digest ``name`` of a file: from its stamp, or computed, and then noted in its stamp.

    Several processes may do so at once: a stamp is replaced whole, and its digests are those of one file.
    """
    facts = _facts(path)
    digests = next((note["digests"] for note in _notes(path) if note["file"] == facts), {})
    if name in digests:
        return digests[name]
    value = compute()
    if _facts(path) == facts and time.time() - max(facts[1:3]) / 1e9 > SETTLED:
        _write(path, {"file": facts, "digests": digests | {name: value}})
    return value


def _facts(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _places(path: Path) -> Iterator[Path]:
    yield path.with_name(f".{path.name}.stamp")
    if folder := os.environ.get(STAMPS):
        yield Path(folder) / f"{digest(str(path.resolve()))}.stamp"


def _notes(path: Path) -> Iterator[dict]:
    """The stamps of a file that are whole; a damaged one counts as absent."""
    yield from filter(None, (read_note(place, FORM) for place in _places(path)))


def _write(path: Path, note: dict) -> None:
    for place in _places(path):
        # A read-only folder or a full disk: without a stamp the digest is computed again.
        with suppress(OSError):
            write_if_changed(place, json.dumps(note) + "\n")
            return
