# Configuration, clip lists, wildcards and functions that all rules share.

import functools
import os
import shlex
import sys

from snakemake.exceptions import WorkflowError

from infusenet import files, hashing
from infusenet.config import configuration, stage_recipes, yaml_files
from infusenet.config.methods import METHODS as KNOWN_METHODS
from infusenet.databases import sync
from infusenet.errors import InputError
from infusenet.report.tables_and_figures import INFUSENET, TARGETS
from infusenet.snakemake_state import cut_outputs, gpu_sharing, internals, live_jobs, unrecorded_outputs


internals.keep_outputs_of_any_time()

MANIFESTS = "data_manifests"

# Linting needs no data, and jobs use what the main process has checked.
LINTING = internals.is_linting()
# Files of runs that were truncated and have to be made again.
CUT = []
try:
    unrecorded_outputs.check_triggers(internals.rerun_triggers())
    if LINTING:
        config = config | {"databases": {name: {"frames": name, "manifest": name} for name in ("a", "b")}}
    for path in workflow.configfiles:
        yaml_files.read(path)  # for duplicate keys, which `config` no longer shows
    SETTLED = configuration.settle(config)
    CONFIG = unrecorded_outputs.respell(SETTLED)
    if workflow.is_main_process and not LINTING:
        for sentence in configuration.ignored_settings(CONFIG):
            print(sentence, file=sys.stderr)
        for name in ("cache", "results"):
            if CONFIG[name] != SETTLED[name]:
                print(f"{name} is {CONFIG[name]} in targets, as in the runs before", file=sys.stderr)
        # Snakemake locks after parsing: what a live run reads must not be rewritten before that.
        if running := live_jobs.holders():
            print(f"clip tables are left as they are: pid {running[0].pid} runs here", file=sys.stderr)
        else:
            files.check_writable(*internals.FOLDERS)
            CUT = cut_outputs.set_aside(CONFIG)
            sync.sync(CONFIG, MANIFESTS)
            unrecorded_outputs.check(CONFIG)
except InputError as error:
    raise WorkflowError(str(error))
except OSError as error:
    raise WorkflowError(files.sentence(error))
except UnicodeEncodeError as error:
    raise WorkflowError(files.unnameable(error))

CACHE, RESULTS = CONFIG["cache"], CONFIG["results"]
DATABASES, METHODS, SEEDS = list(CONFIG["databases"]), list(CONFIG["methods"]), CONFIG["seeds"]
COMPUTE = CONFIG["compute"]
# Stores that were made elsewhere are inputs without a rule.
EXTERNAL = {name: source["stores"] for name, source in CONFIG["databases"].items() if "stores" in source}
# Databases whose stores are built here, as a pattern; it matches nothing where there is none.
BUILT = "|".join(name for name in DATABASES if name not in EXTERNAL) or "(?!)"
# Databases with faces: stores that were made elsewhere may come without.
WITH_FACES = [name for name in DATABASES if name not in EXTERNAL or os.path.isfile(f"{EXTERNAL[name]}/faces.h5")]
STORES = [CACHE, *(f"{name}={folder}" for name, folder in EXTERNAL.items())]
GPU = int(configuration.asks_for_gpu(COMPUTE))
os.environ[configuration.FLOW_DEVICE] = COMPUTE["device"]
os.environ[configuration.PRECISION] = COMPUTE.get("precision", "auto")
os.environ[configuration.STAMPS] = f"{RESULTS}/.stamps"
internals.limit_gpu_jobs(workflow, gpu_sharing.job_count() if GPU and workflow.is_main_process else 1)


wildcard_constraints:
    database="|".join(DATABASES),
    held_out="|".join(DATABASES),
    method="|".join(KNOWN_METHODS),
    seed=r"\d+",
    variant=r"(\.[A-Za-z0-9_-]+)?",


def stage_recipe(stage):
    """Params: the canonical recipe of a stage's store."""
    return lambda wildcards: configuration.stage_recipe(
        CONFIG, stage, wildcards.variant.removeprefix(".")
    ).to_json()


def flow_gpu(wildcards):
    """Resources: a GPU only for a solver that can use one."""
    recipe = configuration.stage_recipe(CONFIG, "flow", wildcards.variant.removeprefix("."))
    return GPU if recipe.can_use_gpu else 0


