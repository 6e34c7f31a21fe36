"""Worker processes, and an error in one line if the system kills one."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from infusenet.errors import InputError

Task, Result = TypeVar("Task"), TypeVar("Result")


@contextmanager
def pool(
    processes: int, setting: str, initializer: Callable[[], None] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """A pool of ``processes``; ``setting`` is named in the error as the one to lower.

    Spawned, not forked: threads of OpenCV and torch do not survive a fork.

    Raises
    ------
    InputError
        A worker died without an error of its own.
    """
    try:
        with ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=initializer
        ) as executor:
            yield executor
    except BrokenProcessPool as error:
        raise InputError(
            f"one of {processes} worker processes was killed, probably because the memory was full (the system's "
            f"log or the cluster's accounting says so). Lower `{setting}`, or give the job more memory, and run "
            "again; finished parts are kept"
        ) from error


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    processes: int,
    setting: str,
    initializer: Callable[[], None] | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Yield (task, ``function(task)``) as they are finished, of a `pool`; for one process here, in the tasks' order.

    An error ends the iteration: tasks that have not started are dropped.
    """
    if processes <= 1:
        for task in tasks:
            yield task, function(task)
        return
    with pool(processes, setting, initializer) as executor:
        task_of = {executor.submit(function, task): task for task in tasks}
        try:
            for future in as_completed(task_of):
                yield task_of[future], future.result()
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
