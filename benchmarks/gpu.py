"""A GPU from stores to results, part by part, on made-up clips of the six databases' numbers and sizes.

    python benchmarks/gpu.py [--scale 1 --size 224 ...]

Stores are written by the project's own writers and stages from made-up crops; no face, frame or Snakemake is
needed. A fold runs by the command lines of the rules. On a CPU it runs too, with a small scale and size. Written
without a GPU: what it prints on one was not seen yet.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from gpu_stores import COUNTS, REPEATS, report, stages, timed, write

from infusenet import cli, devices, models
from infusenet.config.configuration import PRECISION
from infusenet.config.method_recipe import MethodRecipe, StoreRecipe
from infusenet.config.methods import method
from infusenet.config.stage_recipes import resolve
from infusenet.training import dataset, folds, run_folder
from infusenet.training.adam import EagerAdam
from infusenet.training.captured_step import CapturedStep, CudaGraph
from infusenet.training.step import Step
from infusenet.training.trainer import run_epoch

METHOD, HELD_OUT = "infusenet_resnet18", "casme"


class Silent:
    """Stands in for the progress bar."""

    def update(self, count):
        pass


def open_fold(cache: Path, manifests: Path, recipe: MethodRecipe) -> list[folds.Database]:
    return [folds.open_database(name, cache, manifests, recipe) for name in sorted(set(COUNTS) - {HELD_OUT})]


def start(cache: Path, manifests: Path, recipe: MethodRecipe, device: torch.device) -> dataset.ClipDataset:
    """The parts of a fold's start, with stores that were checked before; returns its clips, held."""
    time.sleep(2.5)  # a file that has just changed gets no stamp
    for when in ("first", "again"):
        opened, databases = timed(lambda: open_fold(cache, manifests, recipe), device)
        data = dataset.ClipDataset(databases, recipe, 0)
        created, model = timed(lambda: models.create(recipe), device)
        facts = (recipe, HELD_OUT, 0, databases, data, model)
        described, _ = timed(lambda facts=facts: run_folder.describe(*facts), device)
        report(
            f"start, {when}: open the stores, model, content, s",
            f"{opened:.2f}, {created:.2f}, {described:.2f}",
        )
    held, _ = timed(lambda: data.hold(device), device)
    size = sum(tensor.nbytes for tensor in data.held.values())
    report(
        "start: read the clips, s",
        f"{held:.2f} ({size / 1e9:.2f} GB, {data.held_count} of {len(data)} clips held)",
    )
    return data


def epochs(
    data: dataset.ClipDataset, recipe: MethodRecipe, device, precision: str, captured: bool
) -> tuple[float, str]:
    """Clips a second in the last epoch from the same seed, the second one on a GPU, and the digest of the weights."""
    torch.manual_seed(0)
    devices.set_precision(precision, device)
    model = devices.place(models.create(recipe), device).train()
    optimizer = EagerAdam(model.parameters(), recipe.rate, fused=True, capturable=device.type == "cuda")
    step = Step(model, optimizer, data, device, precision)
    if captured:
        step = CapturedStep(step, recipe.batch, CudaGraph())
    batches = dataset.EpochBatches(len(data), recipe.batch, [0])
    for batches.epoch in range(2 if device.type == "cuda" else 1):
        seconds, _ = timed(lambda: run_epoch(step, data.batches(batches, device), Silent()), device)
    weights = hashlib.sha256()
    for value in model.state_dict().values():
        weights.update(value.cpu().numpy().tobytes())
    return len(data) / seconds, weights.hexdigest()


def bare(data: dataset.ClipDataset, recipe: MethodRecipe, device, precision: str, captured: bool) -> float:
    """Clips a second of the step alone, on one batch that is there already."""
    devices.set_precision(precision, device)
    model = devices.place(models.create(recipe), device).train()
    step = Step(
        model,
        EagerAdam(model.parameters(), fused=True, capturable=device.type == "cuda"),
        data,
        device,
        precision,
    )
    step.start_epoch()
    if captured:
        step = CapturedStep(step, recipe.batch, CudaGraph())
    size = min(len(data), recipe.batch)
    batch = next(iter(data.batches(dataset.EpochBatches(size, size), device)))
    step(*batch)
    repeats = REPEATS[device.type]
    seconds, _ = timed(lambda: [step(*batch) for _ in range(repeats)], device)
    return repeats * len(batch[1]) / seconds


