"""The package and the command of jobs: those of the checkout that Snakemake runs in.

A rule's command is `infusenet ...`. An environment has one such command, of the clone that it was
installed from, and without activation a shell does not find it. A full path in the rules would rerun
all existing outputs, so the path is set in the environment of the jobs.
"""

import os
import shlex
import sys
import sysconfig
from pathlib import Path

from infusenet.errors import InputError

ROOT = Path(__file__).parents[2]


def other_package(folder: Path) -> str:
    """A sentence if ``folder`` is a checkout and this process runs the package of another; else empty."""
    if not (folder / "infusenet/__init__.py").is_file() or folder.samefile(ROOT):
        return ""
    return (
        f"this is the package in {ROOT}, and {folder} has its own. To run that one: put "
        f"PYTHONPATH={shlex.quote(str(folder))} before the command, or give it the environment: "
        f"{_install(folder)}"
    )


def prepare(folder: Path) -> None:
    """Set PATH and PYTHONPATH so that jobs run this interpreter's `infusenet` with the package of the
    checkout ``folder``.

    Raises
    ------
    InputError
        The package of another checkout was imported, the interpreter has no such command, or a folder's
        name separates paths.
    """
    if sentence := other_package(folder):
        raise InputError(sentence)
    user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))
    folders = [os.path.dirname(sys.executable), sysconfig.get_path("scripts"), user]
    commands = next((path for path in folders if os.path.isfile(f"{path}/infusenet")), None)
    if commands is None:
        raise InputError(
            f"{sys.executable} has no command `infusenet`, which the jobs run. Install it: {_install(folder)}"
        )
    for name, first in (("PATH", commands), ("PYTHONPATH", str(ROOT))):
        if os.pathsep in first:
            raise InputError(
                f"{first}: '{os.pathsep}' separates folders in {name}, so jobs would run another package "
                "than this one; rename the folder"
            )
        others = [path for path in os.environ.get(name, "").split(os.pathsep) if path not in ("", first)]
        os.environ[name] = os.pathsep.join([first, *others])


def _install(folder: Path) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", "--no-deps", "--editable", str(folder)])
