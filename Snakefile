# Entry: configuration, rules by stage, targets. `snakemake --cores N all_folds` does everything.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# This checkout's package, whichever one the environment was installed from.
sys.path.insert(0, str(workflow.basedir))

try:
    from infusenet.snakemake_state import checkout, internals
except ImportError as error:  # `infusenet plan` of an older clone has imported its own already
    raise WorkflowError(f"{error}: put PYTHONPATH={workflow.basedir} before the command")

from infusenet.config.yaml_files import refuse_code
from infusenet.errors import InputError

internals.escape_output()
try:
    checkout.prepare(Path(workflow.basedir))
    refuse_code("workflow/config.yaml", *workflow.overwrite_configfiles)
except InputError as error:
    raise WorkflowError(str(error))


configfile: "workflow/config.yaml"


# Ignored unless --software-deployment-method is given; a lab with its own image names it here.
container: "docker://condaforge/miniforge3:24.9.2-0"


onstart:
    internals.lift_job_rate(workflow)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/picture_options.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate_and_ledger.smk"
include: "workflow/rules/tables_and_figures.smk"
include: "workflow/rules/nuisance.smk"


localrules:
    all_folds,
    stores,
    report,
    paper,
    html,
    paper_html,
    left_out,


# Every fold of every method and seed, scored: tables, figures and predictions.
rule all_folds:
    default_target: True
    input:
        rules.evaluate.output,
        sorted(
            set(CUT).intersection(f"{run}/{name}" for run in runs(METHODS) for name in cut_outputs.OF_A_RUN)
        ),


# The preprocessing alone: the stores that the configured methods read, for every database.
rule stores:
    input:
        store_paths_of(METHODS),


# One HTML file with the tables and figures (Snakemake's own report).
rule report:
    input:
        rules.html.output,
