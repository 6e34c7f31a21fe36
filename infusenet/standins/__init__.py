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
    amplitude: float = 1.0,
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
    amplitude : float in [0, 1]
        Factor on the peak of every Action Unit; head sway, lamp, sensor and labels stay the same. With
        0.2 most peaks are 0.24 to 0.6 native px.

    Raises
    ------
    InputError
        ``output`` exists, ``amplitude`` is outside [0, 1], or the extra ``standins`` is not installed.
    """
    from infusenet.standins.make import make

    if not 0 <= amplitude <= 1:
        raise InputError(
            f"amplitude is {amplitude:g}, expected 0 to 1, a factor on the peaks of Action Units"
        )
    output = Path(output)
    if output.exists():
        raise InputError(f"{output} exists; expected a new folder: delete it to write the stand-ins again")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make(partial, scale, seed, processes or os.cpu_count(), nuisance=nuisance, amplitude=amplitude)
    os.replace(partial, output)
