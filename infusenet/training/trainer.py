"""The training of one method on all databases but one, with one seed. Reads top to bottom.

The held-out database is never opened here, neither its stores nor its manifest. No best epoch is
selected: the weights after the last epoch are the result. Everything random derives from (seed,
held-out database, method), so a fold trained alone equals the same fold in a full run.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from infusenet import devices, models
from infusenet.config.method_recipe import MethodRecipe
from infusenet.csv_tables import csv_text
from infusenet.errors import InputError
from infusenet.files import note_sizes, write_if_changed
from infusenet.hashing import seed_words
from infusenet.store.lock import Lock, hold
from infusenet.training import checkpoints, dataset, folds, run_folder
from infusenet.training.adam import EagerAdam
from infusenet.training.captured_step import CapturedStep, CudaGraph
from infusenet.training.left_out import read_left_out
from infusenet.training.step import Step

CHECKPOINT_EVERY = 20  # seconds: after each epoch of a few seconds they would cost more than they save


def train(
    method: str,
    held_out: str,
    stores: Path,
    manifests: Path,
    seed: int,
    output: Path,
    *,
    recipe: MethodRecipe,
    databases: Sequence[str] | None = None,
    left_out: Sequence[Path] = (),
    device: str = "auto",
    precision: str = "auto",
    captured: bool = False,
) -> None:
    """Write ``weights.safetensors``, ``log.csv`` and ``tensorboard/`` into the run folder ``output``.

    Adam, learning rate times gamma each epoch, binary cross-entropy on 12 logits, summed over the
    heads with weight 1 (Khor et al. 2025, section 4). An interrupted run continues after its last
    checkpoint and ends with the same weights and log as an uninterrupted one. One training at a time works
    in a run folder; one that waited takes over the weights of the other if the facts are equal.

    Parameters
    ----------
    stores, manifests : folders with ``{database}/{stage}.h5`` and ``{database}.csv``
    recipe : MethodRecipe
        The method's full recipe (`infusenet.config.configuration.resolve_method`).
    databases : names, optional
        Default: every manifest. The held-out one is left out in either case.
    left_out : files of `infusenet.training.left_out.write_left_out`
        Clips that other methods lack, left out here too.
    device : {"auto", "cpu", "cuda"}
    precision : {"auto", "float32", "tf32", "bfloat16"}
        Of the network (`infusenet.devices.set_precision`); weights, losses and Adam are float32. A model with
        `fit` has a precision of its own, whatever is asked for.
    captured : bool
        On CUDA, replay the step as a graph (`infusenet.training.captured_step`) where the model allows it.

    Raises
    ------
    InputError
        Stores that do not fit the recipe or the manifests, no clips, a loss that is not finite, a lost lock.
    """
    if recipe.method != method:
        raise InputError(f"the recipe is for method '{recipe.method}', expected '{method}'")
    output = Path(output)
    device = devices.start(device, recipe.threads)

    # Data: the other databases, labels from their manifests, features from their stores.
    names = folds.training_databases(held_out, Path(manifests), databases)
    failed_elsewhere = read_left_out(left_out)
    sources = [folds.open_database(name, stores, manifests, recipe, failed_elsewhere) for name in names]
    for clip in (clip for database in sources for clip in database.left_out):
        print(f"left out of training: {clip}", file=sys.stderr)
    data = dataset.ClipDataset(sources, recipe, seed)
    if not len(data):
        raise InputError(f"no clip to train on in {', '.join(names)}")

    # Model and optimiser. Nothing draws from torch's generator before this seed.
    entropy = seed_words(seed, held_out, method)
    torch.manual_seed(entropy[0] << 32 | entropy[1])
    model = models.create(recipe)
    precision = devices.set_precision("float32" if hasattr(model, "fit") else precision, device)
    facts = run_folder.describe(recipe, held_out, seed, sources, data, model)
    facts |= run_folder.environment(device, precision)

    # A killed Snakemake leaves its trainings running: one at a time works in a run folder.
    with hold(output / "weights.safetensors") as lock:
        if lock.waited and run_folder.finished(output, facts):
            return
        # A model with `fit` takes all clips at once and has no epochs.
        if hasattr(model, "fit"):
            model.fit(*whole(data))
            rows = []
        else:
            data.hold(device)
            batches = dataset.EpochBatches(len(data), recipe.batch, entropy)
            model = devices.place(model, device)
            rows = learn(model, recipe, data, batches, device, output, facts, lock, captured)
        lock.check()
        write_log(output / "log.csv", rows)
        run_folder.save_weights(output, model, facts)
        note_sizes(output, ("weights.safetensors", "log.csv"))
        (output / "checkpoint.pt").unlink(missing_ok=True)


def learn(
    model,
    recipe: MethodRecipe,
    data: dataset.ClipDataset,
    batches: dataset.EpochBatches,
    device: torch.device,
    run: Path,
    facts: dict,
    lock: Lock,
    captured: bool,
) -> list[dict]:
    """All epochs of the recipe, from the run's checkpoint on; the log's rows, one per epoch."""
    model.train()
    grouped = hasattr(model, "parameter_groups")
    groups = model.parameter_groups(recipe.rate) if grouped else model.parameters()
    on_cuda = device.type == "cuda"
    optimizer = EagerAdam(
        groups, recipe.rate, weight_decay=recipe.weight_decay, fused=True, capturable=on_cuda
    )
    scheduler = schedule(model, optimizer, recipe.gamma)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}

    rows = checkpoints.resume(run, facts, **parts)
    step = Step(model, optimizer, data, device, facts["precision"])
    if captured and on_cuda and models.MODELS[recipe.model].can_be_captured:
        step = CapturedStep(step, recipe.batch, CudaGraph())
    # Written anew from the log's rows: what an interrupted run wrote after its checkpoint would stay in the curves.
    shutil.rmtree(run / "tensorboard", ignore_errors=True)
    saved, title = time.monotonic(), f"not {facts['held_out']}"
    clips = facts["n_train"]
    clips_done, total = len(rows) * clips, recipe.epochs * clips
    with (
        SummaryWriter(run / "tensorboard") as board,
        tqdm(total=total, initial=clips_done, desc=title, unit="clip", disable=None) as bar,
    ):
        for row in rows:
            write_scalars(board, row)
        for epoch in range(len(rows), recipe.epochs):
            batches.epoch = epoch
            bar.set_postfix_str(f"epoch {epoch + 1}/{recipe.epochs}")
            began = time.monotonic()
            row = {"epoch": epoch + 1, "rate": scheduler.get_last_lr()[0]}
            row |= run_epoch(step, data.batches(batches, device), bar)
            scheduler.step()
            speed = clips / (time.monotonic() - began)
            rows.append(row)
            write_scalars(board, row | {"clips_per_second": speed})
            lock.check()
            if time.monotonic() - saved >= CHECKPOINT_EVERY:
                checkpoints.save(run, facts, rows, **parts)
                saved = time.monotonic()
    return rows


def schedule(model: torch.nn.Module, optimizer: EagerAdam, gamma: float):
    """``gamma`` per epoch; a model with ``group_rates`` multiplies each of its groups with its own factor."""
    if not hasattr(model, "group_rates"):
        return ExponentialLR(optimizer, gamma)
    groups = range(len(optimizer.param_groups))
    return LambdaLR(
        optimizer, [lambda epoch, i=i: gamma**epoch * model.group_rates(epoch)[i] for i in groups]
    )


def whole(data: dataset.ClipDataset) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """All inputs and labels of the training clips at once, on the CPU."""
    ((kept, labels),) = data.batches(dataset.EpochBatches(len(data), len(data)), dataset.CPU)
    return data.network_inputs(kept), labels


def run_epoch(step: Step | CapturedStep, batches, bar) -> dict[str, float]:
    """One pass over batches of clips: the losses and the F1 of `Step.row`."""
    clips = 0
    step.start_epoch()
    for kept, labels in batches:
        step(kept, labels)
        clips += len(labels)
        bar.update(len(labels))
    return step.row(clips)


def write_scalars(board: SummaryWriter, row: dict) -> None:
    for name, value in row.items():
        if name != "epoch":
            board.add_scalar(name, value, row["epoch"])


def write_log(path: Path, rows: list[dict]) -> None:
    """One row per epoch: epoch, rate, loss of each head, f1. No times, so that reruns give equal bytes.

    A model that is fitted in one go has no epochs and leaves the header alone.
    """
    columns = list(rows[0]) if rows else ["epoch"]
    write_if_changed(path, csv_text(columns, ([row[name] for name in columns] for row in rows)))
