"""Six synthetic stand-in databases in the owners' native layouts, with their ground truth.

Light to import, because the command line reads `NUISANCE`: everything heavy is imported inside `write`.
"""

import os
import shutil
from pathlib import Path

from infusenet.errors import InputError

# Levels of a nuisance: the largest relative change of brightness from onset to apex, and the
# sensor noise's standard deviation in gray levels.
NUISANCE = {"none": (0.0, 0.0), "mild": (0.015, 0.8), "strong": (0.05, 2.0)}


def write(
    output: Path,
    scale: str = "demo",
    seed: int = 0,
    processes: int | None = None,
    nuisance: str | None = None,
) -> None:
    """Write six stand-in databases below ``output``; the folder appears when all files are written.

    Parameters
    ----------
    output : Path
        A folder that does not exist yet.
    scale : {"demo", "full"}
        40 short clips per database, or the real databases' sizes.
    seed : int
        Same seed, same bytes, whatever the number of processes.
    processes : int, optional
        Default: all cores.
    nuisance : {"none", "mild", "strong"}, optional
        Brightness and sensor noise of one level in all databases; everything else stays the same from
        level to level. Default: each database's own lamp and sensor.
    """
    from infusenet.standins.make import make

    output = Path(output)
    if output.exists():
        raise InputError(f"{output} exists; expected a new folder: delete it to write the stand-ins again")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make(partial, scale, seed, processes or os.cpu_count(), nuisance=nuisance)
    os.replace(partial, output)
