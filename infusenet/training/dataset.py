"""The clips of a fold as a network takes them: arrays from stores, batches of tensors.

Nothing here depends on the number of loader workers or on the order of reading.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from infusenet.errors import InputError
from infusenet.preprocess import photometric
from infusenet.preprocess.images import resize
from infusenet.preprocess.optical_flow import prepare
from infusenet.protocol import APEX_SLOT, AUS, ONSET_SLOT
from infusenet.training.folds import Database
from infusenet.training.pseudo_apex import PREDICTION, pseudo_apex

MEMORY = 2 * 2**30  # bytes of prepared arrays that a training keeps; arrays beyond that are read again
TIMEOUT = 300  # seconds without a batch after which a loader worker counts as hung


class ClipDataset(Dataset):
    """Clips of some databases as tensors, indexed by (epoch, index).

    An item is ``(inputs, labels)``; ``labels`` float32 (12,); ``inputs`` those of the recipe's stores:

    flow : float32 (3, size, size) in [0, 1], f_x, f_y and strain, each min-max normalised
    latents : float32 (64, h, w), the apex pair and the pseudo-apex pair
    decoded : float32 (6, size, size) in [0, 1], the RGB images decoded from those pairs
    frames : float32 (3, 3, size, size) in [-1, 1], RGB onset, apex and pseudo-apex
    video : uint8 (T, S, S), gray

    Arrays are kept in memory, up to ``memory`` bytes per reading process: after the first epochs a
    small fold is not read again. Stores open per process at the first read,
    so an instance can be sent to loader workers.
    """

    def __init__(self, databases: Sequence[Database], recipe: dict, seed: int, memory: int = MEMORY):
        self.rows = [(database, clip) for database in databases for clip in database.clips]
        self.recipe, self.seed, self.gain = recipe, seed, gain(recipe)
        self.labels = np.array([[c.labels[n] for n in AUS] for _, c in self.rows], np.float32)
        self.arrays, self.free_bytes = {}, memory

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: tuple[int, int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        epoch, index = item
        # An input is read by the method of its name.
        inputs = {name: getattr(self, name)(epoch, index) for name in self.recipe["stores"]}
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        return tensors, torch.from_numpy(self.labels[index])

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
        slots = (ONSET_SLOT, APEX_SLOT, APEX_SLOT + self.candidate(epoch, index))
        images = [
            self._keep(
                ("frames", index, slot), lambda slot=slot: resize(store.read("frames", clip.key, slot), size)
            )
            for slot in slots
        ]
        images = [photometric.match(images[0], image, self.recipe["photometric"]) for image in images]
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
        if key in self.arrays:
            return self.arrays[key]
        array = read()
        if array.nbytes <= self.free_bytes:
            self.free_bytes -= array.nbytes
            self.arrays[key] = array
        return array


def gain(recipe: dict) -> float:
    """The factor on stored latents that gives them the method's magnification.

    The difference latent is linear in (factor - 1), so one store serves every factor.
    """
    magnified = [
        recipe["stores"][name]["recipe"] for name in ("latents", "decoded") if name in recipe["stores"]
    ]
    if not magnified or recipe["factor"] == magnified[0]["factor"]:
        return 1.0
    (stored,) = magnified
    if stored["latent"] != "difference" or recipe["factor"] <= 1:
        raise InputError(
            f"factor {recipe['factor']} cannot be computed from {stored['latent']} latents of factor "
            f"{stored['factor']}: expected difference latents and a factor above 1, "
            "or a store variant made with this factor"
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
