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
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from infusenet import devices, models
from infusenet.config.methods import check_recipe
from infusenet.csv_tables import csv_text
from infusenet.errors import InputError
from infusenet.files import note_sizes, write_if_changed
from infusenet.hashing import seed_words
from infusenet.protocol import AUS
from infusenet.store.lock import Lock, hold
from infusenet.training import checkpoints, dataset, folds, run_folder
from infusenet.training.left_out import read_left_out
from infusenet.worker_processes import loader_explained

CHECKPOINT_EVERY = 20  # seconds: after each epoch of a few seconds they would cost more than they save


def train(
    method: str,
    held_out: str,
    stores: Path,
    manifests: Path,
    seed: int,
    output: Path,
    *,
    recipe: dict,
    databases: Sequence[str] | None = None,
    left_out: Sequence[Path] = (),
    workers: int = 0,
    device: str = "auto",
) -> None:
    """Write ``weights.safetensors``, ``log.csv`` and ``tensorboard/`` into the run folder ``output``.

    Adam, learning rate times gamma each epoch, binary cross-entropy on 12 logits, summed over the
    heads with weight 1 (Khor et al. 2025, section 4). An interrupted run continues after its last
    checkpoint and ends with the same weights and log as an uninterrupted one. One training at a time works
    in a run folder; one that waited takes over the weights of the other if the facts are equal.

    Parameters
    ----------
    stores, manifests : folders with ``{database}/{stage}.h5`` and ``{database}.csv``
    recipe : dict
        The method's full recipe (`infusenet.config.configuration.resolve_method`).
    databases : names, optional
        Default: every manifest. The held-out one is left out in either case.
    left_out : files of `infusenet.training.left_out.write_left_out`
        Clips that other methods lack, left out here too.
    workers : int
        Loader processes; they change no bit.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    InputError
        Stores that do not fit the recipe or the manifests, no clips, a loss that is not finite, a lost lock.
    """
    check_recipe(recipe)
    if recipe["method"] != method:
        raise InputError(f"the recipe is for method '{recipe['method']}', expected '{method}'")
    output = Path(output)
    device = devices.start(device, recipe["threads"])

    # Data: the other databases, labels from their manifests, features from their stores.
    names = folds.training_databases(held_out, Path(manifests), databases)
    failed_elsewhere = read_left_out(left_out)
    sources = [folds.open_database(name, stores, manifests, recipe, failed_elsewhere) for name in names]
    for clip in (clip for database in sources for clip in database.left_out):
        print(f"left out of training: {clip}", file=sys.stderr)
    data = dataset.ClipDataset(sources, recipe, seed, dataset.MEMORY // max(1, workers))
    if not len(data):
        raise InputError(f"no clip to train on in {', '.join(names)}")

    # Model and optimiser. Nothing draws from torch's generator before this seed.
    entropy = seed_words(seed, held_out, method)
    torch.manual_seed(entropy[0] << 32 | entropy[1])
    model = models.create(recipe)
    facts = run_folder.describe(recipe, held_out, seed, sources, data, model) | run_folder.environment(device)

    # A killed Snakemake leaves its trainings running: one at a time works in a run folder.
    with hold(output / "weights.safetensors") as lock:
        if lock.waited and run_folder.finished(output, facts):
            return
        # A model with `fit` takes all clips at once and has no epochs.
        if hasattr(model, "fit"):
            model.fit(*whole(data))
            rows = []
        else:
            batches = dataset.EpochBatches(len(data), recipe["batch"], entropy)
            loader = dataset.loader(data, batches, workers)
            rows = learn(devices.place(model, device), loader, device, output, facts, lock)
        lock.check()
        write_log(output / "log.csv", rows)
        run_folder.save_weights(output, model, facts)
        note_sizes(output, ("weights.safetensors", "log.csv"))
        (output / "checkpoint.pt").unlink(missing_ok=True)


@loader_explained()
def learn(model, loader: DataLoader, device, run: Path, facts: dict, lock: Lock) -> list[dict]:
    """All epochs of the recipe in ``facts``, from the run's checkpoint on; the log's rows, one per epoch."""
    recipe, clips = facts["recipe"], facts["n_train"]
    model.train()
    grouped = hasattr(model, "parameter_groups")
    groups = model.parameter_groups(recipe["rate"]) if grouped else model.parameters()
    optimizer = Adam(groups, recipe["rate"], weight_decay=recipe["weight_decay"], fused=True)
    scheduler = schedule(model, optimizer, recipe["gamma"])
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}

    rows = checkpoints.resume(run, facts, **parts)
    # Written anew from the log's rows: what an interrupted run wrote after its checkpoint would stay in the curves.
    shutil.rmtree(run / "tensorboard", ignore_errors=True)
    saved, title = time.monotonic(), f"not {facts['held_out']}"
    clips_done, total = len(rows) * clips, recipe["epochs"] * clips
    with (
        SummaryWriter(run / "tensorboard") as board,
        tqdm(total=total, initial=clips_done, desc=title, unit="clip", disable=None) as bar,
    ):
        for row in rows:
            write_scalars(board, row)
        for epoch in range(len(rows), recipe["epochs"]):
            loader.batch_sampler.epoch = epoch
            bar.set_postfix_str(f"epoch {epoch + 1}/{recipe['epochs']}")
            began = time.monotonic()
            row = {"epoch": epoch + 1, "rate": scheduler.get_last_lr()[0]}
            row |= run_epoch(model, optimizer, loader, device, bar)
            scheduler.step()
            speed = clips / (time.monotonic() - began)
            rows.append(row)
            write_scalars(board, row | {"clips_per_second": speed})
            lock.check()
            if time.monotonic() - saved >= CHECKPOINT_EVERY:
                checkpoints.save(run, facts, rows, **parts)
                saved = time.monotonic()
    return rows


