"""The claims of the paper's section 4.3, each as one contrast: the paper's figure, ours and its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infusenet.config.methods import TRAINING
from infusenet.evaluation import markdown_latex
from infusenet.evaluation.f1_tables import method_cells, recipe_lines
from infusenet.evaluation.markdown_latex import Grid
from infusenet.files import write_if_changed
from infusenet.report import published_numbers
from infusenet.report.paper_runs import Results, load
from infusenet.report.paper_tables import (
    AVERAGES,
    EVERY_AU,
    INTERVAL_NOTE,
    SHORT,
    columns,
    csv_row,
    interval,
    write_csv,
)
from infusenet.report.tables_and_figures import ABLATED, INFUSENET, TARGETS

# The settings besides the model that the compared methods may differ in.
RECIPE = {name: name.replace("_", " ") for name in (*TRAINING, "size")} | {"weights": "initial weights"}


@dataclass(frozen=True)
class Claim:
    """``terms`` weights methods, ``aus`` float (12,) weights AUs; ``quoted`` is the paper's wording."""

    topic: str
    comparison: str
    terms: Mapping[str, float]
    aus: np.ndarray
    quoted: str = ""

    @property
    def printed(self) -> float:
        """The paper's figure, computed from the cells of Table 1 (the decoded row: of Table 3)."""
        averages = {
            method: row[-1] for method, row in published_numbers.TABLE1.items()
        } | published_numbers.TABLE3
        if self.aus is EVERY_AU:
            value = sum(weight * averages[method] for method, weight in self.terms.items())
        else:
            value = sum(
                weight * published_numbers.TABLE1[method][:-1] @ self.aus
                for method, weight in self.terms.items()
            )
        return round(float(value), 6)

    @property
    def metric(self) -> str:
        """The average that the paper's rows likely are: pooled, mean or mixed."""
        return published_numbers.common_metric(self.terms)


def _share(group: np.ndarray) -> np.ndarray:
    return group / group.sum()


def _minus(method: str, other: str) -> dict[str, float]:
    return {method: 1.0, other: -1.0}


