"""Worker processes, and an error in one line if the system kills one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from infusenet.errors import InputError


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
