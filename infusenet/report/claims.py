"""The table of the paper's claims: its figure, ours and its interval, and whether the claim holds here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from infusenet.config.methods import TRAINING
from infusenet.evaluation import markdown_latex
from infusenet.evaluation.markdown_latex import Grid, spread
from infusenet.evaluation.metric_tables import method_cells, recipe_lines
from infusenet.evaluation.metrics import AU_NAMES
from infusenet.evaluation.resampling import holm
from infusenet.evaluation.scoring_notes import scoring_notes
from infusenet.files import write_if_changed
from infusenet.report import activation_table, published_numbers
from infusenet.report.claim_list import CLAIMS, Claim, figure4_claims, figure5_claims
from infusenet.report.comparisons import (
    AVERAGES,
    EVERY_AU,
    INTERVAL_NOTE,
    SHORT,
    SIGNIFICANT,
    SPREADS_NOTE,
    columns,
    interval,
    one_seed,
    p_words,
    spreads,
    uncertainty,
)
from infusenet.report.paper_runs import Contrast, Results, load
from infusenet.report.result_csv import csv_row, write_csv
from infusenet.report.tables_and_figures import TARGETS

VERDICTS = {1: "holds", -1: "does not hold", 0: "cannot be told from these data"}
# The settings besides the model that the compared methods may differ in.
RECIPE = {name: name.replace("_", " ") for name in (*TRAINING, "size")} | {"weights": "initial weights"}


def claims(runs: Sequence[Path], output: Path) -> None:
    """Write ``claims.md`` and ``claims.csv``: does each comparison hold in these predictions?

    Each is judged (`verdicts`) by the average that the paper's rows likely are; where these rows mix both
    averages, both must agree. Figure 5's areas are read from ``activation.csv`` in ``output``.
    """
    results = load(runs, "claims")
    areas = activation_table.areas(output / TARGETS["claims"].reads[0], results.clips)
    all_claims = [*CLAIMS, *figure4_claims(results), *figure5_claims(areas)]
    contrasts = all_contrasts(results, all_claims)
    judged = verdicts(all_claims, contrasts)
    turned = turned_by_heads(results, all_claims, judged)
    cells = {method: row[:-1] for method, row in published_numbers.TABLE1.items()}
    lines, rows = [], []
    for claim, by_average, (p, verdict), others in zip(all_claims, contrasts, judged, turned, strict=True):
        paper_wins = _wins(claim, cells)
        printed = "–" if claim.printed is None else f"{claim.printed:+.4f}"
        line = [claim.topic, claim.comparison, printed, claim.quoted or "–"]
        line += [SHORT.get(claim.metric, claim.metric), paper_wins]
        row = {"topic": claim.topic, "comparison": claim.comparison} | _methods(results, claim)
        row |= {"paper": claim.printed, "quoted": claim.quoted}
        row |= {"paper_metric": claim.metric, "paper_wins": paper_wins}
        for average, contrast in by_average.items():
            our_wins = _wins(claim, {m: results.f1(m, average)[:, :-1].mean(0) for m in claim.terms})
            line += [*interval(contrast), our_wins]
            row |= columns(average, difference=contrast.value, **uncertainty(contrast), p=contrast.p)
            row |= columns(average, wins=our_wins)
        parts = _judged(claim, by_average)
        stated = [f"{SHORT[average]}: " * (len(parts) > 1) + spreads(parts[average]) for average in parts]
        lines.append([*line, "; ".join(stated), "; ".join([f"{verdict} (p {p_words(p)})", *others])])
        rows.append(row | {"p_holm": p, "verdict": verdict, "other_heads": "; ".join(others)})
    head = ["AUs or topic", "comparison", "paper", "in its words", "its metric", "its AUs better"]
    for words in SHORT.values():
        head += [f"ours, {words}", "95 % interval", "AUs better"]
    notes = [*_notes(results, all_claims), _areas_measured(results, areas)]
    title = "Differences in F1 (figure 5: in area)" + results.label
    table = Grid(title, [*head, "spread", "verdict"], lines, notes)
    facts = {method: results.facts[method] for method in TARGETS["claims"].methods}
    text = markdown_latex.page(
        "Claims of the paper's section 4.3" + results.label,
        [table, _systems(results)],
        [*results.notes, *scoring_notes(facts)],
    )
    write_if_changed(output / "claims.md", f"{text}\n## Recipes\n\n{recipe_lines(facts)}\n")
    write_csv(output / "claims.csv", rows, results)


def all_contrasts(results: Results, all_claims: Sequence[Claim]) -> list[dict[str, Contrast]]:
    """Each claim's contrast by both averages."""
    return [{average: claim.contrast(results, average) for average in AVERAGES} for claim in all_claims]


def verdicts(
    all_claims: Sequence[Claim], contrasts: Sequence[Mapping[str, Contrast]]
) -> list[tuple[float, str]]:
    """The p after Holm's correction over all claims, and the verdict, of each.

    A claim whose rows mix both averages has the larger p of both, and 1 where they point in two directions.
    """
    p_values, directions = [], []
    for claim, by_average in zip(all_claims, contrasts, strict=True):
        parts = _judged(claim, by_average).values()
        signs = {claim.direction if part.value > 0 else -claim.direction for part in parts}
        p_values.append(max(part.p for part in parts) if len(signs) == 1 else 1.0)
        directions.append(signs.pop())
    corrected = holm(p_values).tolist()
    return [
        (p, VERDICTS[direction if p < SIGNIFICANT else 0])
        for p, direction in zip(corrected, directions, strict=True)
    ]


