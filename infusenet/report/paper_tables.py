"""Tables 1 to 3 of the paper from saved predictions, with the paper's numbers beside ours.

Each is written as Markdown for reading, CSV for computing (unrounded) and LaTeX for quoting.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from infusenet.evaluation import markdown_latex
from infusenet.evaluation.markdown_latex import Grid, spread
from infusenet.evaluation.metric_tables import method_cells, recipe_lines
from infusenet.evaluation.metrics import COLUMNS
from infusenet.evaluation.scoring_notes import head_words, scoring_notes
from infusenet.files import write_if_changed
from infusenet.report import published_numbers
from infusenet.report.comparisons import (
    AVERAGES,
    EVERY_AU,
    SHORT,
    columns,
    corrected,
    interval,
    of_a_score,
    reading,
    reading_notes,
    spreads,
    uncertainty,
)
from infusenet.report.magnifier_words import magnifier_words
from infusenet.report.paper_runs import Contrast, Results, load
from infusenet.report.result_csv import csv_row, write_csv
from infusenet.report.tables_and_figures import ABLATED, INFUSENET, PAPER_METHODS

CACHED = "Cached latents freeze the magnifier's encoder and manipulator, which the paper fine-tunes"


def table1(runs: Sequence[Path], output: Path) -> None:
    """Table 1: methods x AUs by both averages, by database, and InfuseNet against each method.

    Rows are in the paper's order, further methods after them. Below each row of ours is the paper's row,
    in brackets where it is likely the other average.
    """
    results = load(runs, "table1")
    others = dict.fromkeys(name.partition("/")[0] for name in results.decisions)
    methods = list(dict.fromkeys([*PAPER_METHODS, *others]))
    systems = results.systems(methods)
    grids = [_by_au(results, systems, average) for average in AVERAGES]
    grids += [_by_database(results, systems), _against(results, systems)]
    _write(output, "table1", "Table 1: F1 per Action Unit", results, methods, grids)

    rows = []
    for average in (*AVERAGES, *results.databases):
        differences = _differences(results, systems, average) if average in AVERAGES else {}
        for system in systems:
            values = results.f1(system, average)
            printed = (
                published_numbers.TABLE1.get(system, [None] * 13) if average in AVERAGES else [None] * 13
            )
            for au, f1, paper_f1 in zip(COLUMNS, values.T, printed, strict=True):
                row = csv_row(results, system) | {"scope": average, "au": au}
                row |= {"seeds": len(f1), "f1": f1.mean(), "std": _std(f1), "paper": paper_f1}
                row["paper_metric"] = "" if paper_f1 is None else published_numbers.metric(system)
                if average in AVERAGES and au == "average":
                    own = uncertainty(of_a_score(results.contrast({system: 1}, EVERY_AU, average)))
                    row |= {f"f1_{name}": value for name, value in own.items()}
                    if system in differences:
                        difference, p = differences[system]
                        row |= {"infusenet_minus": difference.value} | uncertainty(difference, p)
                rows.append(row)
    write_csv(output / "table1.csv", rows, results)


def _differences(results: Results, systems: Sequence[str], average: str) -> dict[str, tuple[Contrast, float]]:
    """InfuseNet minus each other system, with the p that is corrected over these rows."""
    others = [system for system in systems if system != INFUSENET]
    contrasts = [results.contrast({INFUSENET: 1, system: -1}, EVERY_AU, average) for system in others]
    return dict(zip(others, zip(contrasts, corrected(contrasts), strict=True), strict=True))


def table2(runs: Sequence[Path], output: Path) -> None:
    """Table 2: each branch alone, late fusion, infusion."""
    rows = {
        "resnet18_flow": "FrameFlow",
        "resnet18_mag": "FrameMag",
        "late_fusion": "FrameFlow and FrameMag, late fusion",
        INFUSENET: "InfuseNet",
    }
    note = "The paper's FrameMag: .2877 here, .3243 in its Table 1, for the same system."
    _ablation(runs, output, "table2", "Table 2: infusion", rows, published_numbers.TABLE2, note)


def table3(runs: Sequence[Path], output: Path) -> None:
    """Table 3: decoded magnified images or magnified latents; and what caching the latents costs."""
    rows = {
        f"{ABLATED}decoded": "decoded magnified images",
        INFUSENET: "magnified latents, computed once (magnifier frozen)",
        f"{ABLATED}finetuned": "magnified latents, magnifier fine-tuned",
    }
    note = f"{CACHED}; the last row says what that costs. The paper's latents stand beside the cached ones."
    _ablation(runs, output, "table3", "Table 3: input of FrameMag", rows, published_numbers.TABLE3, note)


def _ablation(
    runs: Sequence[Path], output: Path, target: str, title: str, names: Mapping[str, str],
    printed: Mapping[str, float], note: str,
) -> None:  # fmt: skip
    """A small table of average F1; ``names`` maps methods to the paper's names of the rows."""
    results = load(runs, target)
    systems = results.systems(list(names))
    differences = {average: _differences(results, systems, average) for average in AVERAGES}
    lines, rows = [], []
    for system in systems:
        name = ", ".join(filter(None, (names[system.partition("/")[0]], head_words(system))))
        seeds = len(results.decisions[system])
        row = {"row": name} | csv_row(results, system) | {"seeds": seeds}
        f1, paper_cells, cells = [], ["–", "–"], []
        for average in AVERAGES:
            values = results.f1(system, average)[:, -1]
            f1.append(spread(values))
            row |= columns(average, f1=values.mean(), std=_std(values))
            if system != INFUSENET:
                contrast, p = differences[average][system]
                row |= columns(average, infusenet_minus=contrast.value, **uncertainty(contrast, p))
                cells += [*interval(contrast), spreads(contrast), reading(contrast, p)]
        if system in printed:
            row |= {"paper": printed[system], "paper_metric": published_numbers.metric(system)}
            paper_cells = [_printed(printed[system]), published_numbers.metric_words(system)]
        start = method_cells(results.facts, system, f"`{system}`")
        lines.append([name, *start, seeds, *f1, *paper_cells, *(cells or [""] * 8)])
        rows.append(row)
    head = ["row", "method", "initial weights", "seeds", *(f"F1 {words}" for words in SHORT.values())]
    head += ["paper", "paper's metric"]
    for words in SHORT.values():
        head += [f"InfuseNet minus it, {words}", "95 % interval", "spread", "reading"]
    topic = title.partition(": ")[2]
    notes = [*reading_notes(results, names), note]
    grids = [Grid(f"Average F1 by {topic}{results.label}", head, lines, notes)]
    _write(output, target, title, results, list(names), grids)
    write_csv(output / f"{target}.csv", rows, results)


