"""Check a bundle from another lab, and unpack it. Nothing in it is trusted."""

from collections.abc import Iterator
from pathlib import Path

from infusenet import __version__
from infusenet.config import stage_recipes
from infusenet.errors import InputError, raise_all
from infusenet.files import folder_aside
from infusenet.store import Store
from infusenet.store.bundles import archive
from infusenet.store.bundles.members import BUNDLE, MANIFEST, STORE
from infusenet.store.provenance import mixed
from infusenet.store.verify import verify


def import_bundle(bundle: Path, output: Path) -> tuple[str, Path]:
    """Return the database of a bundle and the folder of its files, after every check.

    Parameters
    ----------
    output : a ``.tar`` is unpacked into ``{output}/{database}``; a folder is used in its place

    Raises
    ------
    InputError
        All that is wrong: format, version, names, links, sha256, stores, recipes, counts.
    """
    bundle = Path(bundle)
    if bundle.is_dir():
        return _checked(bundle), bundle
    with archive.opened(BUNDLE, bundle) as (index, unpack):
        database = index["database"]
        folder = Path(output) / database
        if folder.exists():
            raise InputError(f"{folder} exists; remove it to unpack {bundle}, or import {folder} to check it")
        with folder_aside(folder) as temporary:
            unpack(temporary)
            _checked(temporary)
    return database, folder


def _checked(folder: Path) -> str:
    """The database of a bundle's folder, after every check."""
    index = archive.checked(BUNDLE, folder)
    raise_all(_wrong_stores(folder, index), f"{folder} refused")
    return index["database"]


def _wrong_stores(folder: Path, index: dict) -> Iterator[str]:
    for name, recipe in index["stores"].items():
        store = Store(folder / name)
        if store.stage != STORE.fullmatch(name)[1] or store.recipe != recipe:
            yield f"{name}: of another stage or recipe than {archive.INDEX} says"
        elif store.database != index["database"]:
            yield f"{name}: of database {store.database}, expected {index['database']}"
        else:
            yield from (f"{name}: {problem}" for problem in _other_code(store))
        yield from (defect.text for defect in verify(folder / name, folder / MANIFEST))
    yield from mixed(Store(folder / name) for name in index["stores"])


def _other_code(store: Store) -> Iterator[str]:
    """Signs that another version of the stage's code made a store: keys of its recipe, or the revision."""
    if problems := list(stage_recipes.problems(store.recipe)):
        yield from (f"{problem}; made by infusenet {store.package}, use that version" for problem in problems)
        return
    revision = stage_recipes.current_revision(store.stage, stage_recipes.settings_of(store.recipe))
    if store.recipe["revision"] != revision:
        yield (
            f"made by revision {store.recipe['revision']} of {store.stage} in infusenet {store.package}; "
            f"this infusenet, {__version__}, has revision {revision}: use that version"
        )
