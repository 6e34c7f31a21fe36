"""Compare stores of two labs: the first difference in data or recipe, in a sentence."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from infusenet.config.stage_recipes import STAGES, difference
from infusenet.databases.clip_table import read_manifest
from infusenet.errors import InputError
from infusenet.store.reader import Store


def diff(a: Path | str, b: Path | str) -> Iterator[tuple[str, str]]:
    """Compare two stores, or the stores that are in both of two folders, in the order of the stages.

    Yields (name, first difference; empty where there is none). Other input files or
    another version are no difference if recipes, clips, keys and values are equal. If both folders have a
    ``manifest.csv``, the annotations are compared first.

    Raises
    ------
    InputError
        A store cannot be read, a folder is compared with a file, or two folders share no store.
    """
    a, b = Path(a), Path(b)
    if a.is_dir() != b.is_dir():
        raise InputError(f"{a} and {b}: one is a folder; expected two stores or two folders of stores")
    if not a.is_dir():
        yield a.name, first_difference(Store(a), Store(b))
        return
    names = sorted(
        {path.name for path in a.glob("*.h5")} & {path.name for path in b.glob("*.h5")}, key=_stage
    )
    if not names:
        raise InputError(f"{a} and {b} have no store in common; expected flow.h5, latents.h5 and the like")
    manifests = [folder / "manifest.csv" for folder in (a, b)]
    if all(path.is_file() for path in manifests):
        yield "manifest.csv", next(_annotations(*map(read_manifest, manifests)), "")
    for name in names:
        yield name, first_difference(Store(a / name), Store(b / name))


def _stage(name: str) -> tuple[int, str]:
    order, stage = list(STAGES), name.split(".")[0]
    return (order.index(stage) if stage in order else len(order)), name


def _annotations(a: list, b: list) -> Iterator[str]:
    rows_a, rows_b = ({clip.key: clip for clip in clips} for clips in (a, b))
    yield from _sets(rows_a, rows_b)
    for key, clip in rows_a.items():
        left, right = ({**vars(c)} | {"frames": "", "digest": ""} for c in (clip, rows_b[key]))
        if left != right:
            names = [name for name in left if left[name] != right[name]]
            values = ", ".join(f"{name} is {left[name]!r} and {right[name]!r}" for name in names)
            yield f"clip {key}: {values}"


def first_difference(a: Store, b: Store) -> str:
    """Stage, database, recipes, clips, keys, status, values: the first in which two stores differ."""
    return next(_differences(a, b), "")


def _differences(a: Store, b: Store) -> Iterator[str]:
    for name in ("stage", "database"):
        if getattr(a, name) != getattr(b, name):
            yield f"{name} is {getattr(a, name)} and {getattr(b, name)}"
    if a.recipe != b.recipe:
        yield f"recipe: {difference(a.recipe, b.recipe, ' and')}"
    faces = [store.source.get("faces_recipe") or {} for store in (a, b)]
    if faces[0] != faces[1]:
        yield f"recipe of the faces: {difference(*faces, ' and')}"
    yield from _sets(a.keys, b.keys, {f.clip: f for f in (*a.failures, *b.failures)})
    if other := [clip for clip in a.clips if a.keys[clip] != b.keys[clip]]:
        yield (
            f"{len(other)} of {len(a)} clips have another key, first {other[0]}: "
            "other frames, or another onset, apex or offset"
        )
    if other := [clip for clip in a.clips if a.status[clip] != b.status[clip]]:
        yield f"status: clip {other[0]} is {a.status[other[0]]} and {b.status[other[0]]}"
    for name in sorted({*a.names, *b.names}):
        yield from _values(a, b, name)


def _sets(a: dict, b: dict, failures: dict | None = None) -> Iterator[str]:
    """Clips that only one side has; ``failures`` gives the reason why the other lacks them."""
    only = [[clip for clip in side if clip not in other] for side, other in ((a, b), (b, a))]
    parts = []
    for place, clips in zip(("first", "second"), only, strict=True):
        if clips:
            failed = (failures or {}).get(clips[0])
            why = f" (failed in the other: {failed.reason})" if failed else ""
            parts.append(f"{len(clips)} only in the {place}, first {clips[0]}{why}")
    if parts:
        yield f"clips: {'; '.join(parts)}"


def _values(a: Store, b: Store, name: str) -> Iterator[str]:
    if name not in a.names or name not in b.names:
        yield f"{name}: only in the {'first' if name in a.names else 'second'}"
        return
    layouts = [(str(store.dtype(name)), store.shape(name)) for store in (a, b)]
    if layouts[0] != layouts[1]:
        yield f"{name}: {layouts[0]} and {layouts[1]}"
        return
    other, largest, most = [], -1.0, ""
    for clip in a.clips:
        left, right = (store.read(name, clip).astype(np.float64) for store in (a, b))
        if not np.array_equal(left, right, equal_nan=True):
            other.append((clip, int((left != right).sum()), left.size))
            apart = float(np.nanmax(np.abs(left - right)))
            largest, most = max((largest, most), (apart, clip))
    if other:
        clip, count, size = other[0]
        yield (
            f"{name}: {len(other)} of {len(a)} clips have other values, first {clip} "
            f"({count} of {size} values); at most {largest:.4g} apart, in {most}"
        )
