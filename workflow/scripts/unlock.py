"""Remove a dead run's lock on this directory; refuse while anything of it is still alive.

Called by the Makefile before every run.
"""

import subprocess
import sys
from pathlib import Path

from infusenet.snakemake_state import live_jobs

if __name__ == "__main__":
    if any(Path(".snakemake/locks").glob("*")):
        if running := live_jobs.holders():
            sys.exit(
                "this directory is locked by a live run: "
                + "; ".join(f"pid {p.pid} ({' '.join(p.info['cmdline'][:4])} ...)" for p in running)
                + ". Wait for it, or end it, and run again"
            )
        sys.exit(subprocess.run(["snakemake", "--unlock", "--quiet", "all"], check=False).returncode)
