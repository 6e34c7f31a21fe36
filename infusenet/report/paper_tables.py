"""Tables 1 to 3 of the paper from saved predictions, with the paper's numbers beside ours.

Each is written as Markdown for reading, CSV for computing (unrounded) and LaTeX for quoting.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from infusenet.csv_tables import csv_text
from infusenet.evaluation import markdown_latex
from infusenet.evaluation.f1_tables import method_cells, recipe_words, start_columns
from infusenet.evaluation.markdown_latex import Grid, spread
from infusenet.evaluation.metrics import COLUMNS
from infusenet.files import write_if_changed
from infusenet.report import published_numbers
from infusenet.report.magnifier_words import magnifier_words
from infusenet.report.paper_runs import Results, load
from infusenet.report.tables_and_figures import ABLATED, INFUSENET, PAPER_METHODS

AVERAGES = {"pooled": "F1 pooled over the clips of all folds", "mean": "F1 as mean over folds"}
SHORT = {"pooled": "pooled", "mean": "fold mean"}
EVERY_AU = np.full(12, 1 / 12)
INTERVAL_NOTE = (
    "Intervals: 95 %, 1000 bootstrap draws of clips within each held-out database, the same draws for both "
    "methods, mean over seeds. They hold the chance in the clips, not that in training; clips of one subject "
    "are alike, so true intervals are wider. An AU without a positive label in a fold counts as 0 in the fold "
    "mean, in a draw too, which may hold none of a rare AU's few."
)
CACHED = "Cached latents freeze the magnifier's encoder and manipulator, which the paper fine-tunes"


def table1(runs: Sequence[Path], output: Path) -> None:
    """Table 1: methods x AUs by both averages, by database, and InfuseNet against each method.

    Rows are in the paper's order, further methods after them. Below each row of ours is the paper's row,
    in brackets where it is likely the other average.
    """
    results = load(runs, "table1")
    methods = [*PAPER_METHODS, *(name for name in results.decisions if name not in PAPER_METHODS)]
    grids = [_by_au(results, methods, average) for average in AVERAGES]
    grids += [_by_database(results, methods), _against(results, methods)]
    _write(output, "table1", "Table 1: F1 per Action Unit", results, methods, grids)

    rows = []
    for average in (*AVERAGES, *results.databases):
        for method in methods:
            values = results.f1(method, average)
            printed = (
                published_numbers.TABLE1.get(method, [None] * 13) if average in AVERAGES else [None] * 13
            )
            for au, f1, paper_f1 in zip(COLUMNS, values.T, printed, strict=True):
                row = csv_row(results, method) | {"scope": average, "au": au}
                row |= {"seeds": len(f1), "f1": f1.mean(), "std": _std(f1), "paper": paper_f1}
                row["paper_metric"] = "" if paper_f1 is None else published_numbers.metric(method)
                if average in AVERAGES and au == "average" and method != INFUSENET:
                    difference = results.contrast({INFUSENET: 1, method: -1}, EVERY_AU, average)
                    row |= dict(zip(("infusenet_minus", "low", "high"), difference, strict=True))
                rows.append(row)
    write_csv(output / "table1.csv", rows, results)


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
    lines, rows = [], []
    for method, name in names.items():
        seeds = len(results.decisions[method])
        row = {"row": name} | csv_row(results, method) | {"seeds": seeds}
        f1, paper_cells, differences = [], ["–", "–"], []
        for average in AVERAGES:
            values = results.f1(method, average)[:, -1]
            f1.append(spread(values))
            row |= columns(average, f1=values.mean(), std=_std(values))
            if method != INFUSENET:
                contrast = results.contrast({INFUSENET: 1, method: -1}, EVERY_AU, average)
                row |= columns(average, infusenet_minus=contrast[0], low=contrast[1], high=contrast[2])
                differences += interval(contrast)
        if method in printed:
            row |= {"paper": printed[method], "paper_metric": published_numbers.metric(method)}
            paper_cells = [_printed(printed[method]), published_numbers.metric_words(method)]
        start = method_cells(results.facts, method, f"`{method}`")
        lines.append([name, *start, seeds, *f1, *paper_cells, *(differences or [""] * 4)])
        rows.append(row)
    head = ["row", "method", "initial weights", "seeds", *(f"F1 {words}" for words in SHORT.values())]
    head += ["paper", "paper's metric"]
    for words in SHORT.values():
        head += [f"InfuseNet minus it, {words}", "95 % interval"]
    topic = title.partition(": ")[2]
    grids = [Grid(f"Average F1 by {topic}{results.label}", head, lines, [note, INTERVAL_NOTE])]
    _write(output, target, title, results, names, grids)
    write_csv(output / f"{target}.csv", rows, results)


def _by_au(results: Results, methods: Sequence[str], average: str) -> Grid:
    lines = []
    for method in methods:
        values = results.f1(method, average)
        lines.append([*_describe(results, method), len(values), *map(spread, values.T)])
        if method in published_numbers.TABLE1:
            other = published_numbers.metric(method) != average
            cells = [f"({_printed(v)})" if other else _printed(v) for v in published_numbers.TABLE1[method]]
            words = published_numbers.metric_words(method)
            if other and method in published_numbers.MEB:
                words += f"; MEB's fold mean {_printed(published_numbers.MEB[method])[:4]}"
            lines.append([f"*paper: {words}*", "", "", *cells])
    positives = np.vstack(results.labels).sum(0)
    shares = [f"{count} ({count / max(1, positives.sum()):.0%})" for count in positives]
    lines.append(["positive labels", "", "", *shares, positives.sum()])
    notes = [
        "Mean ± standard deviation over seeds; n/a: one seed. Paper's figures in brackets were likely computed "
        "with the other average, so compare them in the other table."
    ]
    if f"{ABLATED}released" in methods:
        notes.append(
            f"{CACHED}; the row 'as released' too computes the released forward map on them, where the released "
            "code trains every weight."
        )
        notes.append(_released_note(results))
    if average == "mean":
        notes.append("An AU without a positive label in a fold counts as 0 there.")
    return Grid(
        AVERAGES[average] + results.label, ["method", "initial weights", "seeds", *COLUMNS], lines, notes
    )


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


def _by_database(results: Results, methods: Sequence[str]) -> Grid:
    lines = [
        [*_describe(results, m), *(spread(results.f1(m, name)[:, -1]) for name in results.databases)]
        for m in methods
    ]
    clips = [f"{len(labels)} ({labels.sum()})" for labels in results.labels]
    lines.append(["clips (positive labels)", "", *clips])
    head = ["method", "initial weights", *results.databases]
    return Grid("Average F1 by held-out database" + results.label, head, lines)


def _against(results: Results, methods: Sequence[str]) -> Grid:
    paper_average = published_numbers.TABLE1[INFUSENET][-1]
    lines = []
    for method in methods:
        if method != INFUSENET:
            line = _describe(results, method)
            for average in AVERAGES:
                value, low, high = results.contrast({INFUSENET: 1, method: -1}, EVERY_AU, average)
                reading = "InfuseNet better" if low > 0 else "InfuseNet worse" if high < 0 else "open"
                line += [*interval((value, low, high)), reading]
            paper_cells = ["–", "–"]
            if method in published_numbers.TABLE1:
                kind = published_numbers.common_metric([INFUSENET, method])
                paper_cells = [
                    f"{paper_average - published_numbers.TABLE1[method][-1]:+.4f}",
                    SHORT.get(kind, kind),
                ]
            lines.append([*line, *paper_cells])
    head = ["method", "initial weights"]
    for words in SHORT.values():
        head += [words, "95 % interval", "reading"]
    head += ["paper's difference", "its metric"]
    title = f"{published_numbers.TITLES[INFUSENET]} minus each method: average F1{results.label}"
    return Grid(title, head, lines, [INTERVAL_NOTE])


def _describe(results: Results, method: str) -> list[str]:
    """Title with the ViT's variant, and initial weights."""
    return method_cells(results.facts, method, published_numbers.TITLES.get(method, f"`{method}`"))


