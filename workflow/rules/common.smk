# Tables, wildcards and what all rules share, the settled configuration and up-to-date clip lists.

import functools
import os
import shlex
import sys

from snakemake.api import DAGApi
from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError

from infusenet import files, hashing
from infusenet.config import configuration, recipes, yaml_files
from infusenet.config.methods import METHODS as KNOWN_METHODS
from infusenet.databases import sync
from infusenet.errors import InputError
from infusenet.report import targets
from infusenet.snakemake_state import cut_outputs, live_jobs, unrecorded_outputs


# Snakemake deletes what a job has made if an input is dated later, as a file server with another clock
# dates it. Here a clock decides nothing: small inputs are compared by content, large ones are `ancient`.
async def _any_time(dag, job, output):
    pass


DAG.check_output_mtime = _any_time


def rerun_triggers():
    """Names of what Snakemake is to look at. The workflow gets them after the parse; who calls it has them."""
    frame = sys._getframe()
    while frame:
        if isinstance(caller := frame.f_locals.get("self"), DAGApi):
            return {trigger.name.lower() for trigger in caller.dag_settings.rerun_triggers}
        frame = frame.f_back
    return unrecorded_outputs.TRIGGERS  # a linter builds no graph


MANIFESTS = "data_manifests"

# Linting looks at the rules alone, so it needs no data; jobs run what the main process decided.
LINTING = "--lint" in sys.argv
# Files of runs that were cut and have to be made again.
CUT = []
try:
    unrecorded_outputs.check_triggers(rerun_triggers())
    if LINTING:
        config = config | {"databases": {name: {"frames": name, "manifest": name} for name in ("a", "b")}}
    for path in workflow.configfiles:
        yaml_files.read(path)  # for what is lost in `config`: keys that stand twice
    SETTLED = configuration.settle(config)
    CONFIG = unrecorded_outputs.respell(SETTLED)
    if workflow.is_main_process and not LINTING:
        for name in ("cache", "results"):
            if CONFIG[name] != SETTLED[name]:
                print(f"{name} is {CONFIG[name]} in targets, as in the runs before", file=sys.stderr)
        # Snakemake locks after parsing: what a live run reads must not be rewritten before that.
        if running := live_jobs.holders():
            print(f"clip tables are left as they are: pid {running[0].pid} runs here", file=sys.stderr)
        else:
            files.check_writable(*unrecorded_outputs.FOLDERS)
            CUT = cut_outputs.set_aside(CONFIG)
            sync.sync(CONFIG, MANIFESTS)
            unrecorded_outputs.check(CONFIG)
except InputError as error:
    raise WorkflowError(str(error))
except OSError as error:
    raise WorkflowError(files.sentence(error))

CACHE, RESULTS = CONFIG["cache"], CONFIG["results"]
DATABASES, METHODS, SEEDS = list(CONFIG["databases"]), list(CONFIG["methods"]), CONFIG["seeds"]
COMPUTE = CONFIG["compute"]
# Stores that were made elsewhere are inputs without a rule.
GIVEN = {name: source["stores"] for name, source in CONFIG["databases"].items() if "stores" in source}
# No rule makes a store of a database whose stores were given; where all were, none at all.
BUILT = "|".join(name for name in DATABASES if name not in GIVEN) or "(?!)"
# Pictures of faces show what is there: given stores may come without.
FACED = [name for name in DATABASES if name not in GIVEN or os.path.isfile(f"{GIVEN[name]}/faces.h5")]
STORES = [CACHE, *(f"{name}={folder}" for name, folder in GIVEN.items())]
GPU = int(configuration.asks_for_gpu(COMPUTE))
# Snakemake runs any number of GPU jobs side by side unless the resource has a limit; 0 is none.
_gpus = workflow.global_resources.get("gpu")
if workflow.local_exec and not (_gpus and _gpus.value):
    workflow.register_resource("gpu", 1)


wildcard_constraints:
    database="|".join(DATABASES),
    held_out="|".join(DATABASES),
    method="|".join(KNOWN_METHODS),
    seed=r"\d+",
    variant=r"(\.[A-Za-z0-9_-]+)?",


def stage_recipe(stage):
    """Params: the canonical recipe of the store that is made."""
    return lambda wildcards: hashing.canonical(
        configuration.stage_recipe(CONFIG, stage, wildcards.variant.removeprefix("."))
    )


def method_recipe(wildcards):
    """Params: the canonical recipe of a training, the recipes of its stores included."""
    run = f"{RESULTS}/{wildcards.method}/{wildcards.held_out}/seed{wildcards.seed}"
    return hashing.canonical(unrecorded_outputs.as_trained(configuration.resolve_method(CONFIG, wildcards.method), run))


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
    return [store_path(name, recipes.store_name(store)) for name in databases for store in stores]


