"""ClipStore: one HDF5 file per database and stage, and the contract of its bytes.

Format ``infusenet-store``, version 1
-------------------------------------
Root attributes: ``format`` (the name above), ``version`` (1), ``stage``, ``database``, ``package``
(version that wrote it), ``recipe`` and ``source`` (canonical JSON; ``source`` holds the sha256 of
what the store was made from). Datasets, n clips in manifest order:

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from infusenet import __version__
from infusenet.errors import InputError
from infusenet.recipe import canonical, file_digest

FORMAT, VERSION = "infusenet-store", 1
MAX_ITEM_BYTES = 1 << 30
# What h5py raises on a damaged file, depending on which bytes are hit.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)


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
        self._file, self._pid = None, None
        try:
            self._load(self._open(), stage, recipe)
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
        self._check(file)
        self.names = list(file["items"])
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
        if not sidecar.is_file():
            raise InputError(
                f"{sidecar}: missing; a published store has its sha256 beside it: build it again"
            )
        return sidecar.read_text().strip()

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

    def _dataset(self, name: str) -> h5py.Dataset:
        return self._open()[f"items/{name}"]

    def _open(self) -> h5py.File:
        if self._pid != os.getpid():
            if not self.path.is_file():
                raise InputError(f"{self.path}: no such store; build it first")
            try:
                self._file = h5py.File(self.path, "r", locking=False)
            except OSError as error:
                raise InputError(
                    f"{self.path}: not a readable store ({error}); delete it and build it again"
                ) from None
            self._pid = os.getpid()
        return self._file

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

    def _check(self, file: h5py.File) -> None:
        """Refuse what could reach out of the file or fill the memory."""
        count = file["clips"].shape[0] if isinstance(file.get("clips", getlink=True), h5py.HardLink) else None
        for name, dataset in _datasets(file, self.path):
            if dataset.external or dataset.is_virtual:
                raise InputError(f"{self.path}: {name}: external or virtual data is refused")
            if dataset.dtype.kind == "O":
                raise InputError(f"{self.path}: {name}: object type {dataset.dtype} is refused")
            # Nothing is compressed, so a column cannot be larger than the file that holds it.
            if not name.startswith("items/") and dataset.nbytes > self.path.stat().st_size:
                raise InputError(f"{self.path}: {name}: shape {dataset.shape} is more than the file holds")
            if name.startswith("items/") and dataset.shape[:1] != (count,):
                raise InputError(f"{self.path}: {name}: shape {dataset.shape}, expected {count} clips")
            if dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=object)) > MAX_ITEM_BYTES:
                raise InputError(f"{self.path}: {name}: one item of shape {dataset.shape[1:]} is over 1 GiB")


def _datasets(group: h5py.Group, path: Path, prefix: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"{path}: {prefix}{name}: soft and external links are refused")
        member = group[name]
        if isinstance(member, h5py.Group):
            yield from _datasets(member, path, f"{prefix}{name}/")
        elif isinstance(member, h5py.Dataset):
            yield f"{prefix}{name}", member
        else:
            raise InputError(f"{path}: {prefix}{name}: a {type(member).__name__} is refused")


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() for value in values.tolist()]


def difference(found: dict, expected: dict) -> str:
    """The settings in which two recipes differ, in words."""
    names = sorted(n for n in found.keys() | expected.keys() if found.get(n) != expected.get(n))
    return "; ".join(f"{n} is {found.get(n)!r}, expected {expected.get(n)!r}" for n in names)


def sidecar_of(path: Path) -> Path:
    """Where a store's sha256 stands."""
    return path.with_name(f"{path.name}.sha256")


@contextmanager
def aside(path: Path):
    """A hidden path beside ``path`` to write to; fsynced and renamed to ``path`` if all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def write(
    path: Path,
    *,
    stage: str,
    database: str,
    recipe: dict,
    source: dict,
    clips: Sequence[tuple[str, str]],
    outcomes: Iterator[Item | Failure],
    failures: Sequence[Failure] = (),
    chunks: dict[str, tuple[int, ...]] | None = None,
) -> None:
    """Write a store's file (not its sidecar). The same arguments give the same bytes.

    ``clips`` are (clip, content key) in order, ``outcomes`` their items in the same order, read one
    at a time; a Failure among them joins ``failures``. ``chunks`` gives an item's chunk shape where
    it is not the whole item.
    """
    failures, rows = list(failures), []
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update(
            format=FORMAT, version=VERSION, stage=stage, database=database, package=__version__,
            recipe=canonical(recipe), source=canonical(source),
        )  # fmt: skip
        items = file.create_group("items")
        for (clip, key), outcome in zip(clips, outcomes, strict=True):
            if isinstance(outcome, Failure):
                failures.append(outcome)
                continue
            for name, array in outcome.arrays.items():
                if name not in items:
                    chunk = (chunks or {}).get(name, array.shape)
                    items.create_dataset(
                        name, (len(clips), *array.shape), array.dtype, maxshape=(None, *array.shape),
                        chunks=(1, *chunk), fletcher32=True, track_times=False,
                    )  # fmt: skip
                items[name][len(rows)] = array
            rows.append((clip, key, outcome.status))
        for dataset in items.values():
            dataset.resize(len(rows), axis=0)
        columns = zip(*rows, strict=True) if rows else ([], [], [])
        for name, values in zip(("clips", "keys", "status"), columns, strict=True):
            _column(file, name, values)
        for name in ("clip", "status", "reason"):
            _column(
                file, f"failures/{'clips' if name == 'clip' else name}", [getattr(f, name) for f in failures]
            )


def _column(file: h5py.File, name: str, values: Sequence[str]) -> None:
    data = np.array([value.encode() for value in values], dtype=bytes)
    data = data if data.size else np.empty(0, "S1")
    file.create_dataset(
        name, data=data, maxshape=(None,), chunks=(max(1, len(data)),), fletcher32=True, track_times=False
    )


def publish_digest(path: Path) -> None:
    """Write the sidecar of a store that has just been published."""
    with aside(sidecar_of(path)) as temporary:
        temporary.write_text(f"{file_digest(path)}\n")