def schedule(model: torch.nn.Module, optimizer: Adam, gamma: float):
    """``gamma`` per epoch; a model with ``group_rates`` multiplies each of its groups with its own factor."""
    if not hasattr(model, "group_rates"):
        return ExponentialLR(optimizer, gamma)
    groups = range(len(optimizer.param_groups))
    return LambdaLR(
        optimizer, [lambda epoch, i=i: gamma**epoch * model.group_rates(epoch)[i] for i in groups]
    )


def whole(data: dataset.ClipDataset) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """All inputs and labels of the training clips at once, with the draws of the first epoch."""
    (batch,) = dataset.loader(data, dataset.EpochBatches(len(data), len(data)), 0)
    return batch


def run_epoch(model, optimizer, loader, device, bar) -> dict[str, float]:
    """One pass over the loader: the mean loss of each head and the F1 on the clips as they passed.

    ``f1`` is the mean over AUs of the positive class's F1 of the scored head (positive iff logit > 0,
    0 where an AU has neither positives nor predictions), with the weights of the moment.
    """
    losses, counts, clips = {}, torch.zeros(3, len(AUS), device=device), 0
    for inputs, labels in loader:
        inputs = {name: devices.to_device(value, device) for name, value in inputs.items()}
        labels = labels.to(device)
        heads = model(**inputs)
        terms = {name: binary_cross_entropy_with_logits(logits, labels) for name, logits in heads.items()}
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        with torch.no_grad():
            for name, term in terms.items():
                losses[name] = losses.get(name, 0) + term.double() * len(labels)
            positive = (heads[model.heads[0]] > 0).float()
            counts += torch.stack([(positive * labels).sum(0), positive.sum(0), labels.sum(0)])
        clips += len(labels)
        bar.update(len(labels))
    row = {f"loss_{name}": total.item() / clips for name, total in losses.items()}
    if not all(map(torch.isfinite, map(torch.tensor, row.values()))):
        raise InputError(f"training diverged: {row}; lower the method's rate, or check its inputs")
    hits, predicted, present = counts
    return row | {"f1": (2 * hits / (predicted + present).clamp(min=1)).mean().item()}


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
