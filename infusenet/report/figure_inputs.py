"""Trained models with the clips of their held-out databases, for figures 1 and 5."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.errors import InputError
from infusenet.protocol import ONSET_SLOT
from infusenet.report.face_maps import gray
from infusenet.store import Store
from infusenet.training import run_folder


def by_database(paths: Sequence[Path], method: str) -> dict[str, Path]:
    """A method's runs by the database they hold out; of several seeds, the lowest one that exists for all."""
    runs: dict[str, dict[int, Path]] = {}
    for path in paths:
        facts = run_folder.load_facts(path)
        if facts["recipe"]["method"] == method:
            runs.setdefault(facts["held_out"], {})[facts["seed"]] = Path(path)
    if not runs:
        raise InputError(f"no run of {method} among {len(paths)} run folders; train it first")
    common = set.intersection(*(set(seeds) for seeds in runs.values()))
    if not common:
        raise InputError(f"{method}: no seed was trained for all of {', '.join(runs)}")
    return {name: seeds[min(common)] for name, seeds in runs.items()}


def split(clip: str, databases: Sequence[str]) -> tuple[str, str]:
    """``DATABASE/SUBJECT/CLIP`` as (database, ``subject/clip``); the database must be one of ``databases``."""
    name, _, key = clip.partition("/")
    if name not in databases or key.count("/") != 1:
        raise InputError(
            f"clip '{clip}': expected DATABASE/SUBJECT/CLIP with a database of {', '.join(databases)}"
        )
    return name, key


def onset_crop(faces: Store, clip: str) -> np.ndarray:
    """The gray onset crop float32 (S, S) in [0, 1], over which maps are laid."""
    return gray(faces.read("frames", clip, ONSET_SLOT))
