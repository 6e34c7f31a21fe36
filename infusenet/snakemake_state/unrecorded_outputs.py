"""Outputs without a record of Snakemake, compared with the configuration.

Snakemake reruns outputs of other settings because it records in ``.snakemake`` how it made each one.
An output without a record, because that folder was deleted or another working directory filled the
cache, counts as up to date. Stores and weights contain their recipe, so these are compared here. This
runs whenever Snakemake parses: an output with a record costs one look at the disk.
"""

import json
import os
import re
import shlex
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from infusenet.config import configuration
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.stage_recipes import STAGES, difference, settings_of
from infusenet.errors import InputError, raise_all
from infusenet.files import check_readable
from infusenet.hashing import file_digest
from infusenet.json_notes import parse, read_note
from infusenet.snakemake_state.cut_outputs import run_folders
from infusenet.snakemake_state.internals import RECORDS

# Rerun triggers that Snakemake must use, and the changes that it would miss without. It uses times in any case.
TRIGGERS = {
    "params": "other settings and changed clips",
    "input": "other databases and methods",
    "code": "edited rules",
}


def check_triggers(triggers: Collection[str] | None) -> None:
    """Refuse a run that does not look for changes that make results stale; None: no graph of jobs is built.

    Raises
    ------
    InputError
        Naming the triggers that ``triggers`` lacks.
    """
    if triggers is None:
        return
    if lacking := [f"{name} ({change})" for name, change in TRIGGERS.items() if name not in triggers]:
        raise InputError(
            f"--rerun-triggers leaves out {', '.join(lacking)}: after such a change, Snakemake "
            "would say 'Nothing to be done' and keep results that are out of date. Remove the option, or `rerun-triggers` from the profile; "
            "files with a new time and the same content rerun nothing in any case"
        )


def respell(config: dict) -> dict:
    """A copy of a settled configuration in which folders are written as Snakemake's records write them.

    To Snakemake another spelling is another file: outputs without a record, and other inputs than the last
    time. The records may be of an earlier configuration, or of a version that took paths as they were.
    """
    records = _newest_records()
    databases = {
        name: source | {"stores": _spelling(source["stores"], records)} if "stores" in source else source
        for name, source in config["databases"].items()
    }
    folders = {name: _spelling(config[name], records) for name in ("cache", "results")}
    return config | folders | {"databases": databases}


def _spelling(folder: str, records: Sequence[Path]) -> str:
    """``folder`` as the newest record that names a file in it writes it; unchanged where none does."""
    if not os.path.isdir(folder):
        return folder

    @cache
    def is_folder(path: str) -> bool:
        return os.path.isdir(path) and os.path.samefile(path, folder)

    for path in _paths_in(records):
        while cut := path.rpartition("/")[0]:
            path = cut
            if is_folder(path):
                return path
    return folder


def _newest_records() -> list[Path]:
    """The files of all records, the newest first."""
    files = [Path(place, name) for place, _, names in os.walk(RECORDS / "metadata") for name in names]
    return sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True)


def _paths_in(records: Sequence[Path]) -> Iterator[str]:
    """Outputs and inputs, record after record."""
    for file in records:
        with suppress(OSError, ValueError):  # one that is being written, or no record
            pieces = [piece.removeprefix("@") for piece in file.relative_to(RECORDS / "metadata").parts]
            yield urlsafe_b64decode("".join(pieces)).decode()
            yield from (read_note(file, {"input": [str]}) or {"input": ()})["input"]


def check(config: dict) -> None:
    """Refuse outputs of other settings or frames of which Snakemake has no record.

    Raises
    ------
    InputError
        With a list of all of them, the folders to set to keep both, and the commands that delete the old ones.
    """
    raise_all(
        [*_stores(config), *_external(config), *_runs(config)],
        f"{RECORDS}/metadata has no record of these, so Snakemake cannot see that they were made with "
        "other settings. Somebody may work with them: set other folders for your settings, `cache` for "
        "stores and `results` for runs. Remove only outputs that nobody needs any more; they are made again",
    )


def recorded(output: str) -> bool:
    """Whether Snakemake has a record of ``output`` (its path as the rules write it), finished or not.
    The record's name is the path in base64, in pieces that file systems accept."""
    *folders, name = re.findall(".{1,254}", urlsafe_b64encode(output.encode()).decode())
    place = os.path.join(*(f"@{folder}" for folder in folders), name)
    return any(os.path.exists(f"{RECORDS}/{kind}/{place}") for kind in ("metadata", "incomplete"))