UPPER, LOWER, RARE, FREQUENT = map(
    _share,
    (published_numbers.UPPER, published_numbers.LOWER, published_numbers.RARE, published_numbers.FREQUENT),
)
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

    It holds where our 95 % interval lies wholly on the paper's side of 0, does not hold where it lies
    wholly on the other side, and is undecided where it includes 0. The interval is of the average that
    the paper's rows likely are; where these rows mix both averages, both intervals must agree.
    """
    results = load(runs, "claims")
    cells = {method: row[:-1] for method, row in published_numbers.TABLE1.items()}
    lines, rows = [], []
    for claim in CLAIMS:
        contrasts = {average: results.contrast(claim.terms, claim.aus, average) for average in AVERAGES}
        verdict = _verdict(claim, contrasts)
        paper_wins = _wins(claim, cells)
        line = [claim.topic, claim.comparison, f"{claim.printed:+.4f}", claim.quoted or "–"]
        line += [SHORT.get(claim.metric, claim.metric), paper_wins]
        row = {"topic": claim.topic, "comparison": claim.comparison} | _methods(results, claim)
        row |= {"paper": claim.printed, "quoted": claim.quoted}
        row |= {"paper_metric": claim.metric, "paper_wins": paper_wins}
        for average, contrast in contrasts.items():
            our_wins = _wins(claim, {m: results.f1(m, average)[:, :-1].mean(0) for m in claim.terms})
            line += [*interval(contrast), our_wins]
            row |= columns(average, difference=contrast[0], low=contrast[1], high=contrast[2], wins=our_wins)
        lines.append([*line, verdict])
        rows.append(row | {"verdict": verdict})
    head = ["AUs or topic", "comparison", "paper", "in its words", "its metric", "its AUs better"]
    for words in SHORT.values():
        head += [f"ours, {words}", "95 % interval", "AUs better"]
    table = Grid("Differences in F1" + results.label, [*head, "verdict"], lines, _notes(results))
    recipes = recipe_lines({method: results.facts[method] for method in TARGETS["claims"].methods})
    text = markdown_latex.page("Claims of the paper's section 4.3" + results.label, [table], results.notes)
    write_if_changed(output / "claims.md", f"{text}\n## Recipes\n\n{recipes}\n")
    write_csv(output / "claims.csv", rows, results)


def _verdict(claim: Claim, contrasts: Mapping[str, tuple[float, float, float]]) -> str:
    judged = contrasts if claim.metric == "mixed" else {claim.metric: contrasts[claim.metric]}
    verdicts = set()
    for _, low, high in judged.values():
        low, high = (low, high) if claim.printed > 0 else (-high, -low)
        verdicts.add("holds" if low > 0 else "does not hold" if high < 0 else "undecided")
    return verdicts.pop() if len(verdicts) == 1 else "undecided"


def _wins(claim: Claim, f1: Mapping[str, np.ndarray]) -> str:
    """The number of AUs in which the first method exceeds the second; ``f1`` float (12,) by method."""
    if len(claim.terms) != 2 or (claim.aus < 0).any():
        return ""
    if not claim.terms.keys() <= f1.keys():
        return "–"
    group = claim.aus > 0
    difference = sum(weight * f1[method] for method, weight in claim.terms.items())
    return f"{(difference[group] > 0).sum()}/{group.sum()}"


def _methods(results: Results, claim: Claim) -> dict[str, str]:
    """CSV columns of the compared methods, those of each in the order of the comparison."""
    rows = [csv_row(results, method) for method in claim.terms]
    return {name: " / ".join(filter(None, (row[name] for row in rows))) for name in rows[0]}


def _notes(results: Results) -> list[str]:
    positives = np.vstack(results.labels).sum(0)
    shares = positives / max(1, positives.sum())
    means = {method: row[-1] for method, row in published_numbers.TABLE1.items()} | published_numbers.MEB
    alike = [
        f"{claim.comparison} {sum(weight * means[m] for m, weight in claim.terms.items()):+.3f}"
        for claim in CLAIMS
        if claim.metric == "mixed" and claim.aus is EVERY_AU
    ]
    notes = [
        "The paper's figures are differences of its printed cells. Its metric is what those cells were likely "
        "computed with; mixed: its rows of SSSNet, ResNet10, ResNet34 and LED are pooled, the others probably "
        "means over folds. With MEB's own fold means of these rows the paper's averages read "
        f"{', '.join(alike)}.",
        INTERVAL_NOTE + f" With {len(CLAIMS)} comparisons, about one in twenty intervals misses by chance.",
        "holds: the interval lies wholly on the paper's side of 0; does not hold: wholly on the other side; "
        "undecided: it includes 0. It is the interval of the paper's metric; where that is mixed both must say "
        "the same, else undecided.",
        "Rare and frequent AUs are those of CD6ME (frequent: AU1, AU2, AU4, AU7, AU14).",
        *_starts(results),
        *_unlike(results),
    ]
    if any(len(results.decisions[method]) == 1 for method in TARGETS["claims"].methods):
        notes.append("One seed: a verdict speaks of these trained models, not of their methods.")
    if ((shares.round(2) >= 0.1) != published_numbers.FREQUENT).any():
        notes.append("In the labels of these folds other AUs have 10 % or more of the positive labels.")
    return notes


def _starts(results: Results) -> list[str]:
    """The initial weights, each with the methods that start from them and the variants of the ViTs."""
    groups: dict[str, list[str]] = {}
    for method in TARGETS["claims"].methods:
        name, weights = method_cells(results.facts, method, f"`{method}`")
        groups.setdefault(weights, []).append(name)
    return [f"Initial weights, {weights}: {', '.join(names)}." for weights, names in groups.items()]


def _unlike(results: Results) -> list[str]:
    """A sentence on the comparisons whose methods differ in recipe; none where all have the same."""
    comparisons = {}
    for claim in CLAIMS:
        recipes = [results.facts[method]["recipe"] for method in claim.terms]
        settings = [
            words for name, words in RECIPE.items() if len({recipe.get(name) for recipe in recipes}) > 1
        ]
        if settings:
            comparisons[claim.comparison] = f"{claim.comparison} ({', '.join(settings)})"
    words = "; ".join(comparisons.values())
    return [f"Not of architecture alone, for the recipes differ too: {words}."] if comparisons else []
