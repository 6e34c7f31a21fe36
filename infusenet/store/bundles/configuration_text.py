"""The lines of workflow/config.yaml that make a workflow accept stores made elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from infusenet.config import stage_recipes
from infusenet.config.methods import VARIANTS
from infusenet.config.stage_recipes import difference
from infusenet.errors import InputError, raise_all
from infusenet.store import Store
from infusenet.store.bundles.members import STORE


def configuration_text(folders: dict[str, Path]) -> str:
    """YAML for the stores in ``folders`` ({database: folder}).

    The databases' entries, then the stages' blocks and variants that resolve to the stores' recipes;
    ``faces`` too, as far as the stores tell how their faces were made.

    Raises
    ------
    InputError
        Stores of two databases were made by different recipes, so no run can read both, or no settings
        declare a method's variant beside the plain store.
    """
    first: dict[str, tuple[Store, dict]] = {}
    problems = []
    for folder in folders.values():
        for name, store, recipe in _recipes(folder):
            other_store, other = first.setdefault(name, (store, recipe))
            if recipe != other:
                problems.append(
                    f"{name}: {difference(other, recipe, ' and')} in {other_store.path.parent} and {folder}"
                )
    raise_all(problems, "these databases cannot be used together")
    entries = {
        database: {"manifest": str(folder / "manifest.csv"), "stores": str(folder)}
        for database, folder in folders.items()
    }
    lines = ["databases:", *(f"  {database}: {_flow(entry)}" for database, entry in entries.items())]
    return "\n".join([*lines, *_blocks({name: recipe for name, (_, recipe) in first.items()})])


def _recipes(folder: Path) -> Iterator[tuple[str, Store, dict]]:
    """(stage or stage.variant, store, recipe) of a folder; the recipe of the faces also as other stores tell it."""
    for path in sorted(folder.glob("*.h5")):
        if STORE.fullmatch(path.name):
            store = Store(path)
            yield path.name.removesuffix(".h5"), store, store.recipe
            if "faces_recipe" in store.source:
                yield "faces", store, store.source["faces_recipe"]


def _blocks(store_recipes: dict[str, dict]) -> Iterator[str]:
    variants = {}
    for stage in stage_recipes.STAGES:
        names = [name for name in store_recipes if name.split(".")[0] == stage]
        if not names:
            continue
        name = min(names, key=len)  # the plain store; without one, a variant tells the rest
        block = {k: v for k, v in _settings(store_recipes[name]).items() if k not in VARIANTS.get(name, {})}
        for name in names:
            settings = _settings(store_recipes[name])
            declared = _settings(
                {"stage": stage} | stage_recipes.STAGES[stage] | block | VARIANTS.get(name, {})
            )
            if name in VARIANTS and settings != declared:
                raise InputError(
                    f"{name}.h5 has other settings than the workflow gives a store of this name beside {stage}.h5: "
                    f"{difference(settings, declared)}"
                )
            if name not in (stage, *VARIANTS):
                variants[name] = {k: v for k, v in settings.items() if block.get(k) != v}
        block.pop("keep", None)
        if block:
            yield f"{stage}: {_flow(block)}"
    if variants:
        yield f"variants: {_flow(variants)}"


def _settings(recipe: dict) -> dict:
    settings = stage_recipes.settings_of(recipe)
    if "weights" in settings and (path := stage_recipes.shipped_weights(settings["weights"])):
        settings["weights"] = None if path == stage_recipes.SHIPPED_WEIGHTS else path.stem
    return settings


def _flow(value: dict) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).strip()