def method_recipe(wildcards):
    """Params: the canonical recipe of a training, the recipes of its stores included."""
    run = f"{RESULTS}/{wildcards.method}/{wildcards.held_out}/seed{wildcards.seed}"
    return unrecorded_outputs.as_trained(configuration.resolve_method(CONFIG, wildcards.method), run).to_json()


def unrecorded(value):
    """Params: how a job runs, not what it computes (`value`, or a function of the wildcards).

    Snakemake leaves params made from `threads` out of its comparison with the last run, so another
    device, or a database that moved to another disk with the same bytes, reruns nothing.
    """
    return lambda wildcards, threads: value(wildcards) if callable(value) else value


def magnifier_weights(wildcards):
    """The weights file as an option; none for the project's own, which the recipe names."""
    weights = configuration.stage_settings(CONFIG, "latents", wildcards.variant.removeprefix("."))["weights"]
    return f"--weights {shlex.quote(weights)}" if is_file_of_weights(weights) else ""


def is_file_of_weights(weights):
    return bool(weights) and weights not in stage_recipes.SHIPPED


def store_paths(method, databases):
    """The stores of `databases` that a method reads."""
    stores = configuration.resolve_method(CONFIG, method).stores.values()
    return [store_path(name, f"{store.name}.h5") for name in databases for store in stores]


def store_path(database, name):
    if database not in EXTERNAL:
        return f"{CACHE}/{database}/{name}"
    path = f"{EXTERNAL[database]}/{name}"
    for file in (path, f"{path}.sha256"):
        if not os.path.isfile(file):
            raise WorkflowError(
                f"{file}: no such file. Stores of {database} are given, so none is made: put it there, "
                f"or give `frames` in place of `stores` in databases.{database}"
            )
    return path


def external_bytes(stores):
    """Params: a digest of the .sha256 of those of `stores` (a function of the wildcards) that were made elsewhere.

    As inputs they would have to be newer as well, and copied files may keep their old time.
    """
    folders = {os.path.normpath(folder) for folder in EXTERNAL.values()}

    def external_digest(wildcards):
        paths = [path for path in stores(wildcards) if os.path.normpath(os.path.dirname(path)) in folders]
        return hashing.digest([sidecar_text(path) for path in paths])

    return external_digest if EXTERNAL else unrecorded("")


@functools.cache
def sidecar_text(store):
    with open(f"{store}.sha256", encoding="utf-8", errors="replace") as file:
        return file.read()


def target_methods(target):
    """The methods that a table or figure compares."""
    return TARGETS[target].methods_with(CONFIG["variants"])


def paper_runs(target):
    """The run folders that a table or figure is made of."""
    return runs(target_methods(target), WITH_FACES if TARGETS[target].shows_faces else DATABASES)


def paper_input(target):
    def files(wildcards):
        _same_clips(target)
        read = [f"{RESULTS}/{name}" for name in TARGETS[target].reads]
        if not TARGETS[target].shows_faces:
            return results_of(paper_runs(target)) + read
        if not WITH_FACES:
            raise WorkflowError(f"{target} shows faces, and all databases were given without theirs")
        return results_of(paper_runs(target)) + ancient([store_path(name, "faces.h5") for name in WITH_FACES])

    return files


def _same_clips(target):
    """Clips are left out of all methods together, so all methods of a table must be known before one trains."""
    read = set(store_paths_of(METHODS))
    others = [name for name in target_methods(target) if not read.issuperset(store_paths_of([name]))]
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
    """The stores that at least one of some methods reads."""
    return sorted({path for method in methods for path in store_paths(method, databases)})


def clip_stores():
    """The stores that the configured methods read, and the faces behind them."""
    return sorted({*store_paths_of(METHODS), *(store_path(name, "faces.h5") for name in WITH_FACES)})


SKIPS = CONFIG["failed_clips"] == "skip"
# An option only if needed: to Snakemake another command is another computation.
LEFT_OUT = " --left-out {input.left_out:q}" if SKIPS else ""


def left_out(databases):
    """Lists of the clips that a configured method lacks; none where failures stop the run."""
    return [checkpoints.left_out.get(database=name).output[0] for name in databases] if SKIPS else []


def training_databases(held_out):
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
    """The results of runs that tables and figures are made of."""
    return [f"{run}/{name}" for run in folders for name in ("predictions.csv", "run.json", "log.csv")]