def _by_au(results: Results, systems: Sequence[str], average: str) -> Grid:
    lines = []
    for method in systems:
        values = results.f1(method, average)
        own = of_a_score(results.contrast({method: 1}, EVERY_AU, average))
        cells = [*map(spread, values.T), f"{own.low:.3f} to {own.high:.3f}"]
        lines.append([*_describe(results, method), len(values), *cells])
        if method in published_numbers.TABLE1:
            other = published_numbers.metric(method) != average
            cells = [f"({_printed(v)})" if other else _printed(v) for v in published_numbers.TABLE1[method]]
            words = published_numbers.metric_words(method)
            if other and method in published_numbers.MEB:
                words += f"; MEB's fold mean {_printed(published_numbers.MEB[method])[:4]}"
            lines.append([f"*paper: {words}*", "", "", *cells, ""])
    positives = np.vstack(results.labels).sum(0)
    shares = [f"{count} ({count / max(1, positives.sum()):.0%})" for count in positives]
    lines.append(["positive labels", "", "", *shares, positives.sum(), ""])
    notes = [
        "Mean ± standard deviation over seeds, the chance in training; n/a: one seed. The interval of the average "
        "is of the chance in the subjects. This table judges nothing; the last one does.",
        "Paper's figures in brackets were likely computed with the other average, so compare them in the other "
        "table.",
    ]
    if f"{ABLATED}released" in systems:
        notes.append(
            f"{CACHED}; the row 'as released' too computes the released forward map on them, where the released "
            "code trains every weight."
        )
        notes.append(_released_note(results))
    if average == "mean":
        notes.append("An AU without a positive label in a fold counts as 0 there.")
    head = ["method", "initial weights", "seeds", *COLUMNS, "average, 95 % interval"]
    return Grid(AVERAGES[average] + results.label, head, lines, notes)


