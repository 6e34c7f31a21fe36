"""Tiny databases of features: manifests and stores in which a shape in the maps tells each AU."""

from functools import partial

import numpy as np

from infusenet.config import method_recipe
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.methods import METHODS
from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.hashing import digest
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS
from infusenet.store import Failure, Item

SIZE, CROP = 32, 40
RECIPES = {
    "flow": resolve("flow").as_dict(),
    "latents": resolve("latents", {"weights": "0" * 64, "size": SIZE}).as_dict(),
}
# The recipe of a training on stores with these recipes.
RECIPE = method_recipe.from_dict({
    "method": "infusenet_resnet18", "model": "infusenet_resnet18", "revision": 1, "preset": "paper", "weights": "none", "size": SIZE,
    "epochs": 2, "batch": 8, "rate": 1e-3, "gamma": 0.9, "weight_decay": 0.0, "pseudo_apex": "per_epoch",
    "factor": 10, "threads": 1,
    "stores": {stage: {"variant": "", "recipe": recipe} for stage, recipe in RECIPES.items()},
}, "synthetic.py")  # fmt: skip


def recipe_of(method: str, **changes) -> MethodRecipe:
    """The recipe of a small network, with what `RECIPE` says of the settings that the method has."""
    definition = METHODS[method]
    settings = {name: getattr(RECIPE, name) for name in ("weights", "size", *definition.recipe)}
    stores = {name: RECIPE.stores[name] for name in definition.inputs}
    return MethodRecipe(
        method=method, threads=1, stores=stores, **{**settings, **definition.fixed, **changes}
    )


def clips_of(database: str, count: int) -> list[Clip]:
    """Clips of four subjects; each AU is active in about a third of them."""
    rng = np.random.default_rng(list(database.encode()))
    return [
        Clip(
            database, f"s{n % 4}", f"c{n}", 1, 5, 9, f"s{n % 4}/c{n}",
            labels={au: int(rng.random() < 0.33) for au in AUS},
        )
        for n in range(count)
    ]  # fmt: skip


def features(stage: str, clip: Clip) -> np.ndarray:
    """Noise, and for each active AU a patch at that AU's place (flow) or in that AU's channels (latents)."""
    rng = np.random.default_rng(list(f"{stage}{clip.database}{clip.key}".encode()))
    if stage == "flow":
        array = rng.normal(0, 0.1, (3, CROP, CROP))
        for place, au in enumerate(AUS):
            row, column = divmod(place, 4)
            array[:, 13 * row : 13 * row + 10, 10 * column : 10 * column + 8] += clip.labels[au]
    else:
        array = np.abs(rng.normal(0, 0.1, (6, 32, SIZE // 4, SIZE // 4)))
        for place, au in enumerate(AUS):
            array[:, 2 * place : 2 * place + 2, 2:6, 2:6] += clip.labels[au]
    return array.astype(np.float16)


def work(stage: str, clips: dict[str, Clip], failed: str, names):
    for name in names:
        item = Item({stage: features(stage, clips[name])})
        yield Failure(name, "no_face", "no face found") if name == failed else item


def write_database(root, database: str, count: int = 10, recipes: dict = RECIPES, failed: str = "") -> None:
    """``root/cache/{database}/{flow,latents}.h5`` and ``root/manifests/{database}.csv``."""
    clips = clips_of(database, count)
    (root / "manifests").mkdir(exist_ok=True)
    (root / "manifests" / f"{database}.csv").write_text(to_csv(clips))
    for stage, recipe in recipes.items():
        fill(
            root / "cache" / database / f"{stage}.h5", stage=stage, database=database, recipe=recipe,
            source={}, clips=[(clip.key, digest([clip.key, recipe])) for clip in clips], failed="skip",
            work=partial(work, stage, {clip.key: clip for clip in clips}, failed),
        )  # fmt: skip
