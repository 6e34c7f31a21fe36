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
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from infusenet import config as configuration
from infusenet.errors import InputError, raise_all
from infusenet.files import check_readable
from infusenet.recipe import STAGES, difference, file_digest

RECORDS = Path(".snakemake")
# Snakemake writes into these, in a dry run too.
FOLDERS = (RECORDS, *(RECORDS / name for name in ("iocache", "locks", "metadata", "incomplete")))


def check(config: dict) -> None:
    """Refuse outputs of other settings or frames of which Snakemake has no record.

    Raises
    ------
    InputError
        One that lists them all, each with the command that has it made again.
    """
    raise_all(
        [*_stores(config), *_given(config), *_runs(config)],
        f"{RECORDS}/metadata says nothing of these, so Snakemake cannot see that they were made with "
        "other settings",
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

        again = f"to have it made again: rm {shlex.quote(str(sidecar_of(path)))}"
        try:
            store = Store(path, stage, configuration.stage_recipe(config, stage, variant))
        except InputError as error:
            yield f"{error}; {again}"
            continue
        listed = path.with_name("clips.csv")
        if stage == "faces" and store.source.get("clips") != file_digest(listed):
            yield f"{path}: was not made from {listed} as it is now; {again}"


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
    for path in sorted(Path(config["results"]).glob("*/*/seed*/weights.safetensors")):
        method, held_out, seed = path.parts[-4:-1]
        if recorded(f"{config['results']}/{method}/{held_out}/{seed}/{path.name}"):
            continue
        try:
            expected = configuration.resolve_method(config, method)
        except InputError:
            continue  # a method that the configuration no longer names
        from safetensors import SafetensorError, safe_open

        again = f"to have it trained again: rm -r {shlex.quote(str(path.parent))}"
        check_readable(path)
        try:
            with safe_open(path, "numpy") as file:
                found = json.loads(file.metadata()["infusenet"])["recipe"]
        except (SafetensorError, TypeError, KeyError, ValueError):
            yield f"{path}: damaged; {again}"
            continue
        # As JSON has it: tuples are lists there.
        if found != json.loads(json.dumps(expected)):
            yield f"{path.parent}: {difference(found, expected)}; {again}"