def _stores(config: dict) -> Iterator[str]:
    for path in sorted(Path(config["cache"]).glob("*/*.h5")):
        stage, _, variant = path.stem.partition(".")
        source = config["databases"].get(path.parent.name)
        if stage not in STAGES or source is None or "stores" in source:  # stores that were made elsewhere
            continue
        if recorded(f"{config['cache']}/{path.parent.name}/{path.name}"):
            continue
        from infusenet.store import Store, sidecar_of  # slow to import, and seldom needed

        remove = f"rm {shlex.quote(str(sidecar_of(path)))}"
        try:
            store = Store(path, stage)
        except InputError as error:
            yield f"{error}: {remove}"
            continue
        expected = configuration.stage_recipe(config, stage, variant).as_dict()
        listed = path.with_name("clips.csv")
        if store.recipe != expected:
            yield f"{path}: {difference(store.recipe, expected)}. {_apart(store.recipe, expected)}, or {remove}"
        elif stage == "faces" and store.source.get("clips") != file_digest(listed):
            yield f"{path}: was not made from {listed} as it is now. Set `cache` to another folder, or {remove}"


def _apart(present: dict, expected: dict) -> str:
    """Advice: keep a store of the recipe ``expected`` beside the one of the recipe ``present``."""
    stage, cache = expected["stage"], "Set `cache` to another folder"
    present_settings = settings_of(present)
    settings = {k: v for k, v in settings_of(expected).items() if present_settings.get(k) != v}
    other_code = "solver" not in settings and present.get("revision") != expected["revision"]
    if other_code or "weights" in settings:  # not a setting; a digest in place of a file
        return cache
    return f"{cache}, or name a variant: `variants: {json.dumps({f'{stage}.NAME': settings})}`"


def _external(config: dict) -> Iterator[str]:
    """Stores that were made elsewhere. Their readers compare the recipe of the store itself, so the
    recipe of the faces that it was made from is compared here."""
    for source in config["databases"].values():
        for path in sorted(Path(source["stores"]).glob("*.h5")) if "stores" in source else ():
            stage = path.stem.partition(".")[0]
            if stage not in STAGES or stage == "faces":
                continue
            from infusenet.store import Store

            expected = configuration.stage_recipe(config, "faces").as_dict()
            with suppress(InputError):  # a job that reads it reports it
                recipe = Store(path, stage).source.get("faces_recipe", expected)
                if recipe != expected:
                    yield (
                        f"{path}: made from faces of which {difference(recipe, expected)}; configure `faces` so, "
                        "or get stores of these settings"
                    )


def _runs(config: dict) -> Iterator[str]:
    for run in run_folders(Path(config["results"])):
        path, (method, held_out, seed) = run / "weights.safetensors", run.parts[-3:]
        if not path.exists() or recorded(f"{config['results']}/{method}/{held_out}/{seed}/{path.name}"):
            continue
        try:
            expected = _as_json(as_trained(configuration.resolve_method(config, method), run))
        except InputError:
            continue  # a method that the configuration no longer names
        remove = f"rm -r {shlex.quote(str(run))}"
        if (recipe := _recipe_of(path)) is None:
            yield f"{path}: damaged; train it again: {remove}"
        elif recipe != expected:
            yield f"{run}: {difference(recipe, expected)}. Set `results` to another folder, or {remove}"


def as_trained(recipe: MethodRecipe, run: Path | str) -> MethodRecipe:
    """A method's full recipe, with paths of weights as the training in ``run`` has them if they are the same
    files. Their bytes are compared, and the recipe has their digests too."""
    files = [name for name in ("weights", "magnifier") if os.path.isfile(getattr(recipe, name) or "")]
    path = Path(run, "weights.safetensors")
    recorded_recipe = _recipe_of(path) if files and path.is_file() else None
    if not recorded_recipe:
        return recipe
    paths = {
        name: recorded_recipe[name]
        for name in files
        if _same_file(recorded_recipe.get(name), getattr(recipe, name))
    }
    same = replace(recipe, **paths)
    return same if recorded_recipe == _as_json(same) else recipe


def _recipe_of(weights: Path) -> dict | None:
    """The recipe of the training that wrote ``weights``; None if they are damaged."""
    from safetensors import SafetensorError, safe_open

    check_readable(weights)
    try:
        with safe_open(weights, "numpy") as file:
            facts = parse((file.metadata() or {}).get("infusenet", ""), {"recipe": dict})
    except SafetensorError:
        return None
    return facts and facts["recipe"]


def _as_json(recipe: MethodRecipe) -> dict:
    """The recipe as JSON keeps it: tuples are lists."""
    return json.loads(recipe.to_json())


def _same_file(one: str | None, other: str) -> bool:
    return os.path.isfile(one or "") and os.path.samefile(one, other)
