"""Two clips of a real face, their stores by the stages, and small networks on them, for the tests of new footage."""

from dataclasses import replace
from pathlib import Path

import cv2
import narrow
import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import nn
from torch.nn import functional

from infusenet import models
from infusenet.config.method_recipe import MethodRecipe, StoreRecipe
from infusenet.config.methods import METHODS
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS, resolve
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.detection.trained_models import TrainedModel
from infusenet.preprocess import faces, flow, latents
from infusenet.protocol import AUS
from infusenet.training import run_folder

SIZE = 32
FACES = {"size": 48}
STORES = {
    "faces": resolve("faces", FACES),
    "faces.first10": resolve("faces", FACES | {"keep": "first10"}),
    "faces.tim10": resolve("faces", FACES | {"keep": "tim10"}),
    "faces.span": resolve("faces", {"size": 64, "keep": "span"}),
    "flow": resolve("flow"),
    "latents": resolve("latents", {"size": SIZE}),
    "latents.decoded": resolve("latents", {"size": SIZE, "latent": "decoded", "form": "raw"}),
}
# Frames of the two clips, whose first one is number 5 or 1: the second has a gap after its apex.
NUMBERS = {"a": range(5, 17), "b": (1, 2, 3, 4, 5, 7, 8, 9)}
CLIPS = [
    Clip("alpha", "s1", "a", 5, 9, 16, "s1/a", labels=dict.fromkeys(AUS, 0)),
    Clip("alpha", "s1", "b", 2, 5, 9, "s1/b", labels=dict.fromkeys(AUS, 1)),
]


def filmed(name):
    """The frames of a clip by number: a face that moves by less than a pixel a frame."""
    face = np.ascontiguousarray(data.astronaut()[:220, 100:340])
    moves = {
        number: np.array([[1, 0, 0.3 * place], [0, 1, -0.2 * place]])
        for place, number in enumerate(NUMBERS[name])
    }
    return {
        number: cv2.warpAffine(face, move, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        for number, move in moves.items()
    }


def write_frames(folder, name):
    """The frames of a clip as PNGs in a new folder; returns it."""
    folder.mkdir(parents=True)
    for number, frame in filmed(name).items():
        Image.fromarray(frame).save(folder / f"img{number:02}.png", compress_level=0)
    return folder


def write_lab(root):
    """Frames of two clips, and the stores that the stages make of them; returns ``root``."""
    for clip in CLIPS:
        write_frames(root / "frames" / clip.frames, clip.clip)
    (root / "manifests").mkdir()
    (root / "manifests/alpha.csv").write_text(to_csv(CLIPS))
    folder = root / "cache/alpha"
    folder.mkdir(parents=True)
    for name, recipe in STORES.items():
        if recipe.stage == "faces":
            faces.build(root / "manifests/alpha.csv", root / "frames", folder / f"{name}.h5", recipe)
        elif recipe.stage == "flow":
            flow.build(folder / "faces.h5", folder / "flow.h5", recipe)
        else:
            latents.build(folder / "faces.h5", folder / f"{name}.h5", recipe, device="cpu")
    return root


def recipe_of(method, **settings):
    definition = METHODS[method]
    settings = {**definition.recipe, **definition.fixed, "weights": "none", **settings}
    settings["size"] = definition.fixed.get("size", SIZE)
    names = {
        name: f"faces.{settings['frames']}" if "frames" in settings else store
        for name, store in definition.inputs.items()
    }
    stores = {name: StoreRecipe(store.partition(".")[2], STORES[store]) for name, store in names.items()}
    return MethodRecipe(method=method, threads=1, stores=stores, **settings)


def trained(recipe, network, place="run"):
    stores = [store.recipe for store in recipe.stores.values()]
    videos = [store for store in stores if store.stage == "faces"]
    magnifier = SHIPPED_WEIGHTS if any(store.stage == "latents" for store in stores) else None
    return TrainedModel(
        Path(place), "a run", {}, recipe, videos[0] if videos else STORES["faces"], network.eval(), magnifier, True, {},
        None, torch.device("cpu"),
    )  # fmt: skip


class Linear(nn.Module):
    """A linear map of whatever a network of the recipe reads, brought to 4 x 4 px: quick, in place of a large one."""

    heads, scoring_batch = ("mag",), 1

    def forward(self, **inputs):
        pooled = [
            functional.adaptive_avg_pool2d(value.flatten(1, -3).float(), 4) for value in inputs.values()
        ]
        values = torch.cat([value.flatten(1) for value in pooled], 1)
        weights = torch.randn(values.shape[1], len(AUS), generator=torch.Generator().manual_seed(0))
        return {"mag": values @ weights}


def network_of(recipe):
    torch.manual_seed(0)
    if recipe.model not in ("lbp_top", "led", "off_apexnet"):
        return Linear()
    network = models.create(recipe)
    if hasattr(network, "fit"):
        videos = torch.randint(0, 256, (8, 10, 48, 48), dtype=torch.uint8)
        network.fit({"video": videos}, torch.randint(0, 2, (8, len(AUS))))
    return network


def write_run(lab, seed, **changes):
    stores = {name: StoreRecipe("", STORES[name]) for name in ("flow", "latents")}
    recipe = replace(narrow.RECIPE, stores=stores, **changes)
    torch.manual_seed(seed)
    source = {"faces": "0" * 64, "faces_recipe": STORES["faces"].as_dict(), "data": "1" * 64}
    facts = {
        "recipe": recipe.as_dict(), "held_out": "alpha", "seed": seed, "n_train": 4, "labels": "3" * 64,
        "label_counts": {f"AU{n}": 1 for n in AUS},
        "stores": {"beta": {name: {"content": "2" * 64, "source": source} for name in stores}},
    }  # fmt: skip
    folder = lab / f"run{seed}{''.join(changes.values())}"
    folder.mkdir()
    run_folder.save_weights(folder, models.create(recipe), facts)
    return folder
