"""What Snakemake has no record of, held against the configuration.

Snakemake reruns what other settings made because it wrote down in ``.snakemake`` how each output
came about. An output without such a record, because that folder is gone or because another working
directory filled the cache, it takes for up to date. Stores and weights carry their recipe, so here
it is read. Called whenever Snakemake parses: what has a record costs no more than a look.
"""

import json
import os
import re
import shlex
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from infusenet.config import configuration
from infusenet.config.recipes import STAGES, difference
from infusenet.errors import InputError, raise_all
from infusenet.files import check_readable
from infusenet.hashing import file_digest
from infusenet.snakemake_state.cut_outputs import run_folders

RECORDS = Path(".snakemake")
# Snakemake writes into these, in a dry run too.
FOLDERS = (RECORDS, *(RECORDS / name for name in ("iocache", "locks", "metadata", "incomplete")))
# What Snakemake must look at, and what it would miss without. It looks at times in any case.
TRIGGERS = {
    "params": "other settings and changed clips",
    "input": "other databases and methods",
    "code": "edited rules",
}


def check_triggers(triggers: Collection[str]) -> None:
    """Refuse a run that is not to look for what makes results stale.

    Raises
    ------
    InputError
        Naming the triggers that ``triggers`` lacks.
    """
    if lacking := [f"{name} ({missed})" for name, missed in TRIGGERS.items() if name not in triggers]:
        raise InputError(
            f"--rerun-triggers leaves out {', '.join(lacking)}: results that such a change has made stale "
            "would stay, under 'Nothing to be done'. Remove the option, or `rerun-triggers` from the profile; "
            "touched and copied files rerun nothing here as it is"
        )


def respell(config: dict) -> dict:
    """A copy of a settled configuration in which folders are written as Snakemake's records write them.

    To Snakemake another spelling is another file: outputs without a record, and other inputs than the last
    time. The records may be of an earlier configuration, or of a version that took paths as they were.
    """
    databases = {
        name: source | {"stores": spelling(source["stores"])} if "stores" in source else source
        for name, source in config["databases"].items()
    }
    return config | {
        "cache": spelling(config["cache"]), "results": spelling(config["results"]), "databases": databases
    }  # fmt: skip


def spelling(folder: str) -> str:
    """``folder`` as the newest record that names a file in it writes it; unchanged where none does."""
    if not os.path.isdir(folder):
        return folder

    @cache
    def is_folder(path: str) -> bool:
        return os.path.isdir(path) and os.path.samefile(path, folder)

    for path in _paths_in_records():
        while cut := path.rpartition("/")[0]:
            path = cut
            if is_folder(path):
                return path
    return folder


def _paths_in_records() -> Iterator[str]:
    """Outputs and inputs, the newest record's first."""
    files = [Path(place, name) for place, _, names in os.walk(RECORDS / "metadata") for name in names]
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        with suppress(OSError, ValueError):  # one that is being written, or no record
            pieces = [piece.removeprefix("@") for piece in file.relative_to(RECORDS / "metadata").parts]
            yield urlsafe_b64decode("".join(pieces)).decode()
            yield from json.loads(file.read_text()).get("input", ())


def check(config: dict) -> None:
    """Refuse outputs of other settings or frames of which Snakemake has no record.

    Raises
    ------
    InputError
        One that lists them all, with the folders to set to keep both, and the commands that give up theirs.
    """
    raise_all(
        [*_stores(config), *_given(config), *_runs(config)],
        f"{RECORDS}/metadata says nothing of these, so Snakemake cannot see that they were made with "
        "other settings. Somebody may work with them: give your settings folders of their own, `cache` for "
        "stores and `results` for runs. Only what nobody needs any more is to be removed to be made again",
    )


def recorded(output: str) -> bool:
    """Whether Snakemake knows how ``output`` (its path as the rules write it) came about, or that it
    was left unfinished. A record's name is the path in base64, in pieces that file systems take."""
    *folders, name = re.findall(".{1,254}", urlsafe_b64encode(output.encode()).decode())
    place = os.path.join(*(f"@{folder}" for folder in folders), name)
    return any(os.path.exists(f"{RECORDS}/{kind}/{place}") for kind in ("metadata", "incomplete"))


