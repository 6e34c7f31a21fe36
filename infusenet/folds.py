"""Leave one database out: a fold's clips with their labels, read from stores as a network takes them.

Nothing here depends on the number of loader workers or on the order of reading: the pseudo-apex of a
clip and the order of an epoch are pure functions of (seed, epoch, clip).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.flow import prepare
from infusenet.images import resize
from infusenet.manifest import AUS, Clip, read_manifest
from infusenet.recipe import file_digest
from infusenet.store import Store

CANDIDATES = 6  # pseudo-apex candidates in a latents store: apex + 0 .. apex + 5
FIXED4 = 4  # what the authors' later code uses for every clip
PREDICTION = 2**32 - 1  # stands for the epoch when a clip is scored
MEMORY = 2 * 2**30  # bytes of prepared arrays that a training keeps; what is beyond is read again
TIMEOUT = 300  # seconds without a batch after which a loader worker counts as hung


@dataclass(frozen=True)
class Database:
    """The clips of one database that every declared store holds, in manifest order.

    ``stores`` by the input that is read from them; ``left_out`` names the clips that an earlier stage reported as failed, with the reason.
    """

    name: str
    clips: list[Clip]
    stores: dict[str, Store]
    left_out: list[str]


def training_databases(held_out: str, manifests: Path, databases: Sequence[str] | None) -> list[str]:
    """The databases of a fold, by name: ``databases`` or every manifest, without ``held_out``.

    The order is alphabetical, whatever order they are given in, so it cannot change a result.
    """
    if databases is None:
        databases = [path.stem for path in manifests.glob("*.csv")]
        if held_out not in databases:
            raise InputError(
                f"no manifest of '{held_out}' in {manifests} {did_you_mean(held_out, databases)}"
            )
    chosen = sorted(set(databases) - {held_out})
    if not chosen:
        raise InputError(f"nothing to train on: no database besides '{held_out}' is named or has a manifest")
    return chosen


def open_database(name: str, stores: Path, manifests: Path, recipe: dict) -> Database:
    """Read the manifest and open the stores that a method recipe declares for one database.

    Raises
    ------
    InputError
        A store of another recipe, one whose bytes are not those of its ``.sha256``, or clips of the
        manifest that a store neither holds nor lists as failed.
    """
    opened = {}
    for given, declared in recipe["stores"].items():
        path = Path(stores) / name / store_name(declared)
        store = opened[given] = Store(path, declared["recipe"]["stage"], declared["recipe"])
        if store.database != name:
            raise InputError(f"{path}: a store of '{store.database}', expected '{name}'; build it again")
        if file_digest(path) != store.sha256:
            raise InputError(f"{path}: damaged, its sha256 is not that of {path}.sha256; build it again")
    manifest = Path(manifests) / f"{name}.csv"
    clips = read_manifest(manifest)
    failed = {f.clip: f for store in opened.values() for f in store.failures}
    raise_all(
        (
            f"{clip.key}: neither stored in {store.path} nor among its failed clips; build the store again"
            for store in opened.values()
            for clip in clips
            if clip.key not in store and clip.key not in failed
        ),
        f"{manifest}: clips without features",
    )
    kept = [clip for clip in clips if clip.key not in failed]
    left_out = [
        f"{name} {clip.key}: {failed[clip.key].status}: {failed[clip.key].reason}"
        for clip in clips
        if clip.key in failed
    ]
    return Database(name, kept, opened, left_out)


def store_name(declared: dict) -> str:
    """The file of a store that a recipe declares: ``{stage}.h5`` or ``{stage}.{variant}.h5``."""
    variant = f".{declared['variant']}" if declared["variant"] else ""
    return f"{declared['recipe']['stage']}{variant}.h5"


def words(*parts) -> list[int]:
    """Eight 32-bit words that depend on nothing but the text of ``parts``: entropy for a seed."""
    text = "/".join(map(str, parts))
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), ">u4").tolist()


def pseudo_apex(mode: str, seed: int, epoch: int, database: str, clip: str) -> int:
    """Which candidate apex + k, k in 0..5, stands beside the apex pair.

    Candidates past the offset were clamped to it when the store was made. ``per_epoch`` draws anew
    each epoch (the paper's "each iteration"), ``per_sample`` once a clip, ``fixed4`` always takes 4.
    """
    if mode == "fixed4":
        return FIXED4
    if mode not in ("per_epoch", "per_sample"):
        raise InputError(f"pseudo_apex is '{mode}', expected per_epoch, per_sample or fixed4")
    entropy = [seed, *([epoch] if mode == "per_epoch" else []), *words(database, clip)]
    return int(np.random.default_rng(np.random.SeedSequence(entropy)).integers(CANDIDATES))


class ClipDataset(Dataset):
    """Clips of some databases as tensors; an item is asked for by (epoch, index).

    An item is ``(inputs, labels)``; ``labels`` float32 (12,); ``inputs`` those of the recipe's stores:

    flow : float32 (3, size, size) in [0, 1], f_x, f_y and strain, each min-max normalised
    latents : float32 (64, h, w), the apex pair and the pseudo-apex pair
    decoded : float32 (6, size, size) in [0, 1], the RGB images decoded from those pairs
    frames : float32 (3, 3, size, size) in [-1, 1], RGB onset, apex and pseudo-apex
    video : uint8 (T, S, S), gray

    Arrays read are kept, up to ``memory`` bytes in each process that reads, so that
    after the first epochs a small fold is read no more. Stores open per process at the first read,
    so an instance can be handed to loader workers.
    """

    def __init__(self, databases: Sequence[Database], recipe: dict, seed: int, memory: int = MEMORY):
        self.rows = [(database, clip) for database in databases for clip in database.clips]
        self.recipe, self.seed, self.gain = recipe, seed, gain(recipe)
        self.labels = np.array([[c.labels[n] for n in AUS] for _, c in self.rows], np.float32)
        self.kept, self.room = {}, memory

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: tuple[int, int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        epoch, index = item
        inputs = {stage: getattr(self, stage)(epoch, index) for stage in self.recipe["stores"]}
        return {name: torch.from_numpy(array) for name, array in inputs.items()}, torch.from_numpy(
            self.labels[index]
        )

    def flow(self, epoch: int, index: int) -> np.ndarray:
        database, clip = self.rows[index]
        store, size = database.stores["flow"], self.recipe["size"]
        return self._keep(("flow", index), lambda: prepare(store.read("flow", clip.key), size))

    def latents(self, epoch: int, index: int) -> np.ndarray:
        return self._pairs("latents", epoch, index) * np.float32(self.gain)

    def decoded(self, epoch: int, index: int) -> np.ndarray:
        return self._pairs("decoded", epoch, index)

    def frames(self, epoch: int, index: int) -> np.ndarray:
        database, clip = self.rows[index]
        store, size = database.stores["frames"], self.recipe["size"]
        slots = (0, 1, 1 + self.candidate(epoch, index))
        images = [
            self._keep(
                ("frames", index, slot), lambda slot=slot: resize(store.read("frames", clip.key, slot), size)
            )
            for slot in slots
        ]
        return np.stack(images).transpose(0, 3, 1, 2) * np.float32(2) - np.float32(1)

    def video(self, epoch: int, index: int) -> np.ndarray:
        database, clip = self.rows[index]
        return self._keep(("video", index), lambda: database.stores["video"].read("video", clip.key))

    def candidate(self, epoch: int, index: int) -> int:
        """The clip's pseudo-apex in an epoch, as frames after the apex."""
        database, clip = self.rows[index]
        return pseudo_apex(self.recipe["pseudo_apex"], self.seed, epoch, database.name, clip.key)

    def _pairs(self, name: str, epoch: int, index: int) -> np.ndarray:
        """The apex pair and the pseudo-apex pair of a latents store, one after the other."""
        database, clip = self.rows[index]
        store = database.stores[name]
        pairs = [
            self._keep((name, index, pair), lambda pair=pair: store.read("latents", clip.key, pair))
            for pair in (0, self.candidate(epoch, index))
        ]
        return np.concatenate(pairs).astype(np.float32)

    def _keep(self, key, read) -> np.ndarray:
        if key in self.kept:
            return self.kept[key]
        array = read()
        if array.nbytes <= self.room:
            self.room -= array.nbytes
            self.kept[key] = array
        return array


def gain(recipe: dict) -> float:
    """What stored latents are multiplied by for the method's magnification factor.

    The difference latent is linear in (factor - 1), so one store serves every factor.
    """
    if "latents" not in recipe["stores"]:
        return 1.0
    stored = recipe["stores"]["latents"]["recipe"]
    if recipe["factor"] == stored["factor"]:
        return 1.0
    if stored["latent"] != "difference" or recipe["factor"] <= 1:
        raise InputError(
            f"factor {recipe['factor']} cannot be had from {stored['latent']} latents of factor "
            f"{stored['factor']}: expected a factor above 1 and difference latents, or a store variant of it"
        )
    return (recipe["factor"] - 1) / (stored["factor"] - 1)


class EpochBatches(Sampler):
    """Batches of (epoch, index): shuffled by (seed, epoch) in training, in order when scoring.

    A last batch of a single clip joins the one before: batch statistics need two values.
    """

    def __init__(self, clips: int, batch: int, seed: list[int] | None = None):
        self.clips, self.batch, self.seed = clips, batch, seed
        self.epoch = PREDICTION

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.arange(self.clips)
        if self.seed is not None:
            order = np.random.default_rng([*self.seed, self.epoch]).permutation(order)
        starts = list(range(0, self.clips, self.batch))
        if self.seed is not None and len(starts) > 1 and self.clips - starts[-1] == 1:
            starts.pop()
        for start, stop in zip(starts, [*starts[1:], self.clips], strict=True):
            yield [(self.epoch, int(index)) for index in order[start:stop]]


def loader(dataset: ClipDataset, batches: EpochBatches, workers: int) -> DataLoader:
    """Batches as tensors. The loader's own generator keeps it off the model's random numbers."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        timeout=TIMEOUT if workers else 0,
        generator=torch.Generator(),
    )
