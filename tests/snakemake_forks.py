"""Forks of a process that has imported Snakemake: one for each line of stdin, which gets its exit status.

A line is JSON: [interpreter, folder, environment or null for this one's, umask, command line,
[file of stdout, file of stderr]].
"""

import atexit
import gc
import importlib
import json
import os
import sys

# What Snakemake, or the rules, import after the start.
LATER = ("h5py", "jsonschema", "smart_open", "yte")
# The same of this checkout, for all folders without a package of their own.
OURS = ("infusenet.config.stage_recipes", "infusenet.databases.sync", "infusenet.snakemake_state.cut_outputs")
status = 0


@atexit.register
def end() -> None:
    """Ends the process without clearing its memory, which takes half as long as a dry run. First in, last to run."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def become(python, folder, environment, umask, words, printed) -> None:
    """The state in which `python -m snakemake` starts."""
    os.chdir(folder)
    if os.path.isdir("infusenet"):
        for name in [name for name in sys.modules if name.partition(".")[0] == "infusenet"]:
            del sys.modules[name]
    os.umask(umask)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    sys.executable, sys.prefix = python, os.path.dirname(os.path.dirname(python))
    sys.argv, sys.path[0] = [snakemake.cli.__file__, *words], folder
    for stream, path in enumerate((os.devnull, *printed)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)


if __name__ == "__main__":
    import snakemake.cli

    snakemake.cli.get_argument_parser()  # loads all plugins
    for name in LATER + OURS:
        importlib.import_module(name)
    gc.freeze()  # no fork looks through the modules' objects again
    for line in sys.stdin:
        if process := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
            continue
        become(*json.loads(line))
        status = 1  # unless it ends as it should
        try:
            snakemake.cli.main()
        except SystemExit as end_of_run:
            if end_of_run.code in (0, None):
                status = 0
            raise
