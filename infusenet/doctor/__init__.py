"""Checks of this machine before a run. Each result names the state, the expected state and what to do.

The checks change nothing on this machine.
"""

from collections.abc import Iterator
from pathlib import Path

from infusenet.config import configuration
from infusenet.doctor import machine, software
from infusenet.doctor.diagnosis import Diagnosis
from infusenet.errors import InputError


def examine(path: Path, slurm: bool = False) -> Iterator[Diagnosis]:
    """Check this machine under the configuration at ``path``; ``slurm``: check its cluster too."""
    yield software.interpreter()
    yield from software.wheels()
    try:
        config = configuration.load(path)
    except InputError as error:
        yield Diagnosis("fix", "settings", str(error), "a configuration that holds", f"correct {path}")
        return
    yield from software.weights(config)
    yield from machine.disk(config)
    yield from machine.cache(config)
    yield from machine.device(config)
    if slurm:
        from infusenet.doctor.slurm import cluster

        yield from cluster(config)
