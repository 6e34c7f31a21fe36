"""Safety of a store's file from elsewhere: nothing in it may refer to other files or fill the memory."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from infusenet.errors import InputError

MAX_ITEM_BYTES = 1 << 30


def check(file: h5py.File, path: Path) -> None:
    """Refuse links and data that refer to other files, and items that could fill the memory."""
    count = file["clips"].shape[0] if isinstance(file.get("clips", getlink=True), h5py.HardLink) else None
    for name, dataset in _datasets(file, path):
        if dataset.external or dataset.is_virtual:
            raise InputError(f"{path}: {name}: external or virtual data is refused")
        if dataset.dtype.kind == "O":
            raise InputError(f"{path}: {name}: object type {dataset.dtype} is refused")
        # Nothing is compressed, so a column cannot be larger than the file that holds it.
        if not name.startswith("items/") and dataset.nbytes > path.stat().st_size:
            raise InputError(f"{path}: {name}: shape {dataset.shape} is more than the file holds")
        if name.startswith("items/") and dataset.shape[:1] != (count,):
            raise InputError(f"{path}: {name}: shape {dataset.shape}, expected {count} clips")
        if dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=object)) > MAX_ITEM_BYTES:
            raise InputError(f"{path}: {name}: one item of shape {dataset.shape[1:]} is over 1 GiB")


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
