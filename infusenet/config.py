"""The configuration: checked, completed, and turned into recipes. Read while Snakemake parses.

``settle`` gives the settings in force: the user's, or the stand-ins' while no database is named.
"""

import copy
import shutil
from pathlib import Path

import yaml

from infusenet import audit
from infusenet import recipe as recipes
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.manifest import CD6ME
from infusenet.methods import INFUSION, METHODS, VARIANTS
from infusenet.methods import method as method_named

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"


def load(path: Path | str) -> dict:
    """Settled configuration of a YAML file (read as plain data, nothing in it is executed)."""
    with open(path, encoding="utf-8") as file:
        return settle(yaml.safe_load(file))


def refuse_code(*paths: Path | str) -> None:
    """Refuse configuration files that carry Python: Snakemake runs what is in a YTE template.

    To be called before Snakemake reads them; files that are not there are passed over.
    """
    for path in map(Path, paths):
        if not path.is_file():
            continue
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: no plain YAML: {error}") from None
        if isinstance(found, dict) and "__use_yte__" in found:
            raise InputError(f"{path}: `__use_yte__` would run the Python in this file; expected plain data")


def settle(raw: dict) -> dict:
    """Check a configuration and fill in what follows from it.

    Returns a new dict in which ``databases`` is never empty, the stand-ins' settings are merged in
    where they apply, and ``standins`` is replaced by ``uses_standins`` (bool).

    Raises
    ------
    InputError
        Every unknown key (with the nearest known one) and every bad value, or fewer than two
        databases, or no database and no stand-ins on disk.
    """
    validate(raw)
    config = copy.deepcopy(raw)
    config["seeds"] = [int(seed) for seed in raw["seeds"]]
    standins = config.pop("standins")
    config["uses_standins"] = not config["databases"]
    if config["uses_standins"]:
        config["databases"] = standin_databases(Path(standins["root"]))
        config = merge(config, standins["settings"])
    config["audit"] = audit.policies(config.get("audit"))
    if len(config["databases"]) < 2:
        raise InputError("databases: one is configured, expected at least two: each is tested on the others")
    known = {key: value for name in METHODS for key, value in METHODS[name].recipe.items()}
    _check_settings("every_method", known, config["every_method"])
    for name in config["methods"]:
        resolve_method(config, name)
    for name, settings in config["variants"].items():
        stage, _, variant = name.partition(".")
        if stage not in recipes.STAGES or not variant:
            raise InputError(
                f"variants: '{name}': expected STAGE.NAME with a stage of {', '.join(recipes.STAGES)}"
            )
        recipes.resolve(stage, config[stage] | (settings or {}))
    return config


def validate(raw: dict) -> None:
    """Check against workflow/schemas/config.schema.yaml; one InputError lists every finding."""
    from jsonschema import Draft202012Validator

    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    problems = []
    for error in Draft202012Validator(schema).iter_errors(raw):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            problems += [
                f"{where}: unknown key '{key}' {did_you_mean(key, known)}"
                for key in error.instance
                if key not in known
            ]
        else:
            problems.append(f"{where}: {error.message}")
    raise_all(problems, "configuration refused")


def standin_databases(root: Path) -> dict:
    """The ``databases`` block of the stand-ins under ``root``."""
    from infusenet.standins import SOURCES

    if not root.is_dir():
        raise InputError(
            f"no databases: none is named in workflow/config.yaml and no stand-ins lie in {root}/. "
            f"Run `make demo`, or `infusenet standins {root}`, or fill in `databases`"
        )
    return {key: {name: str(root / path) for name, path in source.items()} for key, source in SOURCES.items()}


def merge(base: dict, over: dict) -> dict:
    """``base`` with ``over`` laid on top, dict by dict."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


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


def stage_recipe(config: dict, stage: str, variant: str = "") -> dict:
    """The full recipe of ``stage`` or of its named variant."""
    return recipes.resolve(stage, stage_settings(config, stage, variant))


def resolve_method(config: dict, name: str) -> dict:
    """The full recipe of a method: the JSON that ``infusenet train`` takes.

    Its source's defaults, its own settings over them, the common recipe where that is asked for and
    the settings for every method over those; then the torch threads and the recipes of the stores
    it reads (``stores: {input: {variant, recipe}}``).
    """
    method = method_named(name)
    settings = config["methods"].get(name) or {}
    _check_settings(f"methods.{name}", method.recipe, settings)
    common = config["common"] if config["recipe"] == "common" else {}
    shared = {k: v for k, v in (common | config["every_method"]).items() if k in method.recipe}
    recipe = {"method": name, **method.fixed, **method.recipe, **settings, **shared}
    stores = {}
    for given, store in method.reads(recipe).items():
        stage, _, variant = store.partition(".")
        stores[given] = {"variant": variant, "recipe": stage_recipe(config, stage, variant)}
        made = stores[given]["recipe"]["size"] if stage == "latents" else recipe["size"]
        if made != recipe["size"]:
            raise InputError(
                f"methods.{name}.size is {recipe['size']} but latents.size is {made}; "
                "both maps must show the same geometry: set them equal"
            )
    if "frames" in stores:  # a magnifier that is trained along starts from the latents' weights
        made = stage_recipe(config, "latents")
        recipe |= {"magnifier": config["latents"]["weights"], "magnifier_sha256": made["weights"]}
    return recipe | {"threads": config["compute"]["threads"], "stores": stores}


def stores_read(config: dict) -> dict[str, dict]:
    """{store name: recipe} of all that the configured methods read, and the faces those are made from."""
    stores = {}
    for method in config["methods"]:
        for store in resolve_method(config, method)["stores"].values():
            stage = store["recipe"]["stage"]
            if stage != "faces":
                stores["faces"] = stage_recipe(config, "faces")
            stores[f"{stage}{'.' * bool(store['variant'])}{store['variant']}"] = store["recipe"]
    return stores


def asks_for_gpu(compute: dict) -> bool:
    """Whether jobs ask for a GPU. ``auto`` looks at the machine that this runs on."""
    if compute["gpu"] == "auto":
        return compute["device"] != "cpu" and bool(shutil.which("nvidia-smi"))
    return compute["gpu"]


def _check_settings(where: str, defaults: dict, settings: dict) -> None:
    """Settings must be among a method's own and of the right kind."""
    kinds = {key: type(value) for key, value in defaults.items() if key != "revision"}
    if "preset" in defaults:
        kinds |= INFUSION
    for key, value in settings.items():
        if key not in kinds:
            raise InputError(f"{where}: unknown key '{key}' {did_you_mean(key, kinds)}")
        expected = kinds[key]
        if not isinstance(value, (int, float) if expected is float else expected):
            raise InputError(f"{where}.{key} is {value!r}, expected {expected.__name__}")


def method_recipe(name: str, path: Path | str) -> dict:
    """``resolve_method`` for a configuration file."""
    return resolve_method(load(path), name)
