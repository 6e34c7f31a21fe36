"""The infusion bench: the methods of Table 2 on stand-ins whose artefacts are known.

Levels of brightness change and sensor noise, crossed with the latents' photometric match and the
magnifier; at the strong level also other ways to infuse. Every training is a Snakemake job, so
a stopped bench continues with its next training, and a finished one only writes its tables again.

The folder: ``{level}/standins``, ``{level}/{magnifier}-{photometric}/cache`` and
``{level}/{magnifier}-{photometric}/{infusion}/{method}/{held_out}/seed{n}``. Method names are those
of the registry, because a training draws from (seed, held-out database, method): equal names start
from equal weights, so that differences between cells are paired.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from infusenet import standins
from infusenet.config import configuration
from infusenet.config.stage_recipes import weights_path
from infusenet.errors import InputError
from infusenet.experiments.infusion_bench.bench_page import write
from infusenet.experiments.infusion_bench.cell_scores import score
from infusenet.experiments.infusion_bench.conditions import Cell, Plan, cells, settings, trainings
from infusenet.files import write_if_changed

ROOT = Path(__file__).parents[3]


def bench(output: Path, weights: Sequence[Path] = (), cores: int = 2, plan: Plan | None = None) -> None:
    """Train the missing runs below ``output``; write nuisance.md, nuisance.csv and nuisance.png there.

    Parameters
    ----------
    output : Path
    weights : magnifiers, files or names of shipped ones, to compare with the project's own
    cores : int
        Trainings that run side by side.
    plan : Plan, optional

    Raises
    ------
    InputError
        Weights that cannot be used, or a Snakemake run that failed.
    """
    plan, root = plan or Plan(), Path(output).resolve()
    bench_cells = cells(plan, list(map(weights_path, weights)))
    count = sum(len(trainings(plan, cell)) for cell in bench_cells)
    print(f"nuisance bench: {len(bench_cells)} cells, {count} trainings", file=sys.stderr)
    sources: dict[str, Path] = {}
    for number, cell in enumerate(bench_cells, 1):
        print(f"cell {number} of {len(bench_cells)}: {cell.folder}", file=sys.stderr)
        if not (root / cell.level / "standins").exists():
            standins.write(root / cell.level / "standins", processes=cores, nuisance=cell.level)
        cache = root / cell.store / "cache"
        share(sources.setdefault(cell.level, cache), cache)
        run(plan, cell, root, cores)
    write(score(plan, bench_cells, root, cores), root)


def share(source: Path, cache: Path) -> None:
    """Link finished faces and flow into another cache: they do not depend on the latents' settings."""
    for file in source.glob("*/*.*"):
        link = cache / file.relative_to(source)
        if file.name.split(".")[0] in ("faces", "flow") and not (link.exists() and link.samefile(file)):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            os.link(file, link)


def run(plan: Plan, cell: Cell, root: Path, cores: int) -> None:
    """Let Snakemake train and predict the missing runs of a cell."""
    path = root / cell.folder / "config.yaml"
    write_if_changed(path, yaml.safe_dump(settings(plan, cell, root)))
    configuration.load(path)
    predictions = [f"{root / cell.folder}/{run}/predictions.csv" for run in trainings(plan, cell)]
    # Only one bench writes here, so a lock in this folder is of a killed bench.
    options = ["--nolock", "--rerun-incomplete", "--quiet", "rules", "host"]
    process = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", root / cell.level,
            "--configfile", path, "--cores", str(cores), *options, "--", *predictions,
        ],
        check=False,
    )  # fmt: skip
    if process.returncode:
        raise InputError(
            f"{cell.folder}: Snakemake failed for the reason above; run the same command to continue"
        )
