"""Six synthetic stand-in databases in the owners' native layouts, with their truth beside them.

Imported while Snakemake parses (for `SOURCES`), so everything heavy is imported inside `write`.
"""

import os
import shutil
from pathlib import Path

from infusenet.errors import InputError

# Where each database's annotation table and frames lie below the stand-ins' root.
SOURCES = {
    "casme": {"annotations": "casme/CASME.xls", "frames": "casme/CASME_raw_selected"},
    "casme2": {"annotations": "casme2/CASME2-coding-20190701.xlsx", "frames": "casme2/CASME2_RAW_selected"},
    "samm": {"annotations": "samm/SAMM_Micro_FACS_Codes_v2.xlsx", "frames": "samm/SAMM"},
    "fourd": {"annotations": "fourd/4DME_Labelling_Micro_release v1.xlsx", "frames": "fourd/gray_micro"},
    "mmew": {"annotations": "mmew/MMEW_Micro_Exp.xlsx", "frames": "mmew/Micro_Expression"},
    "casme3a": {
        "annotations": "casme3a/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        "frames": "casme3a/part_A_split/part_A",
    },
}

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
    """Write six stand-in databases below ``output``; it appears when all of it is there.

    Parameters
    ----------
    output : Path
        A folder that does not exist yet.
    scale : {"demo", "full"}
        40 short clips a database, or the real databases' sizes.
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
