"""Snakemake's own internals: its folder, and the few parts that the workflow changes or looks into.

Snakemake has no public interface for these, so an update of Snakemake can break them; its version is
pinned. Each function imports Snakemake itself, which takes a second that other commands should not pay.
"""

import io
import logging
import sys
from pathlib import Path

RECORDS = Path(".snakemake")
LOCKS = RECORDS / "locks"
# Snakemake writes into these, in a dry run too.
FOLDERS = (RECORDS, LOCKS, *(RECORDS / name for name in ("iocache", "metadata", "incomplete")))


def is_linting() -> bool:
    """Whether this is ``snakemake --lint``, which looks at the rules alone and needs no data."""
    return "--lint" in sys.argv


def escape_output() -> None:
    """Write every path into the terminal, with escapes for what its encoding lacks, and into the log file.

    A dry run logs to stdout, which refuses such characters, and the file has the locale's encoding: the
    traceback of a logging error would hide the message.
    """
    from snakemake.logging import logger

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def keep_outputs_of_any_time() -> None:
    """Keep a job's outputs though an input has a later time.

    Snakemake would delete them, and a file server with another clock dates inputs later. The workflow
    does not rely on clocks: it compares small inputs by content, and large ones are ``ancient``.
    """
    from snakemake.dag import DAG

    async def accept(dag, job, output):
        pass

    DAG.check_output_mtime = accept


def rerun_triggers() -> set[str] | None:
    """The names of ``--rerun-triggers``; None where no graph of jobs is built, as by a linter.

    The workflow gets them only after the parse, so they are read from the caller that has them already.
    """
    from snakemake.api import DAGApi

    frame = sys._getframe()
    while frame:
        if isinstance(caller := frame.f_locals.get("self"), DAGApi):
            return {trigger.name.lower() for trigger in caller.dag_settings.rerun_triggers}
        frame = frame.f_back
    return None


def lift_job_rate(workflow) -> None:
    """Start local jobs without the limit of jobs per second, which is for clusters.

    On one machine the limit has Snakemake look at all ready jobs again a second after every look, one
    look more for each finished job: half a core after a hundred jobs.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def limit_gpu_jobs(workflow, count: int) -> None:
    """Run at most ``count`` GPU jobs at a time on this machine, unless the command line sets a limit above 0.

    Without a limit of a resource Snakemake runs any number of its jobs side by side.
    """
    gpus = workflow.global_resources.get("gpu")
    if workflow.local_exec and not (gpus and gpus.value):
        workflow.register_resource("gpu", count)