def store_path(database, name):
    if database not in GIVEN:
        return f"{CACHE}/{database}/{name}"
    path = f"{GIVEN[database]}/{name}"
    for file in (path, f"{path}.sha256"):
        if not os.path.isfile(file):
            raise WorkflowError(
                f"{file}: no such file. Stores of {database} are given, so none is made: put it there, "
                f"or give `frames` in place of `stores` in databases.{database}"
            )
    return path


def given_bytes(stores):
    """Params: a digest of the .sha256 of those of `stores` (a function of the wildcards) that were given.

    As inputs they would have to be newer as well, and what is copied into place may keep its old time.
    """
    folders = {os.path.normpath(folder) for folder in GIVEN.values()}

    def of(wildcards):
        given = [path for path in stores(wildcards) if os.path.normpath(os.path.dirname(path)) in folders]
        return hashing.digest([sidecar_text(path) for path in given])

    return of if GIVEN else unrecorded("")


@functools.cache
def sidecar_text(store):
    with open(f"{store}.sha256", encoding="utf-8", errors="replace") as file:
        return file.read()


def paper_runs(target):
    """The run folders that a table or figure is made of."""
    return runs(targets.NEEDS[target], FACED if target in targets.PICTURES else DATABASES)


def paper_input(target):
    def files(wildcards):
        _same_clips(target)
        if target not in targets.PICTURES:
            return results_of(paper_runs(target))
        if not FACED:
            raise WorkflowError(f"{target} shows faces, and all databases were given without theirs")
        return results_of(paper_runs(target)) + ancient([store_path(name, "faces.h5") for name in FACED])

    return files


def _same_clips(target):
    """Clips are left out of all methods together, so those of a table have to be known before the first trains."""
    read = set(store_paths_of(METHODS))
    others = [name for name in targets.NEEDS[target] if not read.issuperset(store_paths_of([name]))]
    if SKIPS and others:
        raise WorkflowError(
            f"failed_clips is `skip`, and {target} has methods whose stores no configured method reads, so a clip "
            "that only they lack would stay in the others. Name them under `methods`, as in "
            f"`{others[0]}: {{}}`: {', '.join(others)}"
        )


def gpus_of(wildcards):
    """Resources: the support vector machines of LBP-TOP run on the CPU."""
    return 0 if wildcards.method == "lbp_top" else GPU


def store_paths_of(methods, databases=DATABASES):
    """The stores that some methods read between them."""
    return sorted({path for method in methods for path in store_paths(method, databases)})


def clip_stores():
    """The stores that the configured methods read, and the faces behind them."""
    return sorted({*store_paths_of(METHODS), *(store_path(name, "faces.h5") for name in FACED)})


SKIPS = CONFIG["failed_clips"] == "skip"
# Only then an option: Snakemake takes another command for another computation.
LEFT_OUT = " --left-out {input.left_out:q}" if SKIPS else ""


def left_out(databases):
    """Lists of the clips that some configured method lacks; none where failures stop the run."""
    return [checkpoints.left_out.get(database=name).output[0] for name in databases] if SKIPS else []


def others(held_out):
    return [database for database in DATABASES if database != held_out]


def runs(methods, databases=DATABASES):
    """The run folders of some methods, over all seeds and folds."""
    return [
        f"{RESULTS}/{method}/{held_out}/seed{seed}"
        for method in methods
        for seed in SEEDS
        for held_out in databases
    ]


def results_of(folders):
    """What runs leave for tables and figures."""
    return [f"{run}/{name}" for run in folders for name in ("predictions.csv", "run.json", "log.csv")]


def picture_options(target):
    """Params: what figures need besides runs. A function, so that no other target resolves their method."""
    return lambda wildcards: _picture_options(target)


def _picture_options(target):
    """Faces stores, chosen clips, the model's recipe."""
    if target == "figure2":
        return f"--recipe {shlex.quote(hashing.canonical(configuration.resolve_method(CONFIG, targets.INFUSENET)))}"
    if target not in targets.PICTURES:
        return ""
    chosen = CONFIG["figures"][f"{target}_clip" if target == "figure1" else f"{target}_clips"] or []
    clips = shlex.join([chosen] if isinstance(chosen, str) else chosen)
    weights = CONFIG["latents"].get("weights")
    return " ".join(
        [f"--stores {shlex.join(STORES)} --manifests {MANIFESTS}"]
        + [f"--clips {clips}"] * bool(clips)
        + [f"--weights {shlex.quote(weights)}"] * bool(weights and target == "figure1")
    )
