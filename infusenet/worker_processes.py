"""Worker processes, and an error in one line if the system kills one."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from infusenet.errors import InputError

KILLED = (
    "was killed, probably because the memory was full (the system's log or the cluster's accounting says so)"
)
# Torch's message for a loader process that died; an error inside one starts with "Caught ...".
DEAD_LOADER = re.compile(r"DataLoader worker \(pid")
FULL_SHM = re.compile(r"shared memory|/torch_.*No space left")


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
            f"one of {processes} worker processes {KILLED}. Lower `{setting}`, or give the job more memory, "
            "and run again; finished parts are kept"
        ) from error


@contextmanager
def loader_explained() -> Iterator[None]:
    """Explain in one line why torch's loader processes died; its other errors pass.

    Raises
    ------
    InputError
        A loader process was killed, or /dev/shm, where they put their batches, is full.
    """
    try:
        yield
    except RuntimeError as error:
        if FULL_SHM.search(str(error)):
            raise InputError(
                "/dev/shm is full or too small: loader processes put their batches there. Set `compute: "
                "workers: 0`, or enlarge it (docker run --shm-size 2g; mount -o remount,size=2g /dev/shm)"
            ) from error
        if DEAD_LOADER.match(str(error)):
            raise InputError(
                f"a loader process {KILLED}. Lower `compute: workers` (0: none), or give the job more memory, "
                "and run again; a training continues from its last checkpoint"
            ) from error
        raise
