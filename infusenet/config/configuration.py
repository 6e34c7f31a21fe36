"""The configuration: checked, completed, and turned into recipes. Used while Snakemake parses.

``settle`` gives the settings in force: the user's, or the stand-ins' while no database is named.
"""

import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infusenet import hashing
from infusenet.config import options, paths, stage_recipes
from infusenet.config.json_schema import validate
from infusenet.config.method_recipe import MethodRecipe, StoreRecipe
from infusenet.config.methods import VARIANTS
from infusenet.config.methods import method as method_named
from infusenet.config.stage_recipes import StageRecipe
from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.config.yaml_files import read
from infusenet.databases import audit
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.protocol import CD6ME

# What a job finds in its environment, because an option in the rule's command would rerun what earlier versions
# made: the device of the flow stage, the precision of trainings, and the folder for the stamps of stores whose own
# folder may not be written to.
FLOW_DEVICE = "INFUSENET_FLOW_DEVICE"
PRECISION = "INFUSENET_PRECISION"
STAMPS = "INFUSENET_STAMPS"


def load(path: Path | str) -> dict:
    """Settled configuration of a YAML file."""
    return settle(read(path))


def settle(raw: dict) -> dict:
    """Check a configuration and complete it.

    Returns a new dict in which paths are settled (`infusenet.config.paths`), ``databases`` is never
    empty, the stand-ins' settings are merged in where they apply, and ``standins`` is replaced by
    ``uses_standins`` (bool).

    Raises
    ------
    InputError
        Every unknown key (with the nearest known one) and every bad value, or fewer than two
        databases, or no database and no stand-ins on disk.
    """
    config = paths.settle(validate(raw))
    config["seeds"] = [int(seed) for seed in raw["seeds"]]
    standins = config.pop("standins")
    config["uses_standins"] = not config["databases"]
    if config["uses_standins"]:
        config["databases"] = standin_databases(Path(standins["root"]))
        config = merge(config, standins["settings"])
    config["audit"] = audit.policies(config.get("audit"))
    if len(config["databases"]) < 2:
        raise InputError(
            "databases: one is configured, expected at least two: each method is trained on all but one and "
            "tested on that one"
        )
    raise_all(_same_clips(config["databases"]), "configuration refused")
    check_values(config)
    for name in config["methods"]:
        resolve_method(config, name)
    for name in config["variants"]:
        stage, _, variant = name.partition(".")
        stage_recipe(config, stage, variant)
    return config


def _same_clips(databases: dict) -> Iterator[str]:
    """A sentence for every database that is another one by a second name."""
    first_names = {}
    for name, source in databases.items():
        files = tuple(
            (key, tuple(sorted(map(os.path.realpath, paths.listed(source[key])))))
            for key in paths.SOURCE_KEYS
            if key in source
        )
        if (other := first_names.setdefault(files, name)) != name:
            yield f"databases: {other} and {name} are the same files, so a fold would train on its own test clips"


def check_values(config: dict) -> None:
    """Check the settings of stages and methods; one InputError lists every problem."""
    blocks = [
        ("every_method", config["every_method"], options.METHOD),
        *((f"methods.{n}", block, method_named(n).settings) for n, block in config["methods"].items()),
    ]
    problems = []
    for name, block in config["variants"].items():
        stage, _, variant = name.partition(".")
        if stage not in options.STAGES or not re.fullmatch("[A-Za-z0-9_-]+", variant):
            problems.append(
                f"variants: '{name}': expected STAGE.NAME with a stage of {', '.join(options.STAGES)} and a "
                "name of letters, digits, _ and -"
            )
        elif name in VARIANTS:
            problems.append(
                f"variants: '{name}' is one that methods read ({VARIANTS[name]}); take another name"
            )
        else:
            blocks.append((f"variants.{name}", block, options.STAGES[stage]))
    for where, block, table in blocks:
        problems += options.problems(where, block or {}, table)
    raise_all(problems, "configuration refused")
    crop = stage_recipe(config, "faces").size
    for name in ("latents", *VARIANTS, *config["variants"]):
        stage, _, variant = name.partition(".")
        size = (stage_recipes.STAGES[stage] | stage_settings(config, stage, variant)).get("size")
        if stage == "latents" and size > crop:
            raise InputError(
                f"{name}.size is {size}, but faces.size is {crop}: latents are made from the crops"
            )


def standin_databases(root: Path) -> dict:
    """The ``databases`` block of the stand-ins under ``root``."""
    if not root.is_dir():
        raise InputError(
            f"no databases: none is named in workflow/config.yaml and no stand-ins lie in {root}/. "
            f"Run `make demo`, or `infusenet standins {root}`, or fill in `databases`"
        )
    return {
        key: {name: str(root / path) for name, path in source.items()}
        for key, source in STANDIN_SOURCES.items()
    }


