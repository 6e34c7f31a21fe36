"""The clips of a fold as batches of tensors: read once, held where the network computes, gathered by index.

Nothing here depends on the place where clips are held or on the order of reading.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from infusenet import devices
from infusenet.config.method_recipe import MethodRecipe
from infusenet.protocol import AUS
from infusenet.read_ahead import ahead
from infusenet.training.folds import Database
from infusenet.training.inputs import INPUTS
from infusenet.training.pseudo_apex import PREDICTION, pseudo_apex

CPU = torch.device("cpu")


class ClipDataset:
    """Clips of some databases, each with the inputs of the recipe's stores (`infusenet.training.inputs`).

    ``labels`` float32 (n, 12). An item, indexed by (epoch, index), is ``(inputs, labels)`` of one clip as a
    network takes them, without a batch dimension. `hold` keeps as many clips as there is room for; the others
    are read from their stores whenever they are needed.
    """

    def __init__(self, databases: Sequence[Database], recipe: MethodRecipe, seed: int):
        self.rows = [(database, clip) for database in databases for clip in database.clips]
        self.recipe, self.seed = recipe, seed
        self.labels = np.array([[c.labels[n] for n in AUS] for _, c in self.rows], np.float32)
        stores = {
            name: [database.stores[name] for database in databases if database.clips]
            for name in recipe.stores
        }
        self.inputs = {name: INPUTS[name](recipe, stores[name]) for name in recipe.stores}
        self.held: dict[str, Tensor] = {}
        self.held_count, self.place = 0, CPU
        self._table = (None, None)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: tuple[int, int]) -> tuple[dict[str, Tensor], Tensor]:
        epoch, index = item
        stored = self._gathered(torch.tensor([index]), torch.from_numpy(self.candidates(epoch))[[index]])
        inputs = {name: value[0].cpu() for name, value in self.network_inputs(stored).items()}
        return inputs, torch.from_numpy(self.labels[index])

    def hold(self, device: torch.device) -> None:
        """Read the clips in order: all onto the device if they fit the share of its memory that is theirs, else
        into that share of the host's, as many as fit."""
        arrays = {name: self._clip(name, 0) for name in self.inputs}
        clip_bytes = sum(array.nbytes for array in arrays.values())
        fits = len(self) * clip_bytes <= devices.room(device)
        self.place = device if fits else CPU
        count = len(self) if fits else min(len(self), devices.room(CPU) // clip_bytes)
        for name, array in arrays.items():
            held = torch.empty((count, *array.shape), dtype=array.dtype, device=self.place)
            for index in range(count):
                held[index] = self._clip(name, index)
            self.held[name] = held
        self.held_count = count

    def candidates(self, epoch: int) -> np.ndarray:
        """The pseudo-apex of every clip in an epoch, as frames after the apex: int64 (n,); 0 without one."""
        if self._table[0] != epoch:
            mode, table = self.recipe.pseudo_apex, np.zeros(len(self), np.int64)
            for index, (database, clip) in enumerate(self.rows if mode else []):
                table[index] = pseudo_apex(mode, self.seed, epoch, database.name, clip.key)
            self._table = epoch, table
        return self._table[1]

    def batches(
        self, batches: "EpochBatches", device: torch.device, candidate: int | None = None
    ) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """The batches of an epoch on the device: inputs as they are kept, labels float32 (B, 12).

        ``candidate``: the pseudo-apex of every clip, as frames after the apex; default: those of the epoch.
        """
        fetched = self._fetched(batches, device, candidate)
        return fetched if self.held_count == len(self) and self.place == device else ahead(fetched)

    def network_inputs(self, kept: dict[str, Tensor]) -> dict[str, Tensor]:
        """The inputs of a batch as a network takes them, from what is kept of its clips."""
        return {name: self.inputs[name].batch(value) for name, value in kept.items()}

    def _fetched(self, batches, device, candidate) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        parts = list(batches)
        # Moved once an epoch: a transfer in each step would make the host wait for the device.
        order = torch.tensor([index for part in parts for _, index in part])
        table = self.candidates(batches.epoch) if candidate is None else np.full(len(self), candidate)
        candidates = torch.from_numpy(table)[order].to(self.place)
        labels = torch.from_numpy(self.labels)[order].to(device)
        order = order.to(self.place)
        start = 0
        for part in parts:
            stop = start + len(part)
            kept = self._gathered(order[start:stop], candidates[start:stop])
            if self.place != device:  # copies from such memory run beside the computation
                kept = {name: value.pin_memory() for name, value in kept.items()}
            yield (
                {name: value.to(device, non_blocking=True) for name, value in kept.items()},
                labels[start:stop],
            )
            start = stop
        if batches.epoch != PREDICTION:  # while the device works on the last steps
            self.candidates(batches.epoch + 1)

    def _gathered(self, indices: Tensor, candidates: Tensor) -> dict[str, Tensor]:
        """The kept arrays of some clips, where they are held: (B, ...) by input."""
        return {name: self._rows(name, indices, kind.slots(candidates)) for name, kind in self.inputs.items()}

    def _rows(self, name: str, indices: Tensor, slots: Tensor | None) -> Tensor:
        if self.held_count == len(self):
            held = self.held[name]
            return held[indices] if slots is None else held[indices[:, None], slots]
        rows = [None] * len(indices) if slots is None else slots.tolist()
        return torch.stack(
            [self._clip(name, index, row) for index, row in zip(indices.tolist(), rows, strict=True)]
        )

    def _clip(self, name: str, index: int, slots: list[int] | None = None) -> Tensor:
        if index < self.held_count:
            return self.held[name][index] if slots is None else self.held[name][index][slots]
        database, clip = self.rows[index]
        return torch.from_numpy(self.inputs[name].read(database.stores[name], clip.key, slots))


class EpochBatches:
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
