"""Worker processes, and one line where the system has killed one."""

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
    """A pool of ``processes``; ``setting`` is what a person lowers to have fewer.

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
            f"one of {processes} worker processes was killed, probably because the memory was full (the "
            f"system's log or the cluster's accounting says so). Lower `{setting}`, or give the job more "
            "memory, and run again; what is finished is kept"
        ) from error
