"""The loop that fills a store: parts, resume, failures, progress, publication.

A stage hands over its clips with their content keys and a function that computes some of them. The
loop writes parts of a few clips aside, each published by rename, and merges them in manifest order,
so an interrupted run loses at most one part per process and ends with the same bytes.
"""

import csv
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from infusenet import store as stores
from infusenet.errors import InputError, raise_all
from infusenet.manifest import write_if_changed
from infusenet.recipe import digest
from infusenet.reconcile import reconcile
from infusenet.store import Failure, Item, Store

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
    """Compute every clip's item and publish the store and its sha256.

    Parameters
    ----------
    clips : (clip, content key) in manifest order
    work : callable, picklable
        Gets the names of some clips and yields one Item or Failure for each, in that order.
    failed : {"stop", "skip"}
        Publish nothing if a clip failed here (what was computed is kept for the next run), or
        publish the rest with the failures listed inside. Both write ``<output>.failures.csv``.
    upstream_failures
        Clips that an earlier stage left out: listed, never a reason to stop.

    Raises
    ------
    InputError
        With ``failed="stop"``, one that lists every failed clip.
    """
    output = Path(output)
    folder = output.with_name(f".{output.name}.parts")
    groups = [clips[start : start + PART] for start in range(0, len(clips), PART)]
    parts = [folder / f"{digest([recipe, list(map(list, group))])}.h5" for group in groups]
    write_part = partial(_write_part, stage=stage, database=database, recipe=recipe, work=work, chunks=chunks)
    todo = [(part, group) for part, group in zip(parts, groups, strict=True) if not _reusable(part, stage)]
    with tqdm(total=len(clips), desc=f"{database}: {stage}", unit="clip", disable=None) as progress:
        progress.update(len(clips) - sum(len(group) for _, group in todo))
        for count in _run(write_part, todo, min(processes, len(todo))):
            progress.update(count)

    made = [Store(part, stage) for part in parts]
    failures = [failure for part in made for failure in part.failures]
    _report(output, [*upstream_failures, *failures])
    if failed == "stop":
        raise_all(
            (f"{database} clip {f.clip}: {f.status}: {f.reason}" for f in failures),
            f"{stage} of {database}: clips failed. Mend them, or set failed_clips: skip to leave them out",
        )
    _publish(
        output, stage=stage, database=database, recipe=recipe, source=source, clips=clips,
        outcomes=_outcomes(groups, made), failures=upstream_failures, chunks=chunks,
    )  # fmt: skip
    shutil.rmtree(folder)


def _publish(output: Path, **content) -> None:
    for stale in output.parent.glob(f".{output.name}.*.tmp"):
        stale.unlink(missing_ok=True)
    # The old digest goes first: at no moment may it stand beside another file's bytes.
    stores.sidecar_of(output).unlink(missing_ok=True)
    with stores.aside(output) as temporary:
        stores.write(temporary, **content)
        handed = [clip for clip, _ in content["clips"]] + [f.clip for f in content["failures"]]
        reconcile(Store(temporary), handed, output.parent)
    stores.publish_digest(output)


def _run(write_part, todo, processes: int) -> Iterator[int]:
    """Write the parts, here or in a pool; yields how many clips have been added."""
    if processes <= 1:
        for part, group in todo:
            write_part(part, group)
            yield len(group)
        return
    # Spawned, not forked: threads of OpenCV and torch do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(write_part, part, group): len(group) for part, group in todo}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_part(part: Path, group, *, stage, database, recipe, work, chunks) -> None:
    with stores.aside(part) as temporary:
        stores.write(
            temporary, stage=stage, database=database, recipe=recipe, source={}, clips=group,
            outcomes=_named(work, [clip for clip, _ in group], database), chunks=chunks,
        )  # fmt: skip


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


def _reusable(part: Path, stage: str) -> bool:
    """A finished part without failures: those are tried again, their cause may have gone."""
    if not part.is_file():
        return False
    try:
        return not Store(part, stage).failures
    except InputError:
        return False


def _outcomes(groups, made: Sequence[Store]) -> Iterator[Item | Failure]:
    for group, part in zip(groups, made, strict=True):
        failures = {failure.clip: failure for failure in part.failures}
        for clip, _ in group:
            if clip in failures:
                yield failures[clip]
            else:
                yield Item({name: part.read(name, clip) for name in part.names}, part.status[clip])


def _report(output: Path, failures: Sequence[Failure]) -> None:
    """The failure table beside the store; a header alone says that no clip failed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "status", "reason"])
    writer.writerows([failure.clip, failure.status, failure.reason] for failure in failures)
    write_if_changed(output.with_name(f"{output.name}.failures.csv"), text.getvalue())
