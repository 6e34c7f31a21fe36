"""What the paper's section 4.3 claims, each as one contrast: their figure, ours with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infusenet.manifest import write_if_changed
from infusenet.report import grid, paper
from infusenet.report.grid import Grid
from infusenet.report.needs import ABLATED, INFUSENET, NEEDS
from infusenet.report.results import Results, load
from infusenet.report.tables import settings
from infusenet.report.tables_of_paper import EVERY_AU, INTERVAL_NOTE, interval, write_csv


@dataclass(frozen=True)
class Claim:
    """``terms`` weights methods, ``aus`` float (12,) weights AUs; ``quoted`` is how the text puts it."""

    topic: str
    comparison: str
    terms: Mapping[str, float]
    aus: np.ndarray
    quoted: str = ""

    @property
    def printed(self) -> float:
        """The paper's own figure, from the cells of Table 1 (the decoded row: from Table 3)."""
        averages = {method: row[-1] for method, row in paper.TABLE1.items()} | paper.TABLE3
        if self.aus is EVERY_AU:
            value = sum(weight * averages[method] for method, weight in self.terms.items())
        else:
            value = sum(
                weight * paper.TABLE1[method][:-1] @ self.aus for method, weight in self.terms.items()
            )
        return round(float(value), 6)


def _share(group: np.ndarray) -> np.ndarray:
    return group / group.sum()


def _minus(method: str, other: str) -> dict[str, float]:
    return {method: 1.0, other: -1.0}


UPPER, LOWER, RARE, FREQUENT = map(_share, (paper.UPPER, paper.LOWER, paper.RARE, paper.FREQUENT))
REFERENCES = {
    "resnet18_flow": ("ResNet18 (flow)", "4 %", "5/7 better", "4/5 better (its cells: 5/5)"),
    "sssnet": ("SSSNet", "1.8 %", "", ""),
}
GAINS = _minus(INFUSENET, "resnet18_flow"), _minus("infusenet_vit", "vit_tiny_flow")
CLAIMS = [
    claim
    for method, (name, average, rare, frequent) in REFERENCES.items()
    for claim in (
        Claim("overall", f"InfuseNet − {name}", _minus(INFUSENET, method), EVERY_AU, average),
        Claim("upper AUs (1–9)", f"InfuseNet − {name}", _minus(INFUSENET, method), UPPER),
        Claim("lower AUs (10–17)", f"InfuseNet − {name}", _minus(INFUSENET, method), LOWER),
        Claim("upper − lower AUs", f"InfuseNet − {name}", _minus(INFUSENET, method), UPPER - LOWER),
        Claim("rare AUs (< 10 %)", f"InfuseNet − {name}", _minus(INFUSENET, method), RARE, rare),
        Claim("frequent AUs (≥ 10 %)", f"InfuseNet − {name}", _minus(INFUSENET, method), FREQUENT, frequent),
        Claim("rare − frequent AUs", f"InfuseNet − {name}", _minus(INFUSENET, method), RARE - FREQUENT),
    )
] + [
    Claim("depth", "ResNet18 − ResNet10", _minus("resnet18_flow", "resnet10"), EVERY_AU, "10 underfits"),
    Claim("depth", "ResNet18 − ResNet34", _minus("resnet18_flow", "resnet34"), EVERY_AU, "34 overfits"),
    Claim("depth", "ResNet18 − ResNet50", _minus("resnet18_flow", "resnet50"), EVERY_AU, "50 overfits"),
    Claim("infusion", "InfuseNet (ViT-Tiny) − ViT-Tiny (flow)", GAINS[1], EVERY_AU),
    Claim(
        "infusion", "gain on ResNet18 − gain on ViT-Tiny",
        GAINS[0] | {method: -weight for method, weight in GAINS[1].items()}, EVERY_AU,
    ),
    Claim("magnification", "InfuseNet − LED", _minus(INFUSENET, "led"), EVERY_AU, "over 14 %"),
    Claim("latents", "latent − decoded", _minus(INFUSENET, f"{ABLATED}decoded"), EVERY_AU, "5 %"),
]  # fmt: skip


