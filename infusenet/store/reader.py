"""Read a published store."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from infusenet.config.stage_recipes import difference
from infusenet.errors import InputError
from infusenet.files import check_readable
from infusenet.json_notes import parse
from infusenet.store.file_safety import check
from infusenet.store.format import DAMAGE, FORMAT, VERSION, Failure, folder_of, sidecar_of, sidecar_text

PATIENCE = 30  # seconds for a store that another run is about to publish again
T = TypeVar("T")


class Store:
    """A published store, read-only.

    Parameters
    ----------
    path : Path
    stage : str, optional
        The expected stage; default: any.
    recipe : dict, optional
        The expected recipe; a store of another recipe is refused.

    Raises
    ------
    InputError
        No such file, no readable HDF5, another format, version, stage or recipe, or content that
        the format forbids.

    Notes
    -----
    Attributes: ``stage``, ``database``, ``recipe`` and ``source`` (JSON values), ``clips`` (keys ``subject/clip``, in
    order), ``names`` of the arrays that each clip has, ``status`` by clip, ``failures``. ``len(store)`` is the number
    of clips, ``clip in store`` says whether one has an item. Arrays by stage: flow has ``flow`` float16 (3, S, S);
    latents ``latents`` float16 (6, 32, h, h); faces ``frames`` uint8 (7, S, S, 3), ``numbers``, ``landmarks`` (px of
    the crop) and ``matrix``.

    Examples
    --------
    ``cache`` is a folder of stores.

    >>> from infusenet import Store
    >>> store = Store(cache / "alpha/flow.h5", stage="flow")
    >>> len(store), store.clips[0], store.shape("flow")
    (10, 's0/c0', (3, 40, 40))
    >>> store.read("flow", "s0/c0").dtype
    dtype('float16')
    """

    def __init__(self, path: Path | str, stage: str | None = None, recipe: dict | None = None):
        self.path = Path(path)
        self._file, self._pid, self._loaded = None, None, None
        try:
            self._load(self._open(), stage, recipe)
        except PermissionError:
            raise  # the file is not damaged
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
        self.recipe, self.source = (parse(attrs[name], {}) for name in ("recipe", "source"))
        if self.recipe is None or self.source is None:
            raise ValueError("its recipe or its source is no JSON object")  # becomes "damaged" above
        if recipe is not None and recipe != self.recipe:
            raise InputError(
                f"{path}: {difference(self.recipe, recipe)}; build the store again or change the recipe"
            )
        check(file, path)
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
        """The digest that was written beside the file when it was published."""
        sidecar = sidecar_of(self.path)
        try:
            digest = self._awaited(sidecar, sidecar_text)
        except FileNotFoundError:
            raise InputError(
                f"{sidecar}: missing; expected a published store's sha256: build it again"
            ) from None
        # The sidecar is written after its store, so it is of this store if this file is still in place.
        self._close()
        self._open()
        return digest

    @property
    def as_source(self) -> dict:
        """The ``source`` of stores made from these faces: their digest, recipe and data."""
        return {"faces": self.sha256, "faces_recipe": self.recipe, "data": self.source.get("data")}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one clip's array ``name``."""
        return self._dataset(name).shape[1:]

    def dtype(self, name: str) -> np.dtype:
        """Type of the arrays ``name``."""
        return self._dataset(name).dtype

    def read(self, name: str, clip: str, index=()) -> np.ndarray:
        """Return the array ``name`` of ``clip``, or the part of it that ``index`` selects.

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
        """The chunks of one clip's array as the file holds them, neither decoded nor checked:
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
        """The clips and keys of the rows: equal for files of equal items."""
        return tuple(self._read(file, name).tobytes() for name in ("clips", "keys"))

    def _awaited(self, path: Path, open_it: Callable[[Path], T]) -> T:
        """Call ``open_it`` on ``path``, once it exists. A workflow engine deletes a store before it is
        built again; where the store was published before, a run in another folder may be about to
        publish it again. There is no look before the call: the file may vanish between the two."""
        patience, reported = time.monotonic() + PATIENCE, False
        while True:
            try:
                return open_it(path)
            except FileNotFoundError:
                if not folder_of(self.path).is_dir() or time.monotonic() > patience:
                    raise
            if not reported:
                print(
                    f"{path}: away; waiting up to {PATIENCE} s for a builder to publish it", file=sys.stderr
                )
                reported = True
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
