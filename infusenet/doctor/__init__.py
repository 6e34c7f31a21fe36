"""Is this machine ready? Each finding says what was found, what is expected and what to do.

The checks look and try; nothing that they change stays.
"""

from collections.abc import Iterator
from pathlib import Path

from infusenet.config import configuration
from infusenet.doctor import machine, software
from infusenet.doctor.finding import Finding
from infusenet.errors import InputError


def examine(path: Path, slurm: bool = False) -> Iterator[Finding]:
    """Every finding about this machine under the configuration at ``path``; ``slurm``: its cluster too."""
    yield from software.wheels()
    try:
        config = configuration.load(path)
    except InputError as error:
        yield Finding("mend", "settings", str(error), "a configuration that holds", f"mend {path}")
        return
    yield from software.weights(config)
    yield from machine.disk(config)
    yield from machine.cache(config)
    yield from machine.device(config)
    if slurm:
        from infusenet.doctor.slurm import cluster

        yield from cluster(config)
