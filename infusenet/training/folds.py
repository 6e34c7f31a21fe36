"""Folds, each of which leaves one database out: their clips, labels and stores."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infusenet.config.method_recipe import MethodRecipe
from infusenet.databases.clip_table import Clip, read_manifest
from infusenet.databases.frames.folder_listings import is_service
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.hashing import file_digest
from infusenet.store import Store
from infusenet.store.provenance import mixed
from infusenet.store.stamps import stamped


@dataclass(frozen=True)
class Database:
    """The clips of one database that every declared store holds, in manifest order.

    ``stores`` by the input that is read from them; ``left_out`` names the clips that an earlier stage
    reported as failed, with the reason, and those that another method lacks.
    """

    name: str
    clips: list[Clip]
    stores: dict[str, Store]
    left_out: list[str]


def training_databases(held_out: str, manifests: Path, databases: Sequence[str] | None) -> list[str]:
    """The databases of a fold, by name: ``databases`` or every manifest, without ``held_out``.

    The order is alphabetical, whatever order they are given in, so it cannot change a result.
    """
    manifest_names = [path.stem for path in manifests.glob("*.csv") if not is_service(path.name)]
    databases = manifest_names if databases is None else databases
    if held_out not in {*manifest_names, *databases}:
        raise InputError(
            f"no manifest of '{held_out}' in {manifests} {did_you_mean(held_out, manifest_names)}"
        )
    training_names = sorted(set(databases) - {held_out})
    if not training_names:
        raise InputError(f"nothing to train on: no database besides '{held_out}' is named or has a manifest")
    return training_names


class Folders:
    """The folder of each database's stores: ``{cache}/{database}``, or one that is given by name.

    Parameters
    ----------
    words : the cache folder and any number of ``DATABASE=FOLDER``

    Raises
    ------
    InputError
        Not exactly one word names the cache.
    """

    def __init__(self, words: Sequence[str]):
        matches = [re.fullmatch(r"([a-z][a-z0-9_]*)=(.+)", word) for word in words]
        caches = [word for word, match in zip(words, matches, strict=True) if not match]
        if len(caches) != 1:
            raise InputError(
                f"stores: {' '.join(words)}: expected one cache folder and any number of DATABASE=FOLDER"
            )
        self.cache, self.folders = Path(caches[0]), {match[1]: Path(match[2]) for match in matches if match}

    def __truediv__(self, database: str) -> Path:
        return self.folders.get(database, self.cache / database)


def open_database(
    name: str,
    stores: Path | Folders,
    manifests: Path,
    recipe: MethodRecipe,
    left_out: Collection[tuple[str, str]] = (),
) -> Database:
    """Read the manifest and open the stores that a method recipe declares for one database.

    ``stores / name`` is the folder with the database's stores. ``left_out`` names clips, as (database,
    ``subject/clip``), that other methods lack.

    Raises
    ------
    InputError
        A store of another recipe, one whose bytes are not those of its ``.sha256``, stores made of
        other data or faces than each other, or clips of the manifest that a store neither holds nor
        lists as failed.
    """
    store_by_input = {}
    for input_name, declared in recipe.stores.items():
        path = stores / name / f"{declared.name}.h5"
        store = store_by_input[input_name] = Store(path, declared.recipe.stage, declared.recipe.as_dict())
        if store.database != name:
            raise InputError(f"{path}: a store of '{store.database}', expected '{name}'; build it again")
        # Reading every byte takes seconds; a training on a damaged copy would take hours and give no error.
        if stamped(path, "sha256", partial(file_digest, path)) != store.sha256:
            raise InputError(f"{path}: damaged, its sha256 is not that of {path}.sha256; build it again")
    raise_all(mixed(store_by_input.values()), f"stores of {name} that do not belong together")
    manifest = Path(manifests) / f"{name}.csv"
    clips = read_manifest(manifest)
    failed = {f.clip: f for store in store_by_input.values() for f in store.failures}
    raise_all(
        (
            f"{clip.key}: neither stored in {store.path} nor among its failed clips; build the store again"
            for store in store_by_input.values()
            for clip in clips
            if clip.key not in store and clip.key not in failed
        ),
        f"{manifest}: clips without features",
    )
    reasons = {clip: "failed for another method" for database, clip in left_out if database == name}
    reasons |= {clip: f"{failure.status}: {failure.reason}" for clip, failure in failed.items()}
    complete = [clip for clip in clips if clip.key not in reasons]
    messages = [f"{name} {clip.key}: {reasons[clip.key]}" for clip in clips if clip.key in reasons]
    return Database(name, complete, store_by_input, messages)
