"""Estimated times of jobs, from the benchmark files of earlier jobs of the same kind.

The time of a store grows with the number of computed clips (from its log), that of a training with its
epochs. A straight line is fitted to the earlier jobs; its value at zero is the time to start a process.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from infusenet.preprocess.build_log import computed
from infusenet.snakemake_state.plan.changed_clips import Change
from infusenet.snakemake_state.plan.jobs import Job


def estimates(jobs: Iterable[Job], changes: dict[Job, Change]) -> dict[Job, float]:
    """Seconds that each job to run will take; jobs of a kind that has never run are left out."""
    past = defaultdict(list)
    for job in jobs:
        if (run := _past(job)) is not None:
            past[_kind(job)].append(run)
    result = {}
    for job in jobs:
        if job.reasons and past[_kind(job)]:
            result[job] = predict(past[_kind(job)], _amount(job, changes))
    return result


def predict(runs: list[tuple[float, float]], amount: float) -> float:
    """Seconds for ``amount``, from past (amount, seconds)."""
    amounts, seconds = np.array(runs, float).T
    if np.ptp(amounts):
        slope, start = np.polyfit(amounts, seconds, 1)
        if slope >= 0 and start >= 0:
            return float(start + slope * amount)
    return float(seconds.sum() / amounts.sum() * amount if amounts.any() else seconds.mean())


def _kind(job: Job) -> tuple[str, str]:
    return job.rule, job.wildcards.get("method", "")


def _amount(job: Job, changes: dict[Job, Change]) -> float:
    if job in changes:
        return changes[job].computed
    return job.recipe.get("epochs", 1) if job.rule == "train" else 1


def _past(job: Job) -> tuple[float, float] | None:
    """Amount and seconds of the job's last successful run."""
    if job.benchmark is None or not job.benchmark.is_file():
        return None
    try:
        with open(job.benchmark, newline="") as file:
            seconds = float(list(csv.DictReader(file, delimiter="\t"))[-1]["s"])
    except (IndexError, KeyError, TypeError, ValueError):  # a truncated file
        return None
    if job.rule in ("faces", "flow", "latents"):
        clips = computed(job.log)
        return None if clips is None else (clips, seconds)
    if job.rule == "train":
        log = Path(job.output[1])
        rows = len(log.read_text().splitlines()) - 1 if log.is_file() else 0
        return (max(rows, 1), seconds)
    return 1, seconds