def _stores(config: dict) -> Iterator[str]:
    for path in sorted(Path(config["cache"]).glob("*/*.h5")):
        stage, _, variant = path.stem.partition(".")
        source = config["databases"].get(path.parent.name)
        if stage not in STAGES or source is None or "stores" in source:  # given ones are not made here
            continue
        if recorded(f"{config['cache']}/{path.parent.name}/{path.name}"):
            continue
        from infusenet.store import Store, sidecar_of  # heavy, and seldom needed here

        remove = f"rm {shlex.quote(str(sidecar_of(path)))}"
        try:
            store = Store(path, stage)
        except InputError as error:
            yield f"{error}: {remove}"
            continue
        expected, listed = configuration.stage_recipe(config, stage, variant), path.with_name("clips.csv")
        if store.recipe != expected:
            yield f"{path}: {difference(store.recipe, expected)}. {_apart(store.recipe, expected)}, or {remove}"
        elif stage == "faces" and store.source.get("clips") != file_digest(listed):
            yield f"{path}: was not made from {listed} as it is now. Set `cache` to another folder, or {remove}"


def _apart(found: dict, expected: dict) -> str:
    """How to have a store of ``expected`` beside the one that is there."""
    stage, cache = expected["stage"], "Set `cache` to another folder"
    settings = {name: value for name, value in expected.items() if found.get(name) != value}
    if settings.keys() & {"revision", "weights"}:  # no setting, and a digest in place of a file
        return cache
    return f"{cache}, or name a variant: `variants: {json.dumps({f'{stage}.NAME': settings})}`"


def _given(config: dict) -> Iterator[str]:
    """Stores that were made elsewhere. Who reads them compares their own recipe, and knows nothing of
    the one that is configured for the faces they were made from."""
    for source in config["databases"].values():
        for path in sorted(Path(source["stores"]).glob("*.h5")) if "stores" in source else ():
            stage = path.stem.partition(".")[0]
            if stage not in STAGES or stage == "faces":
                continue
            from infusenet.store import Store

            expected = configuration.stage_recipe(config, "faces")
            with suppress(InputError):  # said by who reads it, if anybody does
                made = Store(path, stage).source.get("faces_recipe", expected)
                if made != expected:
                    yield (
                        f"{path}: made from faces of which {difference(made, expected)}; configure `faces` so, "
                        "or get stores of these settings"
                    )


def _runs(config: dict) -> Iterator[str]:
    for run in run_folders(Path(config["results"])):
        path, (method, held_out, seed) = run / "weights.safetensors", run.parts[-3:]
        if not path.exists() or recorded(f"{config['results']}/{method}/{held_out}/{seed}/{path.name}"):
            continue
        try:
            expected = as_trained(configuration.resolve_method(config, method), run)
        except InputError:
            continue  # a method that the configuration no longer names
        remove = f"rm -r {shlex.quote(str(run))}"
        if (found := _recipe_of(path)) is None:
            yield f"{path}: damaged; train it again: {remove}"
        elif found != _as_json(expected):
            yield f"{run}: {difference(found, expected)}. Set `results` to another folder, or {remove}"


def as_trained(recipe: dict, run: Path | str) -> dict:
    """A method's full recipe as the training in ``run`` has it, where only the spelling of files of weights
    differs: their bytes count, and a recipe names them beside."""
    files = [name for name in ("weights", "magnifier") if os.path.isfile(recipe.get(name) or "")]
    path = Path(run, "weights.safetensors")
    found = _recipe_of(path) if files and path.is_file() else None
    if not found:
        return recipe
    same = recipe | {name: found[name] for name in files if _same_file(found.get(name), recipe[name])}
    return same if found == _as_json(same) else recipe


def _recipe_of(weights: Path) -> dict | None:
    """What the run was trained by; None if its weights are damaged."""
    from safetensors import SafetensorError, safe_open

    check_readable(weights)
    try:
        with safe_open(weights, "numpy") as file:
            return json.loads(file.metadata()["infusenet"])["recipe"]
    except (SafetensorError, TypeError, KeyError, ValueError):
        return None


def _as_json(recipe: dict) -> dict:
    """Tuples are lists there."""
    return json.loads(json.dumps(recipe))


def _same_file(one: str | None, other: str) -> bool:
    return os.path.isfile(one or "") and os.path.samefile(one, other)