def _write(output, target, title, results: Results, methods, grids: Sequence[Grid]) -> None:
    """Markdown with the rows' recipes, and LaTeX."""
    recipes = "\n".join(f"- `{method}`: {recipe_words(results.facts[method])}" for method in methods)
    text = markdown_latex.page(title + results.label, grids, results.notes) + f"\n## Recipes\n\n{recipes}\n"
    write_if_changed(output / f"{target}.md", text)
    write_if_changed(output / f"{target}.tex", markdown_latex.latex_page(grids, results.notes))


def csv_row(results: Results, method: str) -> dict:
    """The first columns of a method's row: its name, its initial weights and its ViT's variant."""
    return {"method": method} | start_columns(results.facts, method)


def columns(average: str, **values) -> dict:
    """CSV columns that name their average: ``f1`` becomes ``f1_pooled`` or ``f1_fold_mean``."""
    return {f"{name}_{SHORT[average].replace(' ', '_')}": value for name, value in values.items()}


def write_csv(path: Path, rows: Sequence[dict], results: Results) -> None:
    """Write rows of unequal keys as one CSV; missing values stay empty. Floats have all digits.

    The last column, ``protocol``, is CD6ME, or how the folds differ from it.
    """
    rows = [row | {"protocol": results.protocol.column} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[row.get(name) for name in names] for row in rows]
    lines = [[float(v) if isinstance(v, np.floating) else v for v in line] for line in lines]
    write_if_changed(path, csv_text(names, lines))


def interval(contrast: tuple[float, float, float]) -> tuple[str, str]:
    """A difference and its interval as text."""
    value, low, high = contrast
    return f"{value:+.3f}", f"{low:+.3f} to {high:+.3f}"


def _std(values: np.ndarray) -> float | None:
    return values.std(ddof=1) if len(values) > 1 else None


def _printed(value: float) -> str:
    """F1 in the form that the paper prints: .4230."""
    return f"{value:.4f}".lstrip("0")
