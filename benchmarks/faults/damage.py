"""Bit flips and truncations in published stores: verify reports them, reading refuses them."""

import random
import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from lab import STAGES, Lab, TrialRow

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import Store, sidecar_of, stamps
from infusenet.store.verify import verify

TICK = 0.01  # seconds; a file system's clock has at least ticked once in this time


def damage(lab: Lab, count: int, draw: random.Random) -> list[TrialRow]:
    folder = lab.fresh("damage")
    shutil.copy(lab.folder("now") / "clips.csv", folder)
    for stage in STAGES:
        for path in (lab.folder("now") / f"{stage}.h5", sidecar_of(lab.folder("now") / f"{stage}.h5")):
            shutil.copy(path, folder)
    sound = {stage: (folder / f"{stage}.h5").read_bytes() for stage in STAGES}
    maps = {stage: chunk_map(folder / f"{stage}.h5") for stage in STAGES}
    digests = {stage: Store(folder / f"{stage}.h5").sha256 for stage in STAGES}
    stamps.SETTLED = 0  # so that every trial starts with a stamp of the undamaged store
    arrays = {stage: read_all(folder / f"{stage}.h5") for stage in STAGES}
    counts = Counter()
    for trial in range(count):
        stage = STAGES[trial % 3]
        path, data = folder / f"{stage}.h5", bytearray(sound[stage])
        kind = "cut" if trial % 4 == 3 else "flip"
        stamps.stamped(path, "sha256", partial(file_digest, path))
        time.sleep(TICK)
        place = draw.randrange(len(data))
        if kind == "cut":
            del data[place:]
        else:
            data[place] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        counts[kind] += 1
        counts[kind, "noticed"] += (
            stamps.stamped(path, "sha256", partial(file_digest, path)) != digests[stage]
        )
        counts[kind, "found"] += bool(verify(path))
        hit = next((chunk[2:] for chunk in maps[stage] if chunk[0] <= place < chunk[1]), None)
        if kind == "flip" and hit:
            counts["in a clip"] += 1
            counts["refused"] += refused(path, *hit)
        counts[kind, "wrong"] += reads_wrong(path, arrays[stage])
        path.write_bytes(sound[stage])
    return [
        TrialRow(
            "one flipped bit in a published store",
            f"{counts['flip']} flips, {counts['in a clip']} of them in a clip's chunk",
            f"verify found {counts['flip', 'found']}; reading refused {counts['refused']} of the "
            f"{counts['in a clip']} clips; {counts['flip', 'wrong']} stores were read with other values, for damage "
            "outside the clips' chunks, which verify sees and the check before a training: that one noticed "
            f"{counts['flip', 'noticed']}, each beside a stamp of the undamaged store",
            counts["flip", "found"] == counts["flip", "noticed"] == counts["flip"]
            and counts["refused"] == counts["in a clip"],
        ),
        TrialRow(
            "a published store cut short",
            f"{counts['cut']} lengths",
            f"verify found {counts['cut', 'found']}; {counts['cut', 'wrong']} stores were read with other values",
            counts["cut", "found"] == counts["cut", "noticed"] == counts["cut"]
            and not counts["cut", "wrong"],
        ),
    ]


def chunk_map(path: Path) -> list[tuple[int, int, str, str]]:
    """(first byte, byte after the last, array, clip) of every chunk of the items."""
    clips, chunks = Store(path).clips, []
    with h5py.File(path, "r", locking=False) as file:
        for name, dataset in file["items"].items():
            for number in range(dataset.id.get_num_chunks()):
                chunk = dataset.id.get_chunk_info(number)
                clip = clips[chunk.chunk_offset[0]]
                chunks.append((chunk.byte_offset, chunk.byte_offset + chunk.size, name, clip))
    return chunks


def read_all(path: Path) -> dict[tuple[str, str], np.ndarray]:
    store = Store(path)
    return {(name, clip): store.read(name, clip) for name in store.names for clip in store.clips}


def refused(path: Path, name: str, clip: str) -> bool:
    """Whether reading that array of that clip ends in an error that names it."""
    try:
        Store(path).read(name, clip)
    except InputError as error:
        return clip in str(error)
    return False


def reads_wrong(path: Path, expected: dict[tuple[str, str], np.ndarray]) -> bool:
    """Whether any array is read without an error and differs from what was stored."""
    try:
        store = Store(path)
    except InputError:
        return False
    for (name, clip), array in expected.items():
        try:
            if not np.array_equal(store.read(name, clip), array):
                return True
        except InputError:
            continue
    return False
