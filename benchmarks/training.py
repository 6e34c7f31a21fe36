"""Time that cached latents save in a training step, and time that reading stores takes in an epoch.

Both comparisons run the two sides in turns in one process, on random clips. Run it on an idle
machine: python benchmarks/training.py
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from infusenet import devices, magnifier, models
from infusenet.config.method_recipe import MethodRecipe, StoreRecipe
from infusenet.config.methods import method
from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import Clip
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS
from infusenet.store import Item, Store
from infusenet.training import dataset, folds
from infusenet.training.adam import EagerAdam
from infusenet.training.step import Step
from infusenet.training.trainer import run_epoch

INFUSENET, CROP = "infusenet_resnet18", 224


class Silent:
    """Stands in for the progress bar."""

    def update(self, count):
        pass


class Tensors:
    """Stands in for a dataset: batches are as the network takes them already."""

    def network_inputs(self, batch):
        return batch


class MagnifierInside(nn.Module):
    """InfuseNet as the released code trains it: two magnifier calls a step, the onset encoded twice."""

    def __init__(self, recipe):
        super().__init__()
        raw = StoreRecipe("raw", replace(recipe.stores["latents"].recipe, form="raw"))
        self.network = models.create(replace(recipe, stores=recipe.stores | {"latents": raw}))
        self.heads = self.network.heads
        loaded = magnifier.load().requires_grad_(True)
        self.encoder, self.manipulator = loaded.encoder, loaded.manipulator
        self.factor = recipe.factor

    def forward(self, flow, onset, apex, pseudo_apex):
        pairs = [
            self.manipulator(self.encoder(onset), self.encoder(moved), self.factor)
            for moved in (apex, pseudo_apex)
        ]
        return self.network(flow=flow, latents=torch.cat(pairs, 1))


def trainable(model, recipe, device, data) -> Step:
    model = model.to(device, memory_format=torch.channels_last).train()
    return Step(model, EagerAdam(model.parameters(), recipe.rate, fused=True), data, device)


def seconds(step: Step, batches) -> float:
    """Duration of the training steps over ``batches``, with the trainer's own loop."""
    began = time.perf_counter()
    run_epoch(step, batches, Silent())
    return time.perf_counter() - began


def step(recipe, batch, rounds, device):
    size, labels = recipe.size, torch.randint(0, 2, (batch, len(AUS))).float()
    flow, *frames = torch.rand(4, batch, 3, size, size)
    cached = {"flow": flow, "latents": torch.rand(batch, 64, size // 4, size // 4)}
    names = ("onset", "apex", "pseudo_apex")
    inside = {"flow": flow} | {name: 2 * image - 1 for name, image in zip(names, frames, strict=True)}
    sides = [
        (trainable(models.create(recipe), recipe, device, Tensors()), [(cached, labels)]),
        (trainable(MagnifierInside(recipe), recipe, device, Tensors()), [(inside, labels)]),
    ]
    times = [[seconds(*side) for side in sides] for _ in range(rounds + 1)]
    cached, inside = (median(column) for column in zip(*times[1:], strict=True))
    print(
        f"step, size {size}, batch {batch}: cached latents {cached:.3f} s, "
        f"magnifier inside {inside:.3f} s, ratio {inside / cached:.2f} (goal at least 3.5)"
    )


def epoch(recipe, batch, rounds, device, clips):
    with tempfile.TemporaryDirectory() as folder:
        database = random_database(Path(folder), recipe, clips)
        data, order = dataset.ClipDataset([database], recipe, 0), dataset.EpochBatches(clips, batch, [0])
        began = time.perf_counter()
        data.hold(device)
        reading = time.perf_counter() - began
        side = trainable(models.create(recipe), recipe, device, data)
        in_memory = trainable(side.model, recipe, device, Tensors())
        times = []
        for order.epoch in range(rounds + 1):
            tensors = [
                (
                    {k: devices.to_device(v, device) for k, v in data.network_inputs(kept).items()},
                    labels,
                )
                for kept, labels in data.batches(order, device)
            ]
            times.append((seconds(side, data.batches(order, device)), seconds(in_memory, tensors)))
    stores, tensors = (median(column) for column in zip(*times[1:], strict=True))
    print(
        f"epoch, size {recipe.size}, {clips} clips, batch {batch}: stores {stores:.3f} s "
        f"(read once in {reading:.3f} s), tensors in memory {tensors:.3f} s, "
        f"ratio {stores / tensors:.3f} (goal at most 1.05)"
    )


def random_database(folder, recipe, count) -> folds.Database:
    """Stores of random features, written and opened as in the pipeline."""
    rng, side = np.random.default_rng(0), recipe.size // 4
    shapes = {"flow": (3, CROP, CROP), "latents": (6, 32, side, side)}
    clips = [
        Clip("random", "s", f"c{n}", 1, 2, 3, "s", labels={au: int(rng.random() < 0.3) for au in AUS})
        for n in range(count)
    ]
    database_stores = {}
    for stage, declared in recipe.stores.items():

        def work(names, stage=stage):
            return (Item({stage: rng.random(shapes[stage]).astype(np.float16)}) for _ in names)

        path = folder / f"{stage}.h5"
        fill(
            path,
            stage=stage,
            database="random",
            recipe=declared.recipe.as_dict(),
            source={},
            clips=[(clip.key, "0" * 64) for clip in clips],
            work=work,
            chunks={"latents": (1, *shapes["latents"][1:])},
        )
        database_stores[stage] = Store(path, stage, declared.recipe.as_dict())
    return folds.Database("random", clips, database_stores, [])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step-size", type=int, default=224)
    parser.add_argument("--epoch-sizes", type=int, nargs="*", default=[64, 224])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = devices.start(args.device, args.threads)
    for size in dict.fromkeys([args.step_size, *args.epoch_sizes]):
        stores = {"flow": resolve("flow"), "latents": resolve("latents", {"size": size})}
        settings = method(INFUSENET).recipe | {"weights": "none", "size": size, "threads": args.threads}
        recipe = MethodRecipe(
            method=INFUSENET,
            model=INFUSENET,
            stores={stage: StoreRecipe("", recipe) for stage, recipe in stores.items()},
            **settings,
        )
        if size == args.step_size:
            step(recipe, args.batch, args.rounds, device)
        if size in args.epoch_sizes:
            epoch(recipe, args.batch, args.rounds, device, args.clips)


if __name__ == "__main__":
    main()
