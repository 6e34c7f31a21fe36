"""Remove a dead run's lock on this directory; refuse while anything of it is still alive.

Snakemake's locks name neither host nor process, so after a kill they stay for ever, while jobs of
a killed run may live on as orphans and still write. Called by the Makefile before every run.
"""

import os
import subprocess
import sys
from pathlib import Path

import psutil


def alive() -> list[psutil.Process]:
    """Processes of this directory that run Snakemake or one of its jobs, this one's line aside."""
    here = Path.cwd()
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        runs = any(Path(word).name in ("snakemake", "infusenet") for word in command[:3])
        if runs and process.info["cwd"] == str(here) and process.pid not in own:
            found.append(process)
    return found


if __name__ == "__main__":
    if any(Path(".snakemake/locks").glob("*")):
        if running := alive():
            sys.exit(
                "this directory is locked by a live run: "
                + "; ".join(f"pid {p.pid} ({' '.join(p.info['cmdline'][:4])} ...)" for p in running)
                + ". Wait for it, or end it, and run again"
            )
        sys.exit(subprocess.run(["snakemake", "--unlock", "--quiet", "all"], check=False).returncode)
