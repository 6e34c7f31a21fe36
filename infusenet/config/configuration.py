"""The configuration: checked, completed, and turned into recipes. Read while Snakemake parses.

``settle`` gives the settings in force: the user's, or the stand-ins' while no database is named.
"""

import copy
import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from infusenet import hashing
from infusenet.config import options as allowed
from infusenet.config import paths, recipes
from infusenet.config.methods import METHODS, VARIANTS
from infusenet.config.methods import method as method_named
from infusenet.config.standin_paths import SOURCES
from infusenet.databases import audit
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.protocol import CD6ME
from infusenet.texts import visible

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"

# Blocks whose entries may all be commented out, which leaves null.
MAY_BE_EMPTY = ("databases", "methods", "every_method", "faces", "flow", "latents", "variants", "audit")


class PlainYaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Plain data, nothing in it is executed. A key that stands twice is an error: YAML drops the first."""

    def construct_mapping(self, node, deep=False):
        seen = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (first := seen.setdefault(key.value, key)) is not key:
                lines = f"lines {first.start_mark.line + 1} and {key.start_mark.line + 1}"
                raise InputError(f"{key.start_mark.name}: '{key.value}' stands in {lines}; remove one")
        return super().construct_mapping(node, deep)


def read(path: Path | str) -> dict:
    """The data of a YAML file.

    Raises
    ------
    InputError
        No YAML, or a key that stands twice.
    """
    with open(path, encoding="utf-8") as file:
        try:
            return yaml.load(file, PlainYaml)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: no readable YAML: {error}") from None


def load(path: Path | str) -> dict:
    """Settled configuration of a YAML file."""
    return settle(read(path))


def refuse_code(*paths: Path | str) -> None:
    """Refuse configuration files that carry Python: Snakemake runs what is in a YTE template.

    To be called before Snakemake reads them, which only ``workflow/config.yaml`` can be: profiles and
    files of ``--configfile`` it runs before any Snakefile, so they are code to trust like that one; the
    latter are refused afterwards. Files that are not there are passed over.
    """
    for path in paths:
        found = read(path) if Path(path).is_file() else None
        if isinstance(found, dict) and "__use_yte__" in found:
            raise InputError(f"{path}: `__use_yte__` would run the Python in this file; expected plain data")


def settle(raw: dict) -> dict:
    """Check a configuration and fill in what follows from it.

    Returns a new dict in which paths are settled (`infusenet.config.paths`), ``databases`` is never empty, the stand-ins' settings are merged in
    where they apply, and ``standins`` is replaced by ``uses_standins`` (bool).

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
        raise InputError("databases: one is configured, expected at least two: each is tested on the others")
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
    seen = {}
    for name, source in databases.items():
        files = tuple(
            (key, tuple(sorted(map(os.path.realpath, paths.listed(source[key])))))
            for key in paths.SOURCES
            if key in source
        )
        if (other := seen.setdefault(files, name)) != name:
            yield f"databases: {other} and {name} are the same files, so a fold would train on its own test clips"


def validate(raw: dict) -> dict:
    """Check against workflow/schemas/config.schema.yaml; one InputError lists every finding.

    Returns a copy in which blocks without an entry are empty dicts.
    """
    from jsonschema import Draft202012Validator, validators

    raise_all(allowed.odd_keys("top level", raw), "configuration refused")
    config = copy.deepcopy(raw)
    if isinstance(config, dict):
        config |= {name: {} for name in MAY_BE_EMPTY if name in config and config[name] is None}
    schema = read(SCHEMA)
    # The standard takes 2.0 for an integer and YAML's .nan for a number.
    kinds = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": lambda _, value: type(value) is int, "number": lambda _, value: allowed.finite(value)}
    )
    problems = []
    for error in validators.extend(Draft202012Validator, type_checker=kinds)(schema).iter_errors(config):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            problems += [
                f"{where}: unknown key '{visible(key)}' {did_you_mean(key, known)}"
                for key in error.instance
                if key not in known
            ]
        elif error.validator == "oneOf":
            found = ", ".join(error.instance) or "nothing"
            problems.append(f"{where}: has {found}, expected {error.schema['description']}")
        else:
            hint = allowed.number_hint(error.instance) if error.validator == "type" else ""
            problems.append(f"{where}: {error.message}{hint}")
    raise_all(problems, "configuration refused")
    return config


def check_values(config: dict) -> None:
    """Check the settings of stages and methods; one InputError lists every finding."""
    every = {name for method in METHODS.values() for name in method.recipe} - {"revision"}
    blocks = [
        ("every_method", config["every_method"], {name: allowed.METHOD[name] for name in every}),
        ("common", config["common"], allowed.METHOD),
        *((stage, config[stage], known) for stage, known in allowed.STAGES.items()),
        *((f"methods.{n}", given, method_named(n).settings) for n, given in config["methods"].items()),
    ]
    problems = []
    for name, given in config["variants"].items():
        stage, _, variant = name.partition(".")
        if stage not in allowed.STAGES or not re.fullmatch("[A-Za-z0-9_-]+", variant):
            problems.append(
                f"variants: '{name}': expected STAGE.NAME with a stage of {', '.join(allowed.STAGES)} and a "
                "name of letters, digits, _ and -"
            )
        elif name in VARIANTS:
            problems.append(
                f"variants: '{name}' is one that methods read ({VARIANTS[name]}); take another name"
            )
        else:
            blocks.append((f"variants.{name}", given, allowed.STAGES[stage]))
    for where, given, known in blocks:
        problems += allowed.problems(where, given or {}, known)
    raise_all(problems, "configuration refused")
    crop = stage_recipe(config, "faces")["size"]
    for name in ("latents", *VARIANTS, *config["variants"]):
        stage, _, variant = name.partition(".")
        size = (recipes.STAGES[stage] | stage_settings(config, stage, variant)).get("size")
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
        recipe |= {"magnifier": config["latents"].get("weights"), "magnifier_sha256": made["weights"]}
        recipe |= {"photometric": made["photometric"]}
    if Path(recipe["weights"]).is_file():
        recipe["weights_sha256"] = _digest_of(recipe["weights"], os.stat(recipe["weights"]).st_mtime_ns)
    return recipe | {"threads": config["compute"]["threads"], "stores": stores}


@cache
def _digest_of(path: str, mtime: int) -> str:
    """Of a file of initial weights, which every fold's recipe names: read once, unless it changes."""
    return hashing.file_digest(path)


def asks_for_gpu(compute: dict) -> bool:
    """Whether jobs ask for a GPU. ``auto`` looks at the machine that this runs on."""
    if compute["gpu"] == "auto":
        return compute["device"] != "cpu" and bool(shutil.which("nvidia-smi"))
    return compute["gpu"]


def method_recipe(name: str, path: Path | str) -> dict:
    """``resolve_method`` for a configuration file."""
    return resolve_method(load(path), name)
