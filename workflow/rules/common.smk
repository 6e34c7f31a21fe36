# Tables, wildcards and what all rules share, the settled configuration and up-to-date clip lists.

import os
import shlex
import shutil
import sys

from snakemake.exceptions import WorkflowError

from infusenet import config as configuration
from infusenet import index, locks, recipe
from infusenet.errors import InputError
from infusenet.methods import METHODS as KNOWN_METHODS
from infusenet.report import needs

MANIFESTS = "data_manifests"

# Linting looks at the rules alone, so it needs no data; jobs run what the main process decided.
LINTING = "--lint" in sys.argv
try:
    if LINTING:
        config = config | {"databases": {name: {"frames": "", "manifest": ""} for name in ("a", "b")}}
    for path in workflow.configfiles:
        configuration.read(path)  # for what is lost in `config`: keys that stand twice
    CONFIG = configuration.settle(config)
    if workflow.is_main_process and not LINTING:
        # Snakemake locks after parsing: what a live run reads must not be rewritten before that.
        if running := locks.holders():
            print(f"clip tables are left as they are: pid {running[0].pid} runs here", file=sys.stderr)
        else:
            index.sync(CONFIG, MANIFESTS)
except InputError as error:
    raise WorkflowError(str(error))

CACHE, RESULTS = CONFIG["cache"], CONFIG["results"]
DATABASES, METHODS, SEEDS = list(CONFIG["databases"]), list(CONFIG["methods"]), CONFIG["seeds"]
COMPUTE = CONFIG["compute"]
GPU = int(
    COMPUTE["gpu"] is True
    or (COMPUTE["gpu"] == "auto" and COMPUTE["device"] != "cpu" and bool(shutil.which("nvidia-smi")))
)
# Snakemake runs any number of GPU jobs side by side unless the resource has a limit.
if workflow.local_exec and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


wildcard_constraints:
    database="|".join(DATABASES),
    held_out="|".join(DATABASES),
    method="|".join(KNOWN_METHODS),
    seed=r"\d+",
    variant=r"(\.[A-Za-z0-9_-]+)?",


def stage_recipe(stage):
    """Params: the canonical recipe of the store that is made."""
    return lambda wildcards: recipe.canonical(
        configuration.stage_recipe(CONFIG, stage, wildcards.variant.removeprefix("."))
    )


def method_recipe(wildcards):
    """Params: the canonical recipe of a training, the recipes of its stores included."""
    return recipe.canonical(configuration.resolve_method(CONFIG, wildcards.method))


def unrecorded(value):
    """Params: how a job runs, not what it computes (`value`, or a function of the wildcards).

    Snakemake leaves params made from `threads` out of its comparison with the last run, so another
    device, or a database that moved to another disk with the same bytes, reruns nothing.
    """
    return lambda wildcards, threads: value(wildcards) if callable(value) else value


def magnifier_weights(wildcards):
    """The weights file as an option; none for the project's own."""
    weights = configuration.stage_settings(CONFIG, "latents", wildcards.variant.removeprefix("."))["weights"]
    return f"--weights {shlex.quote(weights)}" if weights else ""


def store_paths(method, databases):
    """The stores of `databases` that a method reads."""
    stores = configuration.resolve_method(CONFIG, method)["stores"].values()
    names = [
        f"{store['recipe']['stage']}{'.' * bool(store['variant'])}{store['variant']}.h5" for store in stores
    ]
    return [f"{CACHE}/{database}/{name}" for database in databases for name in names]


SKIPS = CONFIG["failed_clips"] == "skip"
# Only then an option: Snakemake takes another command for another computation.
LEFT_OUT = " --left-out {input.left_out:q}" if SKIPS else ""


def left_out(databases):
    """Lists of the clips that some configured method lacks; none where failures stop the run."""
    return [checkpoints.left_out.get(database=name).output[0] for name in databases] if SKIPS else []


def others(held_out):
    return [database for database in DATABASES if database != held_out]


def runs(methods):
    """The run folders of some methods, over all seeds and folds."""
    return [
        f"{RESULTS}/{method}/{held_out}/seed{seed}"
        for method in methods
        for seed in SEEDS
        for held_out in DATABASES
    ]


def results_of(methods):
    """What every run of some methods leaves for tables and figures."""
    folders = runs(methods)
    return [f"{run}/{name}" for run in folders for name in ("predictions.csv", "run.json", "log.csv")]


def picture_options(target):
    """Params: what figures need besides runs. A function, so that no other target resolves their method."""
    return lambda wildcards: _picture_options(target)


def _picture_options(target):
    """Faces stores, chosen clips, the model's recipe."""
    if target == "figure2":
        return f"--recipe {shlex.quote(recipe.canonical(configuration.resolve_method(CONFIG, needs.INFUSENET)))}"
    if target not in needs.PICTURES:
        return ""
    chosen = CONFIG["figures"][f"{target}_clip" if target == "figure1" else f"{target}_clips"] or []
    clips = shlex.join([chosen] if isinstance(chosen, str) else chosen)
    weights = CONFIG["latents"].get("weights")
    return " ".join(
        [f"--stores {shlex.quote(CACHE)} --manifests {MANIFESTS}"]
        + [f"--clips {clips}"] * bool(clips)
        + [f"--weights {shlex.quote(weights)}"] * bool(weights and target == "figure1")
    )
