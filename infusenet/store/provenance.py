"""The origin of a store on one screen, and the digests that identify its content."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import h5py

from infusenet.config.stage_recipes import difference
from infusenet.hashing import canonical, digest
from infusenet.store.format import sidecar_of, sidecar_text
from infusenet.store.reader import Store
from infusenet.store.stamps import stamped
from infusenet.texts import aligned


def describe(path: Path | str) -> str:
    """Describe a store in aligned lines: stage, database, counts, arrays, recipe and sources.

    Raises
    ------
    InputError
        The store is missing or cannot be read.
    """
    store = Store(path)
    failed = Counter(failure.status for failure in store.failures)
    counts = [f"{len(store)} stored", f"{Counter(store.status.values())['recovered']} recovered of them"]
    counts += [f"{count} {status}" for status, count in sorted(failed.items())]
    sidecar = sidecar_of(store.path)
    lines = {
        "store": f"{store.path} ({store.path.stat().st_size / 1e6:.1f} MB)",
        "stage": store.stage,
        "database": store.database,
        "clips": ", ".join(counts),
        "made by": f"infusenet {store.package}",
        "sha256": sidecar_text(sidecar) if sidecar.is_file() else f"{sidecar.name} is missing",
    }
    for name in store.names:
        lines[f"item {name}"] = f"{store.dtype(name)} {store.shape(name)}"
    lines |= {f"recipe {name}": value for name, value in store.recipe.items() if name != "stage"}
    faces_recipe = store.source.get("faces_recipe", {})
    lines |= {f"faces' {name}": value for name, value in faces_recipe.items() if name != "stage"}
    lines |= {f"made from {name}": v for name, v in store.source.items() if name != "faces_recipe"}
    faces = sidecar_of(store.path.with_name("faces.h5"))
    if "faces" in store.source and faces.is_file():
        same = sidecar_text(faces) == store.source["faces"]
        lines["faces.h5"] = "the one it was made from" if same else "another one is beside it; build it again"
    return aligned(lines)


def mixed(stores: Iterable[Store]) -> Iterator[str]:
    """Reasons why stores of one database do not belong together: other clips or frames, or faces of
    other recipes. A store without this information passes."""
    first: dict[str, tuple[Store, object]] = {}
    for store in stores:
        for name in ("data", "faces_recipe"):
            value = store.source.get(name)
            other, expected = first.setdefault(name, (store, value)) if value else (store, value)
            if value != expected:
                origin = (
                    "other clips or frames"
                    if name == "data"
                    else f"faces of which {difference(value, expected)}"
                )
                yield f"{store.path}: made from {origin}, in {other.path}; build both from the same faces"


def identity(store: Store) -> dict:
    """The facts about a store that a run records, as JSON values.

    ``keys`` is equal where clips, data and recipes are, ``content`` where clips and values are, for any
    builder and version; ``sha256`` only where the files are.
    """
    return {
        "clips": len(store),
        "keys": digest([[clip, store.keys[clip]] for clip in store.clips]),
        "content": stamped(store.path, "content", partial(content, store)),
        "sha256": store.sha256,
        "source": store.source,
    }


def content(store: Store) -> str:
    """sha256 (hex) over the clips and the types, shapes and values of their arrays."""
    digested = hashlib.sha256(canonical(store.clips).encode())
    with h5py.File(store.path, "r", locking=False) as file:
        for name in sorted(store.names):
            dataset = file[f"items/{name}"]
            digested.update(canonical([name, dataset.dtype.str, dataset.shape[1:]]).encode())
            for row in range(len(store)):
                digested.update(dataset[row].tobytes())
    return digested.hexdigest()
