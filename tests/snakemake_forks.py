"""Forks of a process that has imported Snakemake: one for each line of stdin, which gets its exit status.

A line is JSON: [interpreter, folder, environment or null for this one's, umask, command line,
[file of stdout, file of stderr]].
"""

import gc
import importlib
import json
import os
import sys

import snakemake.cli

# Modules that Snakemake, or the rules, import after the start; none of the project's, which a fork has of its own.
LATER = ("h5py", "jsonschema", "smart_open", "yte")


def become(python, folder, environment, umask, words, printed) -> None:
    """The state in which `python -m snakemake` starts."""
    os.chdir(folder)
    os.umask(umask)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    sys.executable, sys.prefix = python, os.path.dirname(os.path.dirname(python))
    sys.argv, sys.path[0] = [snakemake.cli.__file__, *words], folder
    for stream, path in enumerate((os.devnull, *printed)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)


if __name__ == "__main__":
    snakemake.cli.get_argument_parser()  # loads all plugins
    for name in LATER:
        importlib.import_module(name)
    gc.freeze()  # no fork looks through the modules' objects again
    for line in sys.stdin:
        if process := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
            continue
        become(*json.loads(line))
        snakemake.cli.main()
