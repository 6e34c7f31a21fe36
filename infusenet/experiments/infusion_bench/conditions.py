"""Conditions of the bench: levels x latents x ways to infuse, and the configuration of each cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet import standins
from infusenet.config.methods import TRAINING
from infusenet.errors import InputError
from infusenet.models.infusion import PLACES

OURS = "ours"
FLOW, INFUSENET = "resnet18_flow", "infusenet_resnet18"
ON_LATENTS = ("resnet18_mag", "late_fusion", INFUSENET)
# Each replaces one setting of the preset `paper`.
INFUSIONS = {
    "channel": {"scope": "channel"},
    "batch": {"scope": "batch"},
    "pooled": {"places": list(PLACES)},
    "latent_norm": {"latent_norm": True},
    "detach": {"detach": True},
}


@dataclass(frozen=True)
class Plan:
    """The extent of a bench; the default is the full bench."""

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
    paper_cells = []
    for level in plan.levels:
        for magnifier in (None, *(path.resolve() for path in weights)):
            for photometric in plan.photometrics:
                first = not paper_cells or paper_cells[-1].level != level
                methods = (FLOW, *ON_LATENTS) if first else ON_LATENTS
                paper_cells.append(Cell(level, photometric, magnifier, "paper", methods))
    return paper_cells + [Cell(plan.levels[-1], "none", None, name, (INFUSENET,)) for name in plan.infusions]


def trainings(plan: Plan, cell: Cell) -> list[str]:
    """The run folders of a cell, relative to it."""
    return [
        f"{method}/{held_out}/seed{seed}"
        for method in cell.methods
        for held_out in plan.held_out
        for seed in plan.seeds
    ]


def settings(plan: Plan, cell: Cell, root: Path) -> dict:
    """The configuration of a cell. It has every block, so that no other configuration has an influence."""
    return {
        "databases": {},
        "methods": {name: dict(INFUSIONS.get(cell.infusion, {})) for name in cell.methods},
        "every_method": {"weights": "none", "size": 64, "epochs": plan.epochs, "batch": 16},
        "recipe": "source",
        "common": dict.fromkeys(TRAINING, 1),  # required; `source` does not read it
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
        "figures": {"figure1_clip": None, "figure5_clips": []},
        "compute": {"device": "cpu", "gpu": False, "processes": 1, "threads": 1},
        "cache": str(root / cell.store / "cache"),
        "results": str(root / cell.folder),
        "standins": {"root": str(root / cell.level / "standins"), "settings": {}},
    }
