"""The loop that fills a store: copies unchanged clips, computes the others, resumes, reports failures.

A stage passes its clips with their content keys and a function that computes some of them. Clips whose
key is already in the published store, or in the parts of an interrupted run, are copied. The others are
computed in parts of a few clips, each published by rename. Everything reaches the final file as copied
chunks in manifest order, so its bytes do not depend on what was copied or computed, and an interrupted
run loses at most one part per process.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing import parent_process
from pathlib import Path

from tqdm import tqdm

from infusenet import __version__
from infusenet.csv_tables import csv_text
from infusenet.errors import InputError, raise_all
from infusenet.files import explained, write_if_changed
from infusenet.preprocess.build_log import LINE
from infusenet.preprocess.clip_accounting import reconcile
from infusenet.store import Failure, Item, Store, publish
from infusenet.store.lock import hold
from infusenet.store.writer import Stored
from infusenet.worker_processes import run_tasks

# Small enough that a kill costs little and that a few processes share a small database evenly.
PART = 16

Work = Callable[[Sequence[str]], Iterable[Item | Failure]]


def fill(
    output: Path,
    *,
    stage: str,
    database: str,
    recipe: dict,
    source: dict,
    clips: Sequence[tuple[str, str]],
    work: Work,
    processes: int = 1,
    failed: str = "stop",
    upstream_failures: Sequence[Failure] = (),
    chunks: dict[str, tuple[int, ...]] | None = None,
) -> None:
    """Bring every clip's item into a store and publish it with its sha256.

    Only one builder of ``output`` works at a time; another one waits and then finds it finished.

    Parameters
    ----------
    clips : (clip, content key) in manifest order
    work : callable, picklable
        Takes the names of some clips and yields one Item or Failure for each, in that order. One process calls
        it once with all clips that are to be computed, so that it may prepare clips while others are written.
    failed : {"stop", "skip"}
        ``stop``: publish nothing if a clip failed here (finished items are kept for the next run);
        ``skip``: publish the rest with the failures listed inside. Both write ``<output>.failures.csv``.
    upstream_failures
        Clips that an earlier stage left out: listed, never a reason to stop.

    Raises
    ------
    InputError
        With ``failed="stop"``, one that lists every failed clip; the disk is full or cannot be written
        to; the lock was lost. A published store stays as it is.
    """
    output = Path(output)
    content = {"stage": stage, "database": database, "recipe": recipe}
    with explained(output), hold(output) as lock:
        publish.sweep(output)
        stores = list(_reusable(output, stage, recipe))
        build = (database, source, clips, upstream_failures)
        finished_store = next((store for store in stores if _is_result_of(store, *build)), None)
        # A failure is tried again, though its key is the same: keys do not know what a person fixes
        # (a package, a disk), and few clips fail. Only a builder that waited for another
        # builder's attempt takes its failures over.
        if finished_store and len(finished_store) < len(clips) and not (lock.waited and failed == "skip"):
            finished_store = None
        if finished_store:
            path, failures = finished_store.path, finished_store.failures[len(upstream_failures) :]
            copied_count = len(finished_store)
        else:
            stored = {key: Stored(store, clip) for store in stores for clip, key in store.keys.items()}
            copied_count = sum(key in stored for _, key in clips)
            failures = _compute(output, content, clips, stored, work, processes, chunks, lock)
        _report(output, [*upstream_failures, *failures])
        if failed == "stop":
            raise_all(
                (f"{database} clip {f.clip}: {f.status}: {f.reason}" for f in failures),
                f"{stage} of {database}: clips failed. Fix them, or set failed_clips: skip to leave them out",
            )
        if not finished_store:
            failure_by_clip = {failure.clip: failure for failure in failures}
            outcomes = (failure_by_clip.get(clip) or stored[key] for clip, key in clips)
            path = publish.keep(
                output, **content, source=source, clips=clips, outcomes=outcomes, failures=upstream_failures
            )
        clip_names = [clip for clip, _ in clips] + [failure.clip for failure in upstream_failures]
        reconcile(Store(path), clip_names, output.parent)
        publish.publish(path, output, lock)
    computed_count = len(clips) - copied_count - len(failures)
    counts = LINE.format(computed_count, copied_count, len(upstream_failures) + len(failures))
    print(f"{output}: {counts}", file=sys.stderr)


def _reusable(output: Path, stage: str, recipe: dict) -> Iterator[Store]:
    """Finished stores of this stage and recipe: published before, or parts of an interrupted build."""
    for path in publish.sound(output):
        with suppress(InputError):
            yield Store(path, stage, recipe)


def _is_result_of(store: Store, database: str, source: dict, clips, upstream_failures) -> bool:
    """Whether a build of the same has made this store, with or without clips that failed in it."""
    before = len(upstream_failures)
    failed = {failure.clip for failure in store.failures[before:]}
    return (
        (store.database, store.package, store.source) == (database, __version__, source)
        and store.failures[:before] == list(upstream_failures)
        and list(store.keys.items()) == [(clip, key) for clip, key in clips if clip not in failed]
    )


def _compute(
    output: Path, content: dict, clips, stored: dict, work, processes: int, chunks, lock
) -> list[Failure]:
    """Compute the clips whose keys are not in ``stored`` and add them to it; returns the failures."""
    missing = [(clip, key) for clip, key in clips if key not in stored]
    groups = [missing[start : start + PART] for start in range(0, len(missing), PART)]
    write_part = partial(_write_part, output, content, chunks)
    outcomes_of = partial(_named, work, database=content["database"])
    failures = {}
    with tqdm(
        total=len(clips), desc="{database}: {stage}".format_map(content), unit="clip", disable=None
    ) as bar:
        bar.update(len(clips) - len(missing))
        workers = min(processes, len(groups))
        if workers > 1:
            compute = partial(_compute_part, write_part, outcomes_of)
        else:
            # One call for all clips, so that some are prepared while others are written.
            outcomes = outcomes_of([clip for clip, _ in missing])

            def compute(group):
                return write_part(group, islice(outcomes, len(group)))

        for group, path in run_tasks(compute, groups, workers, "compute: processes", _end_with_parent):
            bar.update(len(group))
            lock.check()
            part = Store(path, content["stage"], content["recipe"])
            stored |= {key: Stored(part, clip) for clip, key in part.keys.items()}
            failures |= {failure.clip: failure for failure in part.failures}
    return [failures[clip] for clip, _ in clips if clip in failures]


def _end_with_parent() -> None:
    """A killed builder's pool would wait for work for ever, and its last parts write into the next run's."""

    def watch():
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _compute_part(write_part, outcomes_of, group) -> Path:
    return write_part(group, outcomes_of([clip for clip, _ in group]))


def _write_part(output: Path, content: dict, chunks, group, outcomes: Iterator[Item | Failure]) -> Path:
    return publish.keep(output, **content, source={}, clips=group, outcomes=outcomes, chunks=chunks)


def _named(work: Work, clips: list[str], database: str) -> Iterator[Item | Failure]:
    """The outcomes of ``work``; an error inside it carries the name of its clip."""
    outcomes = iter(work(clips))
    for clip in clips:
        try:
            yield next(outcomes)
        except InputError as error:
            raise InputError(f"{database} clip {clip}: {error}") from error
        except Exception as error:
            error.add_note(f"in {database} clip {clip}")
            raise


def _report(output: Path, failures: Sequence[Failure]) -> None:
    """Write the failure table beside the store; the header alone means that no clip failed."""
    rows = ([failure.clip, failure.status, failure.reason] for failure in failures)
    text = csv_text(["clip", "status", "reason"], rows)
    write_if_changed(output.with_name(f"{output.name}.failures.csv"), text)
