"""The number of jobs that share this machine's GPU, so that one prepares while another computes.

Read from nvidia-smi while Snakemake parses: asking torch would take seconds. Jobs compute on the first card.
"""

import subprocess

# Free memory for each job. InfuseNet's 1842 clips at 224 px take 2.8 GB; the rest is for the network's maps at
# batch 32, whose peak was not measured.
JOB_MIB = 16 * 1024
MOST = 3  # with three, one computes while two read or write


def job_count() -> int:
    """From the free memory of the first card; 1 where nvidia-smi does not tell it."""
    words = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
        free = int(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 1
    return min(MOST, max(1, free // JOB_MIB))