def claims(runs: Sequence[Path], output: Path) -> None:
    """Write ``claims.md`` and ``claims.csv``: does each comparison hold in these predictions?

    It holds where our 95 % interval lies wholly on the paper's side of 0, does not where it lies
    wholly on the other side, and is undecided where it includes 0.
    """
    results = load(runs, "claims")
    lines, rows = [], []
    for claim in CLAIMS:
        contrast = results.contrast(claim.terms, claim.aus)
        verdict = _verdict(claim.printed, contrast)
        won = _wins(results, claim)
        lines.append([claim.topic, claim.comparison, f"{claim.printed:+.4f}", claim.quoted or "–",
                      won[0], *interval(contrast), won[1], verdict])  # fmt: skip
        rows.append(
            {
                "topic": claim.topic,
                "comparison": claim.comparison,
                "paper": claim.printed,
                "quoted": claim.quoted,
            }
            | {"paper_wins": won[0], "difference": contrast[0], "low": contrast[1], "high": contrast[2]}
            | {"wins": won[1], "verdict": verdict}
        )
    head = [
        "AUs or topic",
        "comparison",
        "paper",
        "in its words",
        "paper's AUs better",
        "ours",
        "95 % interval",
    ]
    head += ["our AUs better", "verdict"]
    table = Grid("Differences in F1" + results.label, head, lines, _notes(results))
    recipes = settings({method: results.facts[method] for method in NEEDS["claims"]})
    text = grid.page("Claims of the paper's section 4.3" + results.label, [table], results.notes)
    write_if_changed(output / "claims.md", f"{text}\n## Recipes\n\n{recipes}\n")
    write_csv(output / "claims.csv", rows, results)


def _verdict(printed: float, contrast: tuple[float, float, float]) -> str:
    _, low, high = contrast if printed > 0 else (-contrast[0], -contrast[2], -contrast[1])
    return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"


def _wins(results: Results, claim: Claim) -> tuple[str, str]:
    """How many of the AUs the first method has above the second: the paper's cells, then ours."""
    if len(claim.terms) != 2 or (claim.aus < 0).any():
        return "", ""
    group = claim.aus > 0
    ours = sum(weight * results.f1(m, "pooled")[:, :-1].mean(0) for m, weight in claim.terms.items())
    counts = ["–", f"{(ours[group] > 0).sum()}/{group.sum()}"]
    if all(method in paper.TABLE1 for method in claim.terms):
        theirs = sum(weight * paper.TABLE1[m][:-1] for m, weight in claim.terms.items())
        counts[0] = f"{(theirs[group] > 0).sum()}/{group.sum()}"
    return counts[0], counts[1]


def _notes(results: Results) -> list[str]:
    positives = np.vstack(results.labels).sum(0)
    shares = positives / max(1, positives.sum())
    notes = [
        "Ours is pooled F1. The paper's figures are differences of its printed cells, which mix metrics: its rows "
        "of SSSNet, ResNet10, ResNet34 and LED are pooled, the others probably means over folds.",
        INTERVAL_NOTE + f" With {len(CLAIMS)} comparisons, about one in twenty intervals misses by chance.",
        "holds: the interval lies wholly on the paper's side of 0; does not hold: wholly on the other side; "
        "undecided: it includes 0.",
        "Rare and frequent AUs are those of CD6ME (frequent: AU1, AU2, AU4, AU7, AU14).",
    ]
    if any(len(results.decisions[method]) == 1 for method in NEEDS["claims"]):
        notes.append("One seed: a verdict speaks of these trained models, not of their methods.")
    if ((shares.round(2) >= 0.1) != paper.FREQUENT).any():
        notes.append("In the labels of these folds other AUs have 10 % or more of the positive labels.")
    return notes
