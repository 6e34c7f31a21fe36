"""Write a store's file: the same content gives the same bytes, computed or copied."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from infusenet import __version__
from infusenet.errors import InputError
from infusenet.hashing import canonical
from infusenet.store.format import FORMAT, VERSION, Failure, Item
from infusenet.store.reader import Store


@dataclass(frozen=True)
class Stored:
    """A clip's item in another store, to be copied chunk by chunk, undecoded."""

    store: Store
    clip: str


class Sink(io.FileIO):
    """A new file that HDF5 writes to. It keeps the first error for Python to raise: on a full disk
    HDF5 itself floods the terminal and may end in a segmentation fault. It takes no file lock."""

    error: OSError | None = None

    def __init__(self, path: Path):
        super().__init__(path, "w+")

    def write(self, data) -> int:
        try:
            rest = memoryview(data)
            while rest and not self.error:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size

    def check(self) -> None:
        """Raise the first error of writing, if there was one."""
        if self.error:
            raise self.error


def write(
    path: Path,
    *,
    stage: str,
    database: str,
    recipe: dict,
    source: dict,
    clips: Sequence[tuple[str, str]],
    outcomes: Iterator[Item | Stored | Failure],
    failures: Sequence[Failure] = (),
    chunks: dict[str, tuple[int, ...]] | None = None,
) -> None:
    """Write a store's file (not its sidecar).

    ``clips`` are (clip, content key) in order, ``outcomes`` their items in the same order, read one
    at a time; a Failure among them joins ``failures``. ``chunks`` gives an item's chunk shape where
    it is not the whole item; a Stored item keeps the one it has.

    Raises
    ------
    OSError
        The disk is full or failed.
    """
    failures, rows = list(failures), []
    with Sink(path) as sink:
        with h5py.File(sink, "w", track_order=True) as file:
            file.attrs.update(
                format=FORMAT, version=VERSION, stage=stage, database=database, package=__version__,
                recipe=canonical(recipe), source=canonical(source),
            )  # fmt: skip
            items = file.create_group("items")
            for (clip, key), outcome in zip(clips, outcomes, strict=True):
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                    continue
                if isinstance(outcome, Stored):
                    status = outcome.store.status[outcome.clip]
                    _copy(items, len(clips), len(rows), outcome)
                else:
                    status = outcome.status
                    for name, array in outcome.arrays.items():
                        chunk = (chunks or {}).get(name, array.shape)
                        _dataset(items, name, len(clips), array.shape, array.dtype, chunk)[len(rows)] = array
                sink.check()
                rows.append((clip, key, status))
            for dataset in items.values():
                dataset.resize(len(rows), axis=0)
            columns = zip(*rows, strict=True) if rows else ([], [], [])
            for name, values in zip(("clips", "keys", "status"), columns, strict=True):
                _column(file, name, values)
            for name, values in {
                "clips": [failure.clip for failure in failures],
                "status": [failure.status for failure in failures],
                "reason": [failure.reason for failure in failures],
            }.items():
                _column(file, f"failures/{name}", values)
        sink.check()


def _dataset(items: h5py.Group, name: str, count: int, shape, dtype, chunk) -> h5py.Dataset:
    if name in items:
        return items[name]
    return items.create_dataset(
        name, (count, *shape), dtype, maxshape=(None, *shape),
        chunks=(1, *chunk), fletcher32=True, track_times=False,
    )  # fmt: skip


def _copy(items: h5py.Group, count: int, row: int, outcome: Stored) -> None:
    for name in outcome.store.names:
        layout = outcome.store.layout(name)
        dataset = _dataset(items, name, count, *layout)
        # Bytes of another layout would be read as something else, with a good checksum.
        if (dataset.shape[1:], dataset.dtype, dataset.chunks[1:]) != layout:
            raise InputError(
                f"{outcome.store.path}: {name} of clip {outcome.clip} has the layout {layout}, other clips have "
                f"{dataset.shape[1:]}, {dataset.dtype}, {dataset.chunks[1:]}, "
                "under the same recipe; delete this file"
            )
        for place, mask, data in outcome.store.stored(name, outcome.clip):
            dataset.id.write_direct_chunk((row, *place), data, mask)


def _column(file: h5py.File, name: str, values: Sequence[str]) -> None:
    data = np.array([value.encode() for value in values], dtype=bytes)
    data = data if data.size else np.empty(0, "S1")
    file.create_dataset(
        name, data=data, maxshape=(None,), chunks=(max(1, len(data)),), fletcher32=True, track_times=False
    )
