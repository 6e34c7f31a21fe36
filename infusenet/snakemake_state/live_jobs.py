"""Who holds the lock of this directory. Snakemake's locks name neither host nor process.

After a kill they stay for ever, while jobs of a killed run may live on as orphans and still write.
"""

import os
from pathlib import Path

import psutil


def holders() -> list[psutil.Process]:
    """While this directory is locked: its processes that run Snakemake or one of its jobs, this one's line aside."""
    if not any(Path(".snakemake/locks").glob("*")):
        return []
    here, found = str(Path.cwd()), []
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        runs = any(Path(word).name in ("snakemake", "infusenet") for word in command[:3])
        # Another account's folder cannot be seen, but it is locked by somebody.
        if runs and process.info["cwd"] in (here, None) and process.pid not in own:
            found.append(process)
    return found
