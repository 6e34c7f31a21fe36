"""Does infusion work? The methods of Table 2 on stand-ins whose artefacts are known.

Levels of brightness change and sensor noise, crossed with the latents' photometric match and the
magnifier; at the strong level also other ways to infuse. Every training is a Snakemake job, so
a bench that was stopped goes on where it was, and a finished one only draws its tables again.

The folder: ``{level}/standins``, ``{level}/{magnifier}-{photometric}/cache`` and
``{level}/{magnifier}-{photometric}/{infusion}/{method}/{held_out}/seed{n}``. Method names are those
of the registry, because a training draws from (seed, held-out database, method): equal names start
from equal weights, so that differences between cells are paired.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

from infusenet import config, metrics, standins
from infusenet.errors import InputError
from infusenet.methods import TRAINING
from infusenet.models.infusion import PLACES
from infusenet.report.nuisance import Row, write

ROOT = Path(__file__).parents[1]
OURS = "ours"
FLOW, INFUSENET = "resnet18_flow", "infusenet_resnet18"
ON_LATENTS = ("resnet18_mag", "late_fusion", INFUSENET)
# Laid over the preset `paper`, one at a time.
INFUSIONS = {
    "channel": {"scope": "channel"},
    "batch": {"scope": "batch"},
    "pooled": {"places": list(PLACES)},
    "latent_norm": {"latent_norm": True},
    "detach": {"detach": True},
}


@dataclass(frozen=True)
class Plan:
    """How much is run; the default is the bench itself."""

    levels: tuple[str, ...] = tuple(standins.NUISANCE)
    photometrics: tuple[str, ...] = ("none", "global")
    infusions: tuple[str, ...] = tuple(INFUSIONS)
    held_out: tuple[str, ...] = ("casme2", "samm")
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 8


@dataclass(frozen=True)
class Cell:
    """Trainings that share stand-ins, latents and infusion. ``weights``: a magnifier file, or None."""

    level: str
    photometric: str
    weights: Path | None
    infusion: str
    methods: tuple[str, ...]

    @property
    def magnifier(self) -> str:
        return self.weights.stem if self.weights else OURS

    @property
    def store(self) -> str:
        return f"{self.level}/{self.magnifier}-{self.photometric}"

    @property
    def folder(self) -> str:
        return f"{self.store}/{self.infusion}"


def cells(plan: Plan, weights: Sequence[Path] = ()) -> list[Cell]:
    """Every cell of a bench, in the order in which they are run.

    FrameFlow reads no latents, so it is trained in a level's first cell alone. Other infusions are
    tried at the last level, on the project's own latents without photometric match.

    Raises
    ------
    InputError
        A weights file that does not exist, or two of one name.
    """
    names = [OURS, *(path.stem for path in weights)]
    if len(set(names)) < len(names):
        raise InputError(f"--weights: two magnifiers of one name: {', '.join(names)}; rename a file")
    if missing := [str(path) for path in weights if not path.is_file()]:
        raise InputError(f"--weights: no such file: {', '.join(missing)}")
    made = []
    for level in plan.levels:
        for magnifier in (None, *(path.resolve() for path in weights)):
            for photometric in plan.photometrics:
                first = not made or made[-1].level != level
                methods = (FLOW, *ON_LATENTS) if first else ON_LATENTS
                made.append(Cell(level, photometric, magnifier, "paper", methods))
    return made + [Cell(plan.levels[-1], "none", None, name, (INFUSENET,)) for name in plan.infusions]


def trainings(plan: Plan, cell: Cell) -> list[str]:
    """The run folders of a cell, relative to it."""
    return [
        f"{method}/{held_out}/seed{seed}"
        for method in cell.methods
        for held_out in plan.held_out
        for seed in plan.seeds
    ]


def settings(plan: Plan, cell: Cell, root: Path) -> dict:
    """The configuration of a cell. It names every block, so that no other configuration reaches it."""
    return {
        "databases": {},
        "methods": {name: dict(INFUSIONS.get(cell.infusion, {})) for name in cell.methods},
        "every_method": {"weights": "none", "size": 64, "epochs": plan.epochs, "batch": 8},
        "recipe": "source",
        "common": {key: 1 for key in TRAINING},
        "seeds": list(plan.seeds),
        "faces": {},
        "flow": {},
        "latents": {
            "weights": str(cell.weights) if cell.weights else None,
            "photometric": cell.photometric,
            "size": 64,
        },
        "variants": {},
        "failed_clips": "stop",
        "compute": {"device": "cpu", "gpu": False, "processes": 1, "threads": 1, "workers": 0},
        "cache": str(root / cell.store / "cache"),
        "results": str(root / cell.folder),
        "standins": {"root": str(root / cell.level / "standins"), "settings": {}},
    }


def bench(output: Path, weights: Sequence[Path] = (), cores: int = 2, plan: Plan | None = None) -> None:
    """Train what is missing below ``output``; write nuisance.md, nuisance.csv and nuisance.png there.

    Parameters
    ----------
    output : Path
    weights : magnifier files to compare with the project's own
    cores : int
        Trainings that run side by side.
    plan : Plan, optional

    Raises
    ------
    InputError
        Weights that cannot be used, or a Snakemake run that failed.
    """
    plan, root = plan or Plan(), Path(output).resolve()
    todo = cells(plan, list(map(Path, weights)))
    count = sum(len(trainings(plan, cell)) for cell in todo)
    print(f"nuisance bench: {len(todo)} cells, {count} trainings", file=sys.stderr)
    sources: dict[str, Path] = {}
    for number, cell in enumerate(todo, 1):
        print(f"cell {number} of {len(todo)}: {cell.folder}", file=sys.stderr)
        if not (root / cell.level / "standins").exists():
            standins.write(root / cell.level / "standins", processes=cores, nuisance=cell.level)
        cache = root / cell.store / "cache"
        share(sources.setdefault(cell.level, cache), cache)
        run(plan, cell, root, cores)
    write(measure(plan, todo, root, cores), root)


def share(source: Path, cache: Path) -> None:
    """Link finished faces and flow into another cache: they do not depend on the latents' settings."""
    for file in source.glob("*/*.*"):
        link = cache / file.relative_to(source)
        if file.name.split(".")[0] in ("faces", "flow") and not (link.exists() and link.samefile(file)):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            os.link(file, link)