def _released_note(results: Results) -> str:
    """The magnifier behind the row 'as released', and how it can be the authors'."""
    released = f"{ABLATED}released"
    note = f"The row 'as released' reads latents of {magnifier_words(results, [released])}."
    if results.magnifier(released) == published_numbers.RELEASED_MAGNIFIER:
        return note
    return (
        f"{note} The authors' magnifier gives latents of another scale, on which a network from their recipe "
        "trains otherwise; with `variants: {latents.released: {weights: FILE}}` the row reads theirs."
    )


def _by_database(results: Results, systems: Sequence[str]) -> Grid:
    lines = [
        [*_describe(results, m), *(spread(results.f1(m, name)[:, -1]) for name in results.databases)]
        for m in systems
    ]
    clips = [f"{len(labels)} ({labels.sum()})" for labels in results.labels]
    lines.append(["clips (positive labels)", "", *clips])
    head = ["method", "initial weights", *results.databases]
    note = "Mean ± standard deviation over seeds, the chance in training. An AU without a positive label counts as 0."
    return Grid(
        "Average F1 by held-out database" + results.label, head, lines, [note, "This table judges nothing."]
    )


def _against(results: Results, systems: Sequence[str]) -> Grid:
    paper_average = published_numbers.TABLE1[INFUSENET][-1]
    differences = {average: _differences(results, systems, average) for average in AVERAGES}
    lines = []
    for system in differences["pooled"]:
        line = _describe(results, system)
        for average in AVERAGES:
            contrast, p = differences[average][system]
            line += [*interval(contrast), spreads(contrast), reading(contrast, p)]
        paper_cells = ["–", "–"]
        if system in published_numbers.TABLE1:
            kind = published_numbers.common_metric([INFUSENET, system])
            difference = paper_average - published_numbers.TABLE1[system][-1]
            paper_cells = [f"{difference:+.4f}", SHORT.get(kind, kind)]
        lines.append([*line, *paper_cells])
    head = ["method", "initial weights"]
    for words in SHORT.values():
        head += [words, "95 % interval", "spread", "reading"]
    head += ["paper's difference", "its metric"]
    title = f"{published_numbers.TITLES[INFUSENET]} minus each method: average F1{results.label}"
    return Grid(title, head, lines, reading_notes(results, systems))


def _describe(results: Results, system: str) -> list[str]:
    """Title with the head and the ViT's variant, and initial weights."""
    method = system.partition("/")[0]
    title = published_numbers.TITLES.get(method, f"`{method}`")
    return method_cells(results.facts, system, ", ".join(filter(None, (title, head_words(system)))))


def _write(output, target, title, results: Results, methods, grids: Sequence[Grid]) -> None:
    """Markdown with the rows' recipes, and LaTeX."""
    recipes = recipe_lines({method: results.facts[method] for method in methods})
    notes = [*results.notes, *scoring_notes({method: results.facts[method] for method in methods})]
    text = markdown_latex.page(title + results.label, grids, notes) + f"\n## Recipes\n\n{recipes}\n"
    write_if_changed(output / f"{target}.md", text)
    write_if_changed(output / f"{target}.tex", markdown_latex.latex_page(grids, results.notes))


def _std(values: np.ndarray) -> float | None:
    return values.std(ddof=1) if len(values) > 1 else None


def _printed(value: float) -> str:
    """F1 in the form that the paper prints: .4230."""
    return f"{value:.4f}".lstrip("0")
