"""ClipStore: one HDF5 file per database and stage, and the contract of its bytes.

Format ``infusenet-store``, version 1
-------------------------------------
Root attributes: ``format`` (the name above), ``version`` (1), ``stage``, ``database``, ``package``
(version that wrote it), ``recipe`` and ``source`` (canonical JSON; ``source`` holds the sha256 of
what the store was made from, ``data``, the digest of the clips' frames, onset, apex and offset, and
after the faces their recipe). Datasets, n clips in manifest order:

- ``clips`` (n,) fixed-length bytes, UTF-8 ``subject/clip``; ``keys`` (n,) 64 hex digits, the clips'
  content keys; ``status`` (n,) bytes, ``ok`` or ``recovered``
- ``items/<name>`` (n, ...): one array a clip, a chunk holds one clip's array or one pair of it
- ``failures/clips``, ``failures/status``, ``failures/reason`` (m,) bytes: clips without an item

Every dataset is chunked, uncompressed, with fletcher32. A reader MUST refuse another format or
version, links out of the file, external or virtual data and object types. The final name is never
opened for writing: a file is written aside, fsynced and renamed. ``<store>.sha256`` beside it holds
the file's sha256. Handles are opened read-only, without file locks (a published file never changes),
in the process that reads.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from infusenet.config.recipes import difference
from infusenet.errors import InputError
from infusenet.files import check_readable
from infusenet.store.limits import check

FORMAT, VERSION = "infusenet-store", 1
# What h5py raises on a damaged file, depending on which bytes are hit.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)
PATIENCE = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A clip without an item. ``status`` is no_face, multiple_faces or error."""

    clip: str
    status: str
    reason: str


@dataclass(frozen=True)
class Item:
    """What a stage computed for one clip. ``status`` is ok or recovered."""

    arrays: dict[str, np.ndarray]
    status: str = "ok"


