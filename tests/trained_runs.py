"""Run folders of untrained narrow networks with all facts of a training, for the tests of models to share."""

import json
from dataclasses import replace

import predictions
import torch
from narrow import RECIPE as NARROW
from synthetic import CROP

from infusenet import models
from infusenet.config.method_recipe import StoreRecipe
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS, resolve
from infusenet.hashing import digest, file_digest
from infusenet.training import run_folder

FACES = resolve("faces", {"size": CROP}).as_dict()
DATABASES = ("alpha", "beta", "gamma")


def recipe_with(magnifier=SHIPPED_WEIGHTS, **changes):
    """The recipe of narrow networks that read latents of a magnifier's file."""
    latents = replace(NARROW.stores["latents"].recipe, weights=file_digest(magnifier))
    return replace(NARROW, stores=NARROW.stores | {"latents": StoreRecipe("", latents)}, **changes)


def facts_of(recipe, held_out):
    """The notes of a training on its stores, beside what `predictions.write_run` writes."""

    def identity(name):
        source = {"faces": digest(name), "faces_recipe": FACES, "data": digest([name])}
        return {"clips": 10, "content": digest(["content", name]), "source": source}

    stores = {
        name: {store: identity(name) for store in recipe.stores} for name in DATABASES if name != held_out
    }
    return {"stores": stores, "labels": digest(held_out), "left_out": []}


def write_run(root, held_out="gamma", seed=0, recipe=None, **facts):
    """A run folder with weights, made-up predictions and their run.json; ``facts`` are of the training."""
    recipe = recipe or recipe_with()
    training = facts_of(recipe, held_out) | facts
    run = predictions.write_run(root, held_out, seed, recipe.method, recipe=recipe.as_dict(), **training)
    predictions.edit_facts(run, initial_weights=recipe.weights_sha256 or "none")
    note = json.loads((run / "run.json").read_text())
    torch.manual_seed(seed)
    model = models.create(replace(recipe, weights="none", magnifier=None))
    run_folder.save_weights(run, model, {name: value for name, value in note.items() if name != "heads"})
    predictions.edit_facts(run, standins=True)
    return run


def inputs(clips=3):
    """Random inputs of the narrow networks."""
    generator = torch.Generator().manual_seed(1)
    side = NARROW.size // 4
    return {
        "flow": torch.rand(clips, 3, NARROW.size, NARROW.size, generator=generator),
        "latents": torch.rand(clips, 64, side, side, generator=generator),
    }


def logits(model):
    with torch.inference_mode():
        return [head.tolist() for head in model.network(**inputs()).values()]
