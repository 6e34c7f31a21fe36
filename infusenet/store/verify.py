"""Verify that a published store is unchanged, and repair a damaged one. Reports all defects, each with its clip.

Damage outside HDF5's checksums (attributes, chunk index) shows only in the file's sha256, so that is
compared first; then the whole file is read, to name the clips that are damaged.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from infusenet.config.stage_arrays import ARRAYS
from infusenet.databases.clip_table import Clip, read_manifest
from infusenet.errors import InputError, raise_all
from infusenet.files import explained
from infusenet.hashing import clip_key, derived_key, file_digest
from infusenet.store import publish
from infusenet.store.format import DAMAGE, FAILED, STATUS, Item, sidecar_of
from infusenet.store.lock import hold
from infusenet.store.reader import Store

KEY = re.compile(r"[0-9a-f]{64}")
UNALLOCATED = 2**64 - 1  # HDF5's address of a chunk that was never written


@dataclass(frozen=True)
class Defect:
    """A sentence about one clip, or about the whole store where ``clip`` is empty.

    ``bytes_only`` marks the file's sha256, which alone names no part of the store.
    """

    clip: str
    text: str
    bytes_only: bool = False


def verify(path: Path | str, manifest: Path | str | None = None) -> list[Defect]:
    """List all defects of a store: bytes, structure, checksums, keys, values, counts.

    Parameters
    ----------
    manifest : Path, optional
        The manifest or clip list whose clips the store must hold or list as failed; default: the
        ``clips.csv`` beside the store, where there is one. A clip list proves the keys of faces;
        the ``faces.h5`` beside a later stage's store proves the keys of that.

    Raises
    ------
    InputError
        There is no such store, or the manifest is refused.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such store; build it first")
    clips = _read_clips(path, manifest)
    defects = [Defect("", text, bytes_only=True) for text in _bytes(path)]
    try:
        store = Store(path)
    except InputError as error:
        return [*defects, Defect("", str(error))]
    checks = [_columns(store), _layout(store), _values(store), _keys(store, clips)]
    if clips is not None:
        checks.append(_counts(store, clips))
    # A clip can be damaged in many chunks: each sentence once is enough.
    unique = dict.fromkeys(itertools.chain(*map(_without_errors, checks)))
    return defects + [
        Defect(clip, f"{path}: clip {clip}: {text}" if clip else f"{path}: {text}") for clip, text in unique
    ]


def _read_clips(path: Path, manifest: Path | str | None) -> list[Clip] | None:
    """The clips of ``manifest``, else of the clip list beside the store; None without either."""
    table = manifest or path.with_name("clips.csv")
    return read_manifest(table) if manifest or table.is_file() else None


