"""The plan as text: stores by database, folds by method, then tables and pages."""

from collections.abc import Iterator
from datetime import timedelta

from infusenet.snakemake_state.plan.changed_clips import Change
from infusenet.snakemake_state.plan.jobs import Job

HEAD = ("database", "store", "clips", "new", "changed", "removed", "reused", "failed before", "time", "why")


def show(jobs: list[Job], changes: dict[Job, Change], seconds: dict[Job, float]) -> Iterator[str]:
    """Lines of text. A store that is up to date is listed with what it holds; other jobs only if they run."""
    if changes:
        yield from columns([HEAD, *sorted(_store(j, change, seconds) for j, change in changes.items())])
        yield ""
    rest: dict[tuple, list[Job]] = {}
    for job in jobs:
        if job.reasons and job not in changes:
            key = (job.rule, job.wildcards.get("method", ""), job.wildcards.get("seed", ""), job.reasons)
            rest.setdefault(key, []).append(job)
    for (rule, method, seed, reasons), group in sorted(
        rest.items(), key=lambda item: (_rank(item[0][0]), item[0])
    ):
        folds = ", ".join(sorted(job.wildcards["held_out"] for job in group if "held_out" in job.wildcards))
        of = f" {method}, seed {seed}, held out: {folds} ({len(group)} folds)" if folds else ""
        yield f"{rule}{of}: {'; '.join(reasons)}; {_time(group, seconds)}"
    runs = [job for job in jobs if job.reasons]
    if runs:
        yield f"{len(runs)} jobs, one after the other {_time(runs, seconds)}"
    else:
        yield "nothing to do"


def _rank(rule: str) -> int:
    order = ("train", "predict")
    return order.index(rule) if rule in order else len(order)


def _store(job: Job, change: Change, seconds: dict[Job, float]) -> tuple[str, ...]:
    numbers = (
        change.clips, len(change.new), len(change.changed), len(change.removed), len(change.reused),
        len(change.failed | change.left_out),
    )  # fmt: skip
    name = job.rule + job.wildcards["variant"]
    time = _time([job], seconds) if job.reasons else ""
    why = "; ".join(job.reasons) or "up to date"
    return (job.wildcards["database"], name, *map(str, numbers), time, why)


def _time(jobs: list[Job], seconds: dict[Job, float]) -> str:
    """``about h:mm:ss``; jobs of a kind that has not run yet are counted only."""
    times = [seconds[job] for job in jobs if job in seconds]
    unknown = len(jobs) - len(times)
    if not times:
        return "time unknown"
    about = f"about {timedelta(seconds=round(sum(times)))}"
    return f"{about} and {unknown} of unknown time" if unknown else about


def columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows of text set in columns, words to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= place < len(row) - 2 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