def turned_by_heads(
    results: Results, all_claims: Sequence[Claim], judged: Sequence[tuple[float, str]]
) -> list[list[str]]:
    """For each claim, the other verdicts that it has by heads that are not scored."""
    systems = results.systems(TARGETS["claims"].methods)
    turned: list[list[str]] = [[] for _ in all_claims]
    for head in dict.fromkeys(system.partition("/")[2] for system in systems if "/" in system):
        others = all_contrasts(results, [claim.scored_by(head, systems) for claim in all_claims])
        rows = zip(turned, judged, verdicts(all_claims, others), strict=True)
        for words, (_, before), (p, verdict) in rows:
            if verdict != before:
                words.append(f"by `{head}`: {verdict} (p {p_words(p)})")
    return turned


def _judged(claim: Claim, contrasts: Mapping[str, Contrast]) -> Mapping[str, Contrast]:
    """The contrasts of the averages that the paper's rows likely are."""
    return contrasts if claim.metric == "mixed" else {claim.metric: contrasts[claim.metric]}


def _wins(claim: Claim, f1: Mapping[str, np.ndarray]) -> str:
    """The number of AUs in which the first method exceeds the second; ``f1`` float (12,) by method."""
    if not claim.compares_aus:
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


def _systems(results: Results) -> Grid:
    """F1 of the compared methods, by all their heads."""
    lines = []
    for system in results.systems(TARGETS["claims"].methods):
        line = method_cells(results.facts, system, f"`{system}`")
        for average in AVERAGES:
            own = results.contrast({system: 1}, EVERY_AU, average)
            line += [spread(results.f1(system, average)[:, -1]), f"±{own.people:.3f}"]
        lines.append(line)
    head = ["method", "initial weights"]
    for words in SHORT.values():
        head += [f"F1, {words} ± seeds", "people"]
    note = "No row is judged here: the claims above are, and by the heads that the paper scores."
    return Grid(f"The compared methods and all their heads{results.label}", head, lines, [note, SPREADS_NOTE])


def _notes(results: Results, all_claims: Sequence[Claim]) -> list[str]:
    positives = np.vstack(results.labels).sum(0)
    shares = positives / max(1, positives.sum())
    means = {method: row[-1] for method, row in published_numbers.TABLE1.items()} | published_numbers.MEB
    alike = [
        f"{claim.comparison} {sum(weight * means[m] for m, weight in claim.terms.items()):+.3f}"
        for claim in CLAIMS
        if claim.metric == "mixed" and claim.aus is EVERY_AU
    ]
    notes = [
        "A verdict rests on the people's spread and not on the seeds': a claim holds or does not hold where p, over "
        f"draws of subjects and corrected by Holm over the {len(all_claims)} rows, is below {SIGNIFICANT}, and else "
        "cannot be told from these data. It is on the sign of the difference, not on its size or cause: a claim that "
        "does not hold has not the paper's sign, whichever method that favours. Where another head of the methods, "
        "scored in their place, gives another verdict, that one stands after it.",
        SPREADS_NOTE,
        "The paper's figures are differences of its printed cells. Its metric is what those cells were likely "
        "computed with; mixed: its rows of SSSNet, ResNet10, ResNet34 and LED are pooled, the others probably "
        "means over folds. With MEB's own fold means of these rows the paper's averages read "
        f"{', '.join(alike)}.",
        "The verdict is that of the paper's metric; where that is mixed both averages must say the same.",
        INTERVAL_NOTE,
        "Figure 4's rivals are the best and the worst of three in these data; their interval and p allow for the "
        "choice (Bonferroni). Figure 5's areas are shares of the image above half of the map's maximum, over all "
        "labels of all clips, of the lowest seed; they are no F1.",
        "Rare and frequent AUs are those of CD6ME (frequent: AU1, AU2, AU4, AU7, AU14).",
        *_starts(results),
        *_unlike(results),
    ]
    frequent = shares.round(2) >= 0.1
    if (frequent != published_numbers.FREQUENT).any():
        names = ", ".join(name for name, often in zip(AU_NAMES, frequent, strict=True) if often)
        notes.append(f"AUs with 10 % or more of the positive labels of these folds: {names or 'none'}.")
    return [*notes, *one_seed(results, TARGETS["claims"].methods, "verdict")]


def _areas_measured(results: Results, areas: Mapping[str, Sequence[np.ndarray]]) -> str:
    """A sentence on the labels that an area is measured of: of those that no place of the face supports, none is."""
    measured = {
        method: sum(int((~np.isnan(part)).sum()) for part in parts) for method, parts in areas.items()
    }
    words = ", ".join(f"`{method}` {count}" for method, count in measured.items())
    labelled = sum(int(labels.sum()) for labels in results.labels)
    if min(measured.values()) < labelled:
        words += f"; the other labels of {labelled} have an empty map and count in no row"
    return f"Labels with an area: {words}."


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
