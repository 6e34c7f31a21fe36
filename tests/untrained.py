"""Untrained networks' run folders over tiny stores, faces included, for the tests of pictures."""

import csv
import json
from dataclasses import replace

import numpy as np
import synthetic
import torch
from synthetic import CROP, RECIPES, clips_of

from infusenet import models
from infusenet.config import stage_recipes
from infusenet.config.method_recipe import StoreRecipe
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.hashing import digest, file_digest
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS
from infusenet.store import Item
from infusenet.training import run_folder

LATENTS = RECIPES["latents"] | {"weights": file_digest(SHIPPED_WEIGHTS)}
SOURCE = {
    "faces": "0" * 64,
    "faces_recipe": stage_recipes.resolve("faces", {"size": CROP}).as_dict(),
    "data": "1" * 64,
}
FOUND = {"alpha": ("s1/c5", 12), "beta": ("s2/c2", 4)}  # what InfuseNet finds, and nothing else


def recipe_of(method):
    recipe = synthetic.recipe_of(method)
    latents = {"latents": StoreRecipe("", stage_recipes.from_dict(LATENTS, ""))}
    return replace(recipe, stores=recipe.stores | (latents if "latents" in recipe.stores else {}))


def write_faces(root, database):
    recipe = stage_recipes.resolve("faces", {"size": CROP}).as_dict()
    rng = np.random.default_rng(len(database))
    angles = np.linspace(0, 2 * np.pi, 68)
    landmarks = CROP / 2 + CROP / 3 * np.stack([np.cos(angles), np.sin(angles)], 1)

    def work(names):
        for _ in names:
            frames = rng.integers(0, 256, (7, CROP, CROP, 3), np.uint8)
            yield Item({"frames": frames, "landmarks": landmarks.astype(np.float32)})

    fill(
        root / "cache" / database / "faces.h5", stage="faces", database=database, recipe=recipe, source={},
        clips=[(clip.key, digest(clip.key)) for clip in clips_of(database, 10)], work=work,
    )  # fmt: skip


def write_run(root, method, held_out, seed=0):
    """An untrained network's run folder, with predictions that know `FOUND` and nothing else."""
    run = root / "results" / method / held_out / f"seed{seed}"
    run.mkdir(parents=True)
    torch.manual_seed(seed)
    model = models.create(recipe_of(method))
    facts = {
        "recipe": recipe_of(method).as_dict(), "held_out": held_out, "seed": seed, "heads": list(model.heads),
        "n_train": 10, "label_counts": {f"AU{n}": 3 for n in AUS},
        "stores": {"other": {name: {"content": "0" * 64, "source": SOURCE} for name in recipe_of(method).stores}},
    }  # fmt: skip
    run_folder.save_weights(run, model, facts)
    (run / "run.json").write_text(json.dumps(facts))
    with open(run / "predictions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{head}_AU{n}" for head in model.heads for n in AUS]
        writer.writerow(["database", "subject", "clip", "method", "seed", *columns, *(f"AU{n}" for n in AUS)])
        for clip in clips_of(held_out, 10):
            logits = [3.0 if (clip.key, n) == FOUND[held_out] else -1.0 for n in AUS]
            labels = [int(clip.labels[n] or (clip.key, n) == FOUND[held_out]) for n in AUS]
            writer.writerow(
                [held_out, clip.subject, clip.clip, method, seed, *logits * len(model.heads), *labels]
            )
    return run