def _without_errors(check: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the defects of one check; an error that damage causes in it is one more."""
    try:
        yield from check
    except DAMAGE as error:
        yield "", f"damaged ({error})"


def _bytes(path: Path) -> Iterator[str]:
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        yield f"{sidecar}: missing; expected the store's sha256"
        return
    recorded, digest = sidecar.read_bytes(), file_digest(path)
    if recorded != f"{digest}\n".encode():
        yield f"{path}: sha256 is {digest}, {sidecar.name} says {recorded[:66]!r}: not the bytes that were published"


def _columns(store: Store) -> Iterator[tuple[str, str]]:
    if store.recipe.get("stage") != store.stage:
        yield "", f"the recipe is of stage {store.recipe.get('stage')}, the store of stage {store.stage}"
    with h5py.File(store.path, "r", locking=False) as file:
        count = len(file["clips"])
    if count != len(store.keys):
        yield "", f"{count} rows for {len(store.keys)} clips: a clip is duplicate"
    for clip in store.clips:
        if not KEY.fullmatch(store.keys[clip]):
            yield clip, f"key '{store.keys[clip]}', expected 64 hex digits"
        if store.status[clip] not in STATUS:
            yield clip, f"status '{store.status[clip]}', expected {' or '.join(sorted(STATUS))}"
    for failure in store.failures:
        if failure.status not in FAILED:
            yield (
                "",
                f"failed clip {failure.clip}: status '{failure.status}', expected {', '.join(sorted(FAILED))}",
            )
        if failure.clip in store:
            yield failure.clip, "has an item and is among the failures"


def _layout(store: Store) -> Iterator[tuple[str, str]]:
    with h5py.File(store.path, "r", locking=False) as file:
        for name in ("clips", "keys", "status", *(f"items/{item}" for item in store.names)):
            if file[name].chunks is None or not file[name].fletcher32 or file[name].compression:
                yield "", f"{name}: expected chunks with fletcher32 and no compression"
        arrays = {name: (str(data.dtype), data.ndim - 1) for name, data in file["items"].items()}
    expected = ARRAYS.get(store.stage)
    if expected is None:
        yield "", f"stage '{store.stage}', expected one of {', '.join(ARRAYS)}"
    elif len(store) and arrays not in expected:
        yield "", f"items {arrays}, expected {' or '.join(map(str, expected))}"


def _values(store: Store) -> Iterator[tuple[str, str]]:
    """Read every chunk: HDF5 compares its checksum. Then NaN and infinity."""
    with h5py.File(store.path, "r", locking=False) as file:
        for name in store.names:
            dataset, places = file[f"items/{name}"], {}
            if dataset.chunks is None:
                continue  # the layout check reports it; without chunks there are no checksums to compare
            for row, clip in enumerate(store.clips):
                try:
                    for place in _places(dataset, row):
                        if place == UNALLOCATED:
                            yield clip, f"{name}: a chunk is missing"
                        if (other := places.setdefault(place, clip)) != clip:
                            yield clip, f"{name}: shares a chunk with clip {other}"
                            yield other, f"{name}: shares a chunk with clip {clip}"
                    array = dataset[row]
                except DAMAGE as error:
                    yield clip, f"{name}: damaged ({error})"
                    continue
                if array.dtype.kind == "f" and (wrong := array.size - np.isfinite(array).sum()):
                    yield clip, f"{name}: {wrong} of {array.size} values are NaN or infinite"


def _places(dataset: h5py.Dataset, row: int) -> Iterator[int]:
    steps = [range(0, size, step) for size, step in zip(dataset.shape[1:], dataset.chunks[1:], strict=True)]
    for corner in itertools.product(*steps):
        place = dataset.id.get_chunk_info_by_coord((row, *corner)).byte_offset
        yield UNALLOCATED if place is None else place


def _keys(store: Store, clips: list[Clip] | None) -> Iterator[tuple[str, str]]:
    faces = store.path.with_name("faces.h5")
    try:
        expected = expected_keys(store, clips)
        if store.stage != "faces" and faces.is_file() and Store(faces).sha256 != store.source.get("faces"):
            yield "", "was not made from the faces.h5 beside it; build it again"
    except InputError as error:
        yield "", f"its keys cannot be compared: {error}"
        return
    for clip, key in expected.items():
        if clip in store and store.keys[clip] != key:
            yield clip, "key does not follow from its frames and the recipe; it was made from other data"


def expected_keys(store: Store, clips: list[Clip] | None) -> dict[str, str]:
    """The content keys that the store's clips must have, as far as the files beside it tell them."""
    if store.stage == "faces":
        return {
            c.key: clip_key(c.digest, c.onset, c.apex, c.offset, store.recipe)
            for c in clips or []
            if c.digest
        }
    faces = store.path.with_name("faces.h5")
    if not faces.is_file():
        return {}
    return {clip: derived_key(key, store.recipe) for clip, key in Store(faces, "faces").keys.items()}


def _counts(store: Store, clips: list[Clip]) -> Iterator[tuple[str, str]]:
    if strangers := {clip.database for clip in clips} - {store.database}:
        yield "", f"is of database {store.database}, but the manifest of {', '.join(sorted(strangers))}"
    annotated, failed = {clip.key for clip in clips}, {failure.clip for failure in store.failures}
    for clip in sorted(annotated - failed - set(store.clips)):
        yield clip, "is in the manifest and neither stored nor listed as failed"
    for clip in sorted((failed | set(store.clips)) - annotated):
        yield clip, "is in the store and not in the manifest"


def repair(path: Path | str, manifest: Path | str | None = None) -> list[str]:
    """Withdraw a damaged store and keep its sound clips for the next build; returns the damaged clips.

    The sound clips' arrays are read, which compares their checksums, and kept in the store's folder of
    parts, so that the next build computes only the missing clips. Nothing is written if `verify`
    finds no defect.

    Raises
    ------
    InputError
        A defect concerns the whole store, or no file beside it proves that its recipe is undamaged
        (attributes carry no checksum, keys follow from the recipe).
    """
    path, defects = Path(path), verify(path, manifest)
    if not defects:
        return []
    raise_all(
        (defect.text for defect in defects if not (defect.clip or defect.bytes_only)),
        f"{path}: beyond repair; delete it and build it again",
    )
    store = Store(path)
    if not expected_keys(store, _read_clips(path, manifest)):
        beside = "the clip list clips.csv" if store.stage == "faces" else "faces.h5"
        raise InputError(
            f"{path}: cannot be repaired without {beside} beside it: its keys are checked against that file"
        )
    damaged = {defect.clip for defect in defects}
    sound = [clip for clip in store.clips if clip not in damaged]
    with explained(path), hold(path) as lock:
        publish.keep(
            path, stage=store.stage, database=store.database, recipe=store.recipe, source=store.source,
            clips=[(clip, store.keys[clip]) for clip in sound],
            outcomes=(Item({n: store.read(n, clip) for n in store.names}, store.status[clip]) for clip in sound),
            failures=[failure for failure in store.failures if failure.clip not in damaged],
            chunks={name: store.layout(name)[-1] for name in store.names},
        )  # fmt: skip
        publish.withdraw(path, lock)
    return [clip for clip in store.clips if clip in damaged]