def run(plan: Plan, cell: Cell, root: Path, cores: int) -> None:
    """Have Snakemake train and predict what the cell lacks."""
    path = root / cell.folder / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(settings(plan, cell, root)))
    config.load(path)
    wanted = [f"{root / cell.folder}/{run}/predictions.csv" for run in trainings(plan, cell)]
    # One bench writes here, so a lock that a killed one left stands for nobody.
    options = ["--nolock", "--rerun-incomplete", "--quiet", "rules", "host"]
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", root / cell.level,
            "--configfile", path, "--cores", str(cores), *options, "--", *wanted,
        ],
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise InputError(
            f"{cell.folder}: Snakemake failed, its reason stands above; run the same command to go on from there"
        )


def measure(plan: Plan, todo: Sequence[Cell], root: Path, cores: int) -> list[Row]:
    """F1 over the held-out databases together, and Grad-CAM's share, of every cell, method and seed."""
    from infusenet.evaluate import read_runs

    keys, groups = [], []
    for cell in todo:
        runs = [root / cell.folder / run for run in trainings(plan, cell)]
        by_key: dict[tuple[str, int], list] = {}
        for fold in read_runs(runs):
            by_key.setdefault((fold.method, fold.seed), []).append(fold)
        keys += [(cell, *key) for key in by_key]
        groups += by_key.values()
    paths = [(cell, fold.path) for (cell, *_), folds in zip(keys, groups, strict=True) for fold in folds]
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        seen = pool.map(_shares, [root] * len(paths), *zip(*paths, strict=True))
        found = dict(zip((path for _, path in paths), tqdm(seen, "Grad-CAM", len(paths), disable=None), strict=True))  # fmt: skip
    rows = []
    for (cell, method, seed), folds in zip(keys, groups, strict=True):
        f1 = metrics.pooled([f.labels for f in folds], [metrics.positive(f.score) for f in folds]).mean()
        inside, covered = (np.concatenate(part).mean() for part in zip(*(found[f.path] for f in folds), strict=True))  # fmt: skip
        photometric = "-" if method == FLOW else cell.photometric
        magnifier = "-" if method == FLOW else cell.magnifier
        rows.append(
            Row(cell.level, magnifier, photometric, cell.infusion, method, seed, float(f1), float(inside), float(covered))
        )  # fmt: skip
    return rows


def _shares(root: Path, cell: Cell, run: Path) -> tuple[np.ndarray, np.ndarray]:
    from infusenet.report.motion_share import shares

    level = root / cell.level
    return shares(run, root / cell.store / "cache", level / "data_manifests", level / "standins" / "truth")
