"""How a store's file is made, kept and published. `infusenet.store` is the contract of its bytes.

Beside ``faces.h5`` lies the folder ``.faces.h5.parts``: finished stores of this output under the
sha256 of their bytes, that is the parts of a build under way and, between builds, the published
file itself. There it is a second name (hard link) of the same bytes: it takes no room on the disk,
and it outlives Snakemake, which deletes the outputs of a rule before it runs, so that the next build
takes unchanged clips over. A name that is the content's digest needs no record beside it, and a file
cut short by a kill is known by it. On a file system without hard links nothing is kept, and an
update computes every clip.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from infusenet import __version__
from infusenet.errors import InputError
from infusenet.lock import Lock
from infusenet.recipe import canonical, file_digest
from infusenet.store import FORMAT, VERSION, Failure, Item, Store, aside, sidecar_of


@dataclass(frozen=True)
class Stored:
    """A clip's item as it stands in another store, to be copied chunk by chunk, undecoded."""

    store: Store
    clip: str


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
    """Write a store's file (not its sidecar). The same arguments give the same bytes.

    ``clips`` are (clip, content key) in order, ``outcomes`` their items in the same order, read one
    at a time; a Failure among them joins ``failures``. ``chunks`` gives an item's chunk shape where
    it is not the whole item; a Stored item keeps the one it has.
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
            if isinstance(outcome, Stored):
                status = outcome.store.status[outcome.clip]
                _copy(items, len(clips), len(rows), outcome)
            else:
                status = outcome.status
                for name, array in outcome.arrays.items():
                    chunk = (chunks or {}).get(name, array.shape)
                    _dataset(items, name, len(clips), array.shape, array.dtype, chunk)[len(rows)] = array
            rows.append((clip, key, status))
        for dataset in items.values():
            dataset.resize(len(rows), axis=0)
        columns = zip(*rows, strict=True) if rows else ([], [], [])
        for name, values in zip(("clips", "keys", "status"), columns, strict=True):
            _column(file, name, values)
        for name in ("clip", "status", "reason"):
            _column(
                file, f"failures/{'clips' if name == 'clip' else name}", [getattr(f, name) for f in failures]
            )


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
                f"{outcome.store.path}: {name} of clip {outcome.clip} is {layout}, other clips have "
                f"{dataset.shape[1:]}, {dataset.dtype}, {dataset.chunks[1:]}, under one recipe; remove that file"
            )
        for place, mask, data in outcome.store.stored(name, outcome.clip):
            dataset.id.write_direct_chunk((row, *place), data, mask)


def _column(file: h5py.File, name: str, values: Sequence[str]) -> None:
    data = np.array([value.encode() for value in values], dtype=bytes)
    data = data if data.size else np.empty(0, "S1")
    file.create_dataset(
        name, data=data, maxshape=(None,), chunks=(max(1, len(data)),), fletcher32=True, track_times=False
    )


def folder_of(output: Path) -> Path:
    """Where finished stores of ``output`` are kept under their digests."""
    return output.with_name(f".{output.name}.parts")


def keep(output: Path, **content) -> Path:
    """Write a store (see `write`) into the folder of ``output``; returns where it is."""
    folder = folder_of(output)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{os.getpid()}.tmp"
    try:
        write(temporary, **content)
        path = folder / f"{file_digest(temporary)}.h5"
        with aside(path) as synced:
            os.replace(temporary, synced)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def sound(output: Path) -> Iterator[Path]:
    """The finished stores of ``output``, itself first, whose bytes are those that were written."""
    sidecar, digest = sidecar_of(output), ""
    if output.is_file() and sidecar.is_file():
        digest = sidecar.read_text().strip()
        if _proved(output, digest):
            yield output
        else:
            digest = ""
    for path in sorted(folder_of(output).glob("*.h5")):
        if path.stem != digest and _proved(path, path.stem):
            yield path


def _proved(path: Path, digest: str) -> bool:
    """Chunk checksums miss damage outside the chunks and some inside; a digest of all bytes does not."""
    same = file_digest(path) == digest
    if not same:
        print(f"{path}: damaged, its sha256 is not {digest}; nothing is taken over from it", file=sys.stderr)
    return same


def publish(finished: Path, output: Path, lock: Lock) -> None:
    """Give a finished store of ``output`` its final name and its sidecar, and keep it alone.

    Raises
    ------
    InputError
        The lock on ``output`` was lost; nothing has been published.
    """
    if finished != output:
        with aside(output) as temporary:
            try:
                os.link(finished, temporary)
            except OSError:
                os.replace(finished, temporary)
            lock.check()
            # The old digest goes first: at no moment may it stand beside another file's bytes.
            sidecar_of(output).unlink(missing_ok=True)
        with aside(sidecar_of(output)) as temporary:
            temporary.write_text(f"{finished.stem}\n")
    kept = folder_of(output) / f"{sidecar_of(output).read_text().strip()}.h5"
    kept.parent.mkdir(exist_ok=True)
    for path in kept.parent.iterdir():
        # A copied store has another file behind its name: that one is kept, not both.
        if path != kept or not path.samefile(output):
            path.unlink()
    with suppress(OSError):
        os.link(output, kept)
    if not kept.exists():
        kept.parent.rmdir()


def sweep(output: Path) -> None:
    """Remove the temporary files of dead builders; the caller holds the lock."""
    for folder, pattern in ((output.parent, f".{output.name}.*.tmp"), (folder_of(output), ".*.tmp")):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
