"""Outputs that Snakemake has no records of, held against the configuration.

Snakemake reruns what other settings made because it wrote down in ``.snakemake`` how each output
came about. Where that folder is gone, or the working directory is a new one at a shared cache, it
takes whatever lies there for up to date. Stores and runs carry their recipe, so here it is read.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from infusenet import config as configuration
from infusenet.errors import InputError, raise_all
from infusenet.recipe import STAGES, difference, file_digest

METADATA = Path(".snakemake/metadata")


def check(config: dict) -> None:
    """Refuse outputs of other settings or frames, where Snakemake has no records at all.

    Raises
    ------
    InputError
        One that lists them all, each with the command that has it made again.
    """
    if METADATA.is_dir() and any(METADATA.iterdir()):
        return
    raise_all(
        [*_stores(config), *_runs(config)],
        f"{METADATA} is missing, so Snakemake cannot see that these were made with other settings",
    )


def _stores(config: dict) -> Iterator[str]:
    for path in sorted(Path(config["cache"]).glob("*/*.h5")):
        stage, _, variant = path.stem.partition(".")
        source = config["databases"].get(path.parent.name)
        if stage not in STAGES or source is None or "stores" in source:  # given ones are not made here
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


def _runs(config: dict) -> Iterator[str]:
    for path in sorted(Path(config["results"]).glob("*/*/seed*/run.json")):
        try:
            expected = configuration.resolve_method(config, path.parents[2].name)
        except InputError:
            continue  # a method that the configuration no longer names
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        except (ValueError, KeyError):
            yield f"{path}: damaged; to have it made again: rm {shlex.quote(str(path))}"
            continue
        # As JSON has it: tuples are lists there.
        if found != json.loads(json.dumps(expected)):
            yield (
                f"{path.parent}: {difference(found, expected)}; to have it trained again: "
                f"rm -r {shlex.quote(str(path.parent))}"
            )
