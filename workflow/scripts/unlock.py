"""Remove a dead run's lock on this directory; refuse while anything of it is still alive.

Called by the Makefile before every run.
"""

import sys

from infusenet.errors import InputError
from infusenet.snakemake_state import live_jobs

if __name__ == "__main__":
    try:
        sys.exit(live_jobs.unlock())
    except InputError as error:
        sys.exit(str(error))
