"""Predictions of a run for its held-out database: the logits of every clip, beside its labels."""

import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from infusenet import devices
from infusenet.csv_tables import csv_text
from infusenet.databases import audit, cd6me
from infusenet.errors import InputError
from infusenet.files import note_sizes, write_if_changed
from infusenet.hashing import canonical, file_digest
from infusenet.models.backbone_base import LatentEntry
from infusenet.protocol import AUS, CANDIDATES, CD6ME
from infusenet.store.provenance import identity
from infusenet.training import dataset, folds, run_folder
from infusenet.training.left_out import read_left_out
from infusenet.training.trained_run import restore


def predict(
    run: Path,
    stores: Path,
    manifests: Path,
    output: Path | None = None,
    *,
    left_out: Sequence[Path] = (),
    device: str = "auto",
    standins: bool = False,
    all_candidates: bool = False,
) -> None:
    """Write ``predictions.csv`` and, beside it, ``run.json``.

    ``predictions.csv``: database, subject, clip, method, seed, the 12 logits of each of the model's
    heads (``{head}_AU<n>``; InfuseNet: ``mag``, the one that is scored, and ``flow``), the labels
    (``AU<n>``, 0 or 1); one row per clip in manifest order; logits as the shortest text that gives the same
    float32. ``run.json``: the facts of the training, the ``heads``, the scored one first, and
    under ``predicted`` the facts of this scoring, ``rows`` and ``sha256`` of ``predictions.csv`` among them,
    and ``latents_rms`` where latents are read: their root mean square after ReLU and pooling;
    for a database of CD6ME also ``cd6me``, the difference of its clips from CD6ME's
    (`infusenet.databases.cd6me.difference`).

    Clips are scored one at a time, so no score depends on other clips. A model whose
    min-max spans the batch (preset ``released``) is scored in batches of 8 in manifest order, as its
    authors' toolbox does; there a score depends on its neighbours.

    ``all_candidates``: a clip's logits are the mean over its six pseudo-apex candidates, so that they depend neither
    on names nor on the seed of the draw; ``predicted`` then has ``all_candidates``: true. It changes nothing of
    methods without a pseudo-apex.

    ``left_out`` are files that name clips which other methods lack: they are not scored.

    Raises
    ------
    InputError
        No finished training in ``run``, or stores that do not fit its recipe or the manifest.
    """
    trained = restore(run, stores, manifests, left_out=read_left_out(left_out), device=device)
    facts, database, device = dict(trained.facts), trained.database, trained.device
    for clip in database.left_out:
        print(f"not scored: {clip}", file=sys.stderr)
    if not len(trained.data):
        raise InputError(f"no clip of {database.name} to score: all are among its stores' failed clips")
    model = devices.place(trained.model, device)
    logits, latents_rms = score(model, trained.data, device, all_candidates)

    scores = [f"{head}_AU{n}" for head in model.heads for n in AUS]
    columns = ["database", "subject", "clip", "method", "seed", *scores, *(f"AU{n}" for n in AUS)]
    rows = []
    for clip, row in zip(database.clips, logits, strict=True):
        name = [database.name, clip.subject, clip.clip, trained.recipe.method, facts["seed"]]
        rows.append([*name, *map(str, row), *(clip.labels[n] for n in AUS)])
    output = Path(output or Path(run) / "predictions.csv")
    write_if_changed(output, csv_text(columns, rows))
    predicted = run_folder.environment(device) | {
        "rows": len(logits),
        "sha256": file_digest(output),
        "left_out": database.left_out,
        "stores": {name: identity(store) for name, store in database.stores.items()},
    }
    if all_candidates and trained.recipe.pseudo_apex:
        predicted["all_candidates"] = True
    if latents_rms is not None:
        predicted["latents_rms"] = latents_rms
    if standins:  # so that no table takes the figures for those of real databases
        facts["standins"] = True
    elif database.name in CD6ME:
        facts["cd6me"] = difference(database, stores / database.name / "audit.csv")
    facts |= {"heads": list(model.heads), "predicted": predicted}
    write_if_changed(output.with_name("run.json"), canonical(facts) + "\n")
    note_sizes(output.parent, (output.name, "run.json"))


def difference(database: folds.Database, audited: Path) -> str:
    table = audit.read_table(audited) if audited.is_file() else None
    return cd6me.difference(database.name, database.clips, len(database.left_out), table)


def score(
    model: torch.nn.Module, data: dataset.ClipDataset, device: torch.device, all_candidates: bool = False
) -> tuple[np.ndarray, float | None]:
    """Logits float32 (n, 12 per head), head after head, in the data's order; and the root
    mean square of the latents after ReLU and pooling, None for a model that reads none.

    ``all_candidates``: the logits are the mean over all pseudo-apex candidates, not those of the one that the seed
    draws. A method without a pseudo-apex scores each clip once.
    """
    candidates = range(CANDIDATES) if all_candidates and data.recipe.pseudo_apex else (None,)
    # A single clip is scored before anyone would look at a bar.
    with tqdm(
        total=len(data) * len(candidates), desc="predict", unit="clip", disable=len(data) == 1 or None
    ) as bar:
        passes = [_pass(model, data, device, candidate, bar) for candidate in candidates]
    # Added one after the other: the bits of a clip's mean do not depend on the number of clips.
    logits = reduce(np.add, (logits for logits, _ in passes)) / np.float32(len(passes))
    energies = [energy for _, batches in passes for energy in batches]
    return logits, float(f"{torch.cat(energies).mean().sqrt():.4g}") if energies else None


@torch.inference_mode()
def _pass(
    model: torch.nn.Module, data: dataset.ClipDataset, device: torch.device, candidate: int | None, bar: tqdm
) -> tuple[np.ndarray, list[torch.Tensor]]:
    """The logits of every clip with one pseudo-apex, and by batch the mean square of each clip's latents."""
    rows, energies = [], []
    stores = data.recipe.stores
    entry = LatentEntry(stores["latents"].recipe.form) if "latents" in stores else None
    batches = dataset.EpochBatches(len(data), model.scoring_batch)
    for kept, labels in data.batches(batches, device, candidate):
        inputs = data.network_inputs(kept)
        heads = model(**{name: devices.to_device(value, device) for name, value in inputs.items()})
        rows.append(torch.cat([heads[head] for head in model.heads], 1))
        if entry:
            energies.append(entry(inputs["latents"]).square().mean((1, 2, 3)))
        bar.update(len(labels))
    return torch.cat(rows).cpu().numpy(), energies
