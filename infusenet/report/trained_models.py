"""Finished runs and the clips that they never saw, for the pictures that look into a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.errors import InputError
from infusenet.protocol import ONSET_SLOT
from infusenet.store import Store
from infusenet.training import run_folder


def by_database(paths: Sequence[Path], method: str) -> dict[str, Path]:
    """A method's runs by the database they hold out; of several seeds the least that all have."""
    found: dict[str, dict[int, Path]] = {}
    for path in paths:
        _, facts = run_folder.load_weights(path)
        if facts["recipe"]["method"] == method:
            found.setdefault(facts["held_out"], {})[facts["seed"]] = Path(path)
    if not found:
        raise InputError(f"no run of {method} among the {len(paths)} given; train it first")
    common = set.intersection(*(set(seeds) for seeds in found.values()))
    if not common:
        raise InputError(f"{method}: no seed was trained for all of {', '.join(found)}")
    return {name: seeds[min(common)] for name, seeds in found.items()}


def split(clip: str, databases: Sequence[str]) -> tuple[str, str]:
    """``DATABASE/SUBJECT/CLIP`` as (database, ``subject/clip``); the database must be a known one."""
    name, _, key = clip.partition("/")
    if name not in databases or key.count("/") != 1:
        raise InputError(
            f"clip '{clip}': expected DATABASE/SUBJECT/CLIP with a database of {', '.join(databases)}"
        )
    return name, key


def onset_crop(faces: Store, clip: str) -> np.ndarray:
    """The gray onset crop float32 (S, S) in [0, 1], over which maps are laid."""
    return faces.read("frames", clip, ONSET_SLOT).astype(np.float32) @ np.float32([0.299, 0.587, 0.114]) / 255
