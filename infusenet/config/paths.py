"""Paths of the configuration: expanded, and each folder spelled in one way, before anything is compared
or created."""

import os
import re

from infusenet.errors import InputError

# What an entry of `databases` is made of.
SOURCE_KEYS = ("annotations", "manifest", "frames", "stores")
# The keys of an entry that are paths, one or a list of them.
DATABASE_PATHS = (*SOURCE_KEYS, "emotions")
# Blocks whose `weights` may be a file.
WEIGHTS = ("latents", "every_method", "methods", "variants", "standins")

# A user's home, an environment variable.
SIGNS = re.compile(r"~|.*\$\{?[A-Za-z_]")
# The part of a path up to the end of the last name with such a sign; all of one without.
SIGNED = re.compile(r"(?:.*\$|~)[^/]*|.*")


def settle(config: dict) -> dict:
    """A copy of a valid configuration in which every path is expanded, and folders have one spelling.

    Files of weights are only expanded: how they are written is part of the trainings' recipes.

    Raises
    ------
    InputError
        An unknown user or environment variable, or a file that has ``~`` or ``$`` in its name.
    """
    config = config | {name: _expand_weights(config[name], name) for name in WEIGHTS if name in config}
    for name in ("cache", "results"):
        config[name] = plain(expand(config[name], name))
    config["standins"] = config["standins"] | {
        "root": plain(expand(config["standins"]["root"], "standins.root"))
    }
    config["databases"] = {
        name: {
            key: _settle_paths(value, f"databases.{name}.{key}") if key in DATABASE_PATHS else value
            for key, value in source.items()
        }
        for name, source in config["databases"].items()
    }
    return config


def listed(value: str | list[str]) -> list[str]:
    """The paths of a key that takes one or several."""
    return [value] if isinstance(value, str) else list(value)


def _settle_paths(value: str | list[str] | None, where: str) -> str | list[str] | None:
    if value is None:
        return None
    settled = [plain(expand(path, where)) for path in listed(value)]
    return settled[0] if isinstance(value, str) else settled


def expand(text: str, where: str) -> str:
    """``text`` with ``~`` and ``$NAME`` replaced and without blanks around it; ``where``: its key."""
    name = text if os.path.lexists(text) else text.strip()  # blanks may be part of a name
    path = os.path.expandvars(os.path.expanduser(name))
    if path == name and name and not SIGNS.match(name):
        return name
    if name.startswith(("/", "./")) and os.path.lexists(SIGNED.match(name)[0]):  # so may signs
        return name
    if path != name and os.path.lexists(name):
        raise InputError(
            f"{where}: {name} stands for {path}, but a file or folder that is literally named {name} lies here; "
            f"an earlier version may have made it. To use it, write ./{name}; otherwise move or delete it"
        )
    if not path or SIGNS.match(path):
        raise InputError(f"{where} is '{text}', expected a path in which each ~USER and $NAME exists")
    return path


def plain(path: str) -> str:
    """Without ``.``, ``..``, doubled slashes and a slash at the end, as far as it stays the same place."""
    short = os.path.normpath(path)
    return short if os.path.realpath(short) == os.path.realpath(path) else path


def _expand_weights(block, where: str):
    if not isinstance(block, dict):
        return block
    return {
        key: expand(value, f"{where}.{key}")
        if key == "weights" and value and isinstance(value, str)
        else _expand_weights(value, f"{where}.{key}")
        for key, value in block.items()
    }
