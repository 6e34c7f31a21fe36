"""The contract of a store's bytes: one HDF5 file per database and stage.

Format ``infusenet-store``, version 1
-------------------------------------
Root attributes: ``format`` (the name above), ``version`` (1), ``stage``, ``database``, ``package``
(version of the writer), ``recipe`` and ``source`` (canonical JSON; ``source`` holds the sha256 of
the inputs, ``data``, the digest of the clips' frames, onset, apex and offset, and, in stages after
the faces, the recipe of the faces). Datasets, n clips in manifest order:

- ``clips`` (n,) fixed-length bytes, UTF-8 ``subject/clip``; ``keys`` (n,) 64 hex digits, the clips'
  content keys; ``status`` (n,) bytes, ``ok`` or ``recovered``
- ``items/<name>`` (n, ...): one array per clip; a chunk holds the array of one clip or one pair of it
- ``failures/clips``, ``failures/status``, ``failures/reason`` (m,) bytes: clips without an item

Every dataset is chunked, uncompressed, with fletcher32. A reader MUST refuse another format or
version, links out of the file, external or virtual data and object types. The final name is never
opened for writing: a file is written aside, fsynced and renamed. ``<store>.sha256`` beside it holds
the file's sha256. Handles are opened read-only, without file locks (a published file never changes),
in the process that reads.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FORMAT, VERSION = "infusenet-store", 1
# Values of ``status`` of clips with an item, and of clips without one.
STATUS = {"ok", "recovered"}
FAILED = {"no_face", "multiple_faces", "error"}
# Errors that h5py raises on a damaged file, depending on which bytes are hit.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)


@dataclass(frozen=True)
class Failure:
    """A clip without an item. ``status`` is no_face, multiple_faces or error."""

    clip: str
    status: str
    reason: str


@dataclass(frozen=True)
class Item:
    """The arrays that a stage computed for one clip. ``status`` is ok or recovered."""

    arrays: dict[str, np.ndarray]
    status: str = "ok"


def folder_of(path: Path) -> Path:
    """The hidden folder beside a store: parts of a build, and the second name of the published file."""
    return path.with_name(f".{path.name}.parts")


def sidecar_of(path: Path) -> Path:
    """The file beside a store that holds its sha256."""
    return path.with_name(f"{path.name}.sha256")


def sidecar_text(sidecar: Path) -> str:
    """The sha256 in a sidecar; of a damaged one, text that is no file's sha256."""
    return sidecar.read_text(encoding="utf-8", errors="replace").strip()