def precisions(data: dataset.ClipDataset, recipe: MethodRecipe, device: torch.device) -> None:
    on_cuda = device.type == "cuda"
    for precision in ("bfloat16", "tf32", "float32") if on_cuda else ("float32",):
        eager, first = epochs(data, recipe, device, precision, False)
        _, second = epochs(data, recipe, device, precision, False)
        report(f"{precision}, eager, clips a second; same bits twice", f"{eager:.0f}; {first == second}")
        report(
            f"{precision}, bare eager step, clips a second",
            f"{bare(data, recipe, device, precision, False):.0f}",
        )
        if on_cuda:
            rate, replayed = epochs(data, recipe, device, precision, True)
            step = bare(data, recipe, device, precision, True)
            report(f"{precision}, captured; bare captured step; same bits as eager",
                   f"{rate:.0f}; {step:.0f}; {first == replayed}")  # fmt: skip
    if on_cuda:
        report("peak memory of the device, GB", f"{torch.cuda.max_memory_allocated() / 1e9:.2f}")


def commands(folder: Path, run: Path, recipe: MethodRecipe, device: str) -> list[list[str]]:
    """The words of the rules train and predict for one fold."""
    stores = ["--stores", str(folder / "cache"), "--manifests", str(folder / "manifests")]
    places = [*stores, "--workers", "0", "--device", device]
    names = [name for name in COUNTS if name != HELD_OUT]
    train = ["train", METHOD, "--held-out", HELD_OUT, "--databases", *names, "--seed", "0"]
    return [
        [*train, "--recipe", recipe.to_json(), *places, "--output", str(run)],
        ["predict", str(run), *places, "--output", str(run / "predictions.csv")],
    ]


def whole_folds(folder: Path, recipe: MethodRecipe, device: str, count: int) -> None:
    """Whole folds side by side, each in processes of its own; 0: one fold in this process."""
    os.environ[PRECISION] = "bfloat16" if device == "cuda" else "float32"
    began = time.perf_counter()
    chains = [commands(folder, folder / f"run{count}.{n}", recipe, device) for n in range(max(1, count))]
    if count:
        running = [
            subprocess.Popen(
                ["bash", "-c", '"$0" -m infusenet.cli "${@:2:$1}" && "$0" -m infusenet.cli "${@:2+$1}"',
                 sys.executable, str(len(train)), *train, *predict],
                stderr=subprocess.DEVNULL,
            )
            for train, predict in chains
        ]  # fmt: skip
        ends = [process.wait() for process in running]
    else:
        ends = [cli.main(words) for chain in chains for words in chain]
    if any(ends):
        sys.exit("a fold failed; its commands print why")
    seconds = (time.perf_counter() - began) / len(chains)
    name = f"one fold of {recipe.epochs} epochs, {count or 'no'} process{'es' * (count > 1)} side by side, s a fold"
    report(name, f"{seconds:.1f}; times six {6 * seconds:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1, help="of the numbers of clips")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--side-by-side", type=int, nargs="*", default=[1, 2, 3], help="0: in this process")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = devices.start(args.device, args.threads)
    stores = {"flow": resolve("flow"), "latents": resolve("latents", {"size": args.size})}
    settings = method(METHOD).recipe | {"weights": "none", "size": args.size, "threads": args.threads}
    settings |= {"batch": args.batch, "epochs": args.epochs}
    recipe = MethodRecipe(
        method=METHOD, model=METHOD, stores={k: StoreRecipe("", v) for k, v in stores.items()}, **settings
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        for database, count in COUNTS.items():
            count = max(4, round(args.scale * count))
            write(folder / "cache", folder / "manifests", database, count, args.size)
        report("made-up crops and flow, s", f"{time.perf_counter() - began:.1f}")
        stages(folder / "cache", recipe, device)
        data = start(folder / "cache", folder / "manifests", recipe, device)
        precisions(data, recipe, device)
        del data
        if device.type == "cuda":
            torch.cuda.empty_cache()  # for the processes
        for count in args.side_by_side:
            whole_folds(folder, recipe, device.type, count)


if __name__ == "__main__":
    main()