class Store:
    """A published store, read-only.

    Parameters
    ----------
    path : Path
    stage : str, optional
        The stage that is expected; any if not given.
    recipe : dict, optional
        The recipe that is expected; a store made by another one is refused.

    Raises
    ------
    InputError
        No such file, no readable HDF5, another format, version, stage or recipe, or content that
        the format forbids.
    """

    def __init__(self, path: Path | str, stage: str | None = None, recipe: dict | None = None):
        self.path = Path(path)
        self._file, self._pid, self._loaded = None, None, None
        try:
            self._load(self._open(), stage, recipe)
        except PermissionError:
            raise  # no damage
        except DAMAGE as error:
            raise InputError(
                f"{path}: damaged ({type(error).__name__}: {error}); delete it and build it again"
            ) from None
        finally:
            # A handle must not cross a fork: the process that reads opens its own.
            self._close()

    def _load(self, file: h5py.File, stage: str | None, recipe: dict | None) -> None:
        path, attrs = self.path, dict(file.attrs)
        if attrs.get("format") != FORMAT or attrs.get("version") != VERSION:
            raise InputError(
                f"{path}: format {attrs.get('format')!r} version {attrs.get('version')}, expected "
                f"{FORMAT} version {VERSION}; delete it and build it again"
            )
        if attrs["stage"] != (stage or attrs["stage"]):
            raise InputError(f"{path}: a store of stage {attrs['stage']}, expected stage {stage}")
        self.stage, self.database, self.package = attrs["stage"], attrs["database"], attrs["package"]
        self.recipe, self.source = json.loads(attrs["recipe"]), json.loads(attrs["source"])
        if recipe is not None and recipe != self.recipe:
            raise InputError(
                f"{path}: {difference(self.recipe, recipe)}; build the store again or change the recipe"
            )
        check(file, path)
        self.package = attrs["package"]
        self.names = list(file["items"])
        self._loaded = self._content(file)
        self.clips = _texts(self._read(file, "clips"))
        self._rows = {clip: row for row, clip in enumerate(self.clips)}
        self.keys = dict(zip(self.clips, _texts(self._read(file, "keys")), strict=True))
        self.status = dict(zip(self.clips, _texts(self._read(file, "status")), strict=True))
        columns = (_texts(self._read(file, f"failures/{name}")) for name in ("clips", "status", "reason"))
        self.failures = [Failure(*row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self.clips)

    def __contains__(self, clip: str) -> bool:
        return clip in self._rows

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_file": None, "_pid": None}

    @property
    def sha256(self) -> str:
        """The digest noted beside the file when it was published."""
        sidecar = sidecar_of(self.path)
        try:
            digest = self._awaited(sidecar, Path.read_text).strip()
        except FileNotFoundError:
            raise InputError(
                f"{sidecar}: missing; expected a published store's sha256: build it again"
            ) from None
        # It follows its store, so it is this store's if that still stands there.
        self._close()
        self._open()
        return digest

    @property
    def as_source(self) -> dict:
        """The ``source`` of what is made from these faces: it tells their recipe and data without them."""
        return {"faces": self.sha256, "faces_recipe": self.recipe, "data": self.source.get("data")}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one clip's array ``name``."""
        return self._dataset(name).shape[1:]

    def dtype(self, name: str) -> np.dtype:
        """Type of the arrays ``name``."""
        return self._dataset(name).dtype

    def read(self, name: str, clip: str, index=()) -> np.ndarray:
        """The array ``name`` of ``clip``, or the part of it that ``index`` selects.

        Raises
        ------
        InputError
            The clip has no item here, or its bytes are damaged.
        """
        if clip not in self._rows:
            raise InputError(f"{self.path}: no clip {clip}")
        index = index if isinstance(index, tuple) else (index,)
        try:
            return self._dataset(name)[(self._rows[clip], *index)]
        except DAMAGE as error:
            raise InputError(
                f"{self.path}: clip {clip}, {name}: damaged ({error}); delete the store and build it again"
            ) from None

    def layout(self, name: str) -> tuple[tuple[int, ...], np.dtype, tuple[int, ...]]:
        """Shape, type and chunk shape of one clip's array ``name``."""
        dataset = self._dataset(name)
        return dataset.shape[1:], dataset.dtype, dataset.chunks[1:]

    def stored(self, name: str, clip: str) -> Iterator[tuple[tuple[int, ...], int, bytes]]:
        """The chunks of one clip's array as they stand in the file, neither decoded nor checked:
        (place in the array, HDF5's filter mask, bytes with their fletcher32)."""
        dataset, row = self._dataset(name), self._rows[clip]
        shape, _, chunk = self.layout(name)
        for place in product(*(range(0, size, step) for size, step in zip(shape, chunk, strict=True))):
            yield place, *dataset.id.read_direct_chunk((row, *place))

    def _dataset(self, name: str) -> h5py.Dataset:
        return self._open()[f"items/{name}"]

    def _open(self) -> h5py.File:
        if self._pid != os.getpid():
            try:
                self._file = self._awaited(self.path, partial(h5py.File, mode="r", locking=False))
            except FileNotFoundError:
                raise InputError(f"{self.path}: no such store; build it first") from None
            except OSError as error:
                check_readable(self.path)
                raise InputError(
                    f"{self.path}: not a readable store ({error}); delete it and build it again"
                ) from None
            self._pid = os.getpid()
            if self._loaded not in (None, self._content(self._file)):
                self._close()
                raise InputError(f"{self.path}: another build replaced it meanwhile; run this again")
        return self._file

    def _content(self, file: h5py.File) -> tuple[bytes, bytes]:
        """Which rows hold what: equal for files of equal items."""
        return tuple(self._read(file, name).tobytes() for name in ("clips", "keys"))

    def _awaited(self, path: Path, open_it: Callable[[Path], T]) -> T:
        """What ``open_it`` makes of ``path``, once it is there. Snakemake deletes the outputs of a rule
        before it runs; where the store has been published before, a run in another folder is about to
        publish it again. Opened rather than looked for first: it may go between the two."""
        patience, said = time.monotonic() + PATIENCE, False
        while True:
            try:
                return open_it(path)
            except FileNotFoundError:
                if not folder_of(self.path).is_dir() or time.monotonic() > patience:
                    raise
            if not said:
                print(
                    f"{path}: away; waiting up to {PATIENCE} s for a builder to publish it", file=sys.stderr
                )
                said = True
            time.sleep(0.05)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._pid = None, None

    def _read(self, file: h5py.File, name: str) -> np.ndarray:
        try:
            return file[name][()]
        except (OSError, KeyError) as error:
            raise InputError(
                f"{self.path}: {name}: damaged ({error}); delete the store and build it again"
            ) from None


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() for value in values.tolist()]


def folder_of(path: Path) -> Path:
    """Where the parts of a store are kept while it is built, and the published file's second name."""
    return path.with_name(f".{path.name}.parts")


def sidecar_of(path: Path) -> Path:
    """Where a store's sha256 stands."""
    return path.with_name(f"{path.name}.sha256")
