"""Snakemake's decisions: the jobs behind a target, which of them run, and why."""

import ast
import json
import logging
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infusenet import files
from infusenet.errors import InputError
from infusenet.snakemake_state import internals

MISSING = "output files have to be generated"
PARAMS = "params have changed since last execution"
# Snakemake's names of its reasons, as its Reason.get_names gives them.
WORDS = {
    MISSING: "not made yet",
    "incomplete output files": "left unfinished",
    "updated input files": "inputs changed",
    "input files updated by another job": "inputs are made again",
    "set of input files has changed since last execution": "other inputs than last time",
    "code has changed since last execution": "its command changed",
}


@dataclass(frozen=True, eq=False)
class Job:
    """One job of the workflow; it runs if there are reasons. ``recipe`` is its param."""

    rule: str
    wildcards: dict[str, str]
    recipe: dict
    output: tuple[str, ...]
    log: Path | None
    benchmark: Path | None
    reasons: tuple[str, ...]


def jobs(target: str) -> list[Job]:
    """Every job behind ``target`` (a rule or a file), from a dry run in the working directory.

    Unfinished outputs of an interrupted run count as missing, as under ``make``.

    Raises
    ------
    InputError
        Snakemake refuses the configuration, the databases or the target.
    """
    # Loading Snakemake takes a second that no other command should pay.
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import RuleException, WorkflowError
    from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings

    if not Path("Snakefile").is_file():
        raise InputError(f"no Snakefile in {Path.cwd()}; run this where `snakemake` is run")
    files.check_writable(*internals.FOLDERS)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with SnakemakeApi(OutputSettings(log_level_override=logging.ERROR)) as api:
            workflow = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile"))
            dry = workflow.dag(DAGSettings(targets={target}, force_incomplete=True))
            dry.execute_workflow(executor="dryrun")
            # The public API only prints the jobs.
            dag = workflow._workflow.dag
            return [_job(job, dag.reason(job), dag.needrun(job)) for job in dag.jobs if job.output]
    except (WorkflowError, RuleException) as error:
        raise InputError(str(error)) from None
    finally:
        # Snakemake's scheduler, even a dry one, handles SIGTERM itself: it could no longer end this process.
        signal.signal(signal.SIGTERM, handler)


def _job(job, reason, runs: bool) -> Job:
    return Job(
        rule=job.rule.name,
        wildcards=dict(job.wildcards_dict),
        recipe=json.loads(job.params.get("recipe", "{}")),
        output=tuple(map(str, job.output)),
        log=Path(job.log[0]) if job.log else None,
        benchmark=Path(job.benchmark) if job.benchmark else None,
        reasons=tuple(_reasons(reason)) if runs else (),
    )


def _reasons(reason) -> Iterator[str]:
    names = list(reason.get_names())
    if MISSING in names:  # then other changes do not matter
        names = [MISSING]
    for name in names:
        if name == PARAMS:
            change = reason.params_changed
            yield from changed_settings(change.only_old, change.only_new)
        else:
            yield WORDS.get(name, name)


def changed_settings(old: set[str], new: set[str]) -> Iterator[str]:
    """Yield the differences between a job's recorded params and those that it would run with.

    Both are Python literals, recipes as JSON text inside. A digest stands for the clips.
    """
    before, after = _flat(_recipe(old)), _flat(_recipe(new))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name.rpartition('.')[2]} {_short(before.get(name))} -> {_short(after.get(name))}"
    if any(re.fullmatch(r"'[0-9a-f]{64}'", value) for value in new):
        yield "clips changed"
    if any(value.startswith("[") for value in new):
        yield "other databases or runs"


def _recipe(params: set[str]) -> dict:
    texts = [ast.literal_eval(value) for value in params if value.startswith("'{")]
    return json.loads(texts[0]) if texts else {}


def _flat(value, name: str = "") -> dict:
    if not isinstance(value, dict):
        return {name: value}
    return {k: v for key, part in value.items() for k, v in _flat(part, f"{name}.{key}").items()}


def _short(value) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:8]}..." if re.fullmatch("[0-9a-f]{64}", text) else text
