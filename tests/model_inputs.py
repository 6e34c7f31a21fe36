"""Recipes of the models for tests, and random inputs as each model takes them."""

from dataclasses import replace

import torch
from synthetic import RECIPE

from infusenet import models
from infusenet.config.method_recipe import MethodRecipe, StoreRecipe
from infusenet.config.methods import LED_FILTER

SIZE = 64


def recipe(model: str, form: str = "pooled", **changes) -> MethodRecipe:
    latents = StoreRecipe("", replace(RECIPE.stores["latents"].recipe, form=form))
    stores = RECIPE.stores | {"latents": latents}
    stores = {name: stores.get(name) for name in models.MODELS[model].inputs}
    size = {"off_apexnet": 28}.get(model, SIZE)
    own = {"model": model, "size": size, "variant": "tinyvit_5m", "magnifier": None, "stores": stores}
    own |= {"photometric": "none", **LED_FILTER}
    return replace(RECIPE, **own | changes)


def build(model: str = "infusenet_resnet18", seed: int = 0, **changes) -> torch.nn.Module:
    torch.manual_seed(seed)
    return models.create(recipe(model, **changes))


def batch(model: str = "infusenet_resnet18", clips: int = 3, form: str = "pooled") -> dict:
    """Random inputs of a batch; the same values for every call with the same arguments."""
    generator = torch.Generator().manual_seed(1)
    size, side = recipe(model).size, SIZE // (4 if form == "pooled" else 2)
    video = (clips, 10, 112, 112) if model == "lbp_top" else (clips, 32, 64, 64)
    made = {
        "flow": torch.rand(clips, 3, size, size, generator=generator),
        "latents": torch.randn(clips, 64, side, side, generator=generator),
        "decoded": torch.rand(clips, 6, size, size, generator=generator),
        "frames": 2 * torch.rand(clips, 3, 3, size, size, generator=generator) - 1,
        "video": torch.randint(0, 256, video, generator=generator, dtype=torch.uint8),
    }
    if form == "pooled":
        made["latents"].relu_()
    return {name: made[name] for name in models.MODELS[model].inputs}