def merge(base: dict, over: dict) -> dict:
    """``base`` with ``over`` laid on top, dict by dict."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def defaults() -> dict:
    """The default of every option, without databases: enough for `check_values` and `resolve_method`."""
    blocks = {"common": options.COMMON, "compute": options.COMPUTE, **options.STAGES}
    return {
        **dict.fromkeys(("methods", "every_method", "variants"), {}),
        **{name: option.default for name, option in options.TOP.items()},
        **{
            block: {name: option.default for name, option in table.items() if option.required}
            for block, table in blocks.items()
        },
    }


def is_cd6me(config: dict) -> bool:
    """True when the folds are exactly the six databases of the protocol."""
    return set(config["databases"]) == set(CD6ME)


def stage_settings(config: dict, stage: str, variant: str = "") -> dict:
    """The settings of ``stage``, or of its named variant: the variant's over the block's."""
    settings = config[stage]
    if variant:
        variants = VARIANTS | config["variants"]
        name = f"{stage}.{variant}"
        if name not in variants:
            raise InputError(f"unknown store variant '{name}' {did_you_mean(name, variants)}")
        settings = settings | (variants[name] or {})
    return settings


def stage_recipe(config: dict, stage: str, variant: str = "") -> StageRecipe:
    """The full recipe of ``stage`` or of its named variant."""
    return stage_recipes.resolve(stage, stage_settings(config, stage, variant))


def ignored_settings(config: dict) -> Iterator[str]:
    """A sentence for every setting of a settled configuration that changes nothing beside the others."""
    for name in (*stage_recipes.STAGES, *config["variants"]):
        stage, _, variant = name.partition(".")
        block = config["variants"][name] if variant else config[stage]
        for key in stage_recipes.ignored(stage, block or {}, stage_settings(config, stage, variant)):
            yield f"{name}.{key} {stage_recipes.IGNORED}; remove the key"
    if config["compute"].get("workers"):
        yield f"compute.workers {options.UNUSED_WORKERS}; remove the key"


def resolve_method(config: dict, name: str) -> MethodRecipe:
    """The full recipe of a method, whose JSON ``infusenet train`` takes.

    Its source's defaults, its own settings over them, the common recipe where that is asked for and
    the settings for every method over those; then the torch threads and the recipes of the stores
    it reads.
    """
    method = method_named(name)
    settings = config["methods"].get(name) or {}
    common = config["common"] if config["recipe"] == "common" else {}
    shared = {k: v for k, v in (common | config["every_method"]).items() if k in method.recipe}
    recipe = {"method": name, **method.fixed, **method.recipe, **settings, **shared}
    stores = {}
    for model_input, store in method.reads(recipe, config["variants"]).items():
        stage, _, variant = store.partition(".")
        stores[model_input] = StoreRecipe(variant, stage_recipe(config, stage, variant))
        size = stores[model_input].recipe.size if stage == "latents" else recipe["size"]
        if size != recipe["size"]:
            raise InputError(
                f"methods.{name}.size is {recipe['size']} but latents.size is {size}; "
                "both maps must show the same geometry: set them equal"
            )
    if "frames" in stores:  # a magnifier that is trained along starts from the latents' weights
        latents = stage_recipe(config, "latents")
        weights = config["latents"].get("weights")
        recipe["magnifier"] = None if weights in stage_recipes.SHIPPED else weights
        recipe["magnifier_sha256"] = latents.weights
        recipe |= {"photometric": latents.photometric}
    if Path(recipe["weights"]).is_file():
        recipe["weights_sha256"] = _digest_of(recipe["weights"], os.stat(recipe["weights"]).st_mtime_ns)
    return MethodRecipe(**recipe, threads=config["compute"]["threads"], stores=stores)


@cache
def _digest_of(path: str, mtime: int) -> str:
    """The digest of a file of initial weights. Every fold's recipe names it, so it is read only once."""
    return hashing.file_digest(path)


def asks_for_gpu(compute: dict) -> bool:
    """Whether jobs ask for a GPU. ``auto`` looks at the machine that this runs on."""
    if compute["gpu"] == "auto":
        return compute["device"] != "cpu" and bool(shutil.which("nvidia-smi"))
    return compute["gpu"]


def method_recipe(name: str, path: Path | str) -> MethodRecipe:
    """``resolve_method`` for a configuration file."""
    return resolve_method(load(path), name)
