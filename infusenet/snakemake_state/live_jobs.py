"""Live processes of this directory's run, and its lock.

Snakemake's locks name neither host nor process. After a kill they remain, while jobs of the killed run
may go on as orphans and still write.
"""

import os
import subprocess
from pathlib import Path

import psutil

from infusenet.errors import InputError
from infusenet.snakemake_state.internals import LOCKS


def is_locked() -> bool:
    """Whether Snakemake's lock of this directory exists."""
    return any(LOCKS.glob("*"))


def holders() -> list[psutil.Process]:
    """If this directory is locked: the processes that run Snakemake or its jobs here, except this one and
    its parents."""
    if not is_locked():
        return []
    folder, processes = str(Path.cwd()), []
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        runs = any(Path(word).name in ("snakemake", "infusenet") for word in command[:3])
        # The folder of another account's process is hidden, and it may be the one that holds the lock.
        if runs and process.info["cwd"] in (folder, None) and process.pid not in own:
            processes.append(process)
    return processes


def unlock() -> int:
    """Remove the lock that a killed run left; returns the exit status of Snakemake, 0 where there is no lock.

    Raises
    ------
    InputError
        A live run holds the lock.
    """
    if not is_locked():
        return 0
    if processes := holders():
        commands = (f"pid {p.pid} ({' '.join(p.info['cmdline'][:4])} ...)" for p in processes)
        raise InputError(
            f"this directory is locked by a live run: {'; '.join(commands)}. Wait for it, or end it, and run again"
        )
    return subprocess.run(["snakemake", "--unlock", "--quiet", "all"], check=False).returncode
