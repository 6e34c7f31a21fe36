"""Markdown tables from the long rows of F1. Pooled and fold-mean F1 never share a column."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from infusenet.manifest import AUS, CD6ME

COLUMNS = [*(f"AU{n}" for n in AUS), "average"]
SCOPES = {
    "pooled": "F1 pooled: on the clips of all folds together",
    "mean": "F1 mean over folds: per held-out database, then averaged",
    "macro2": "Both-class F1 (macro2): mean of presence and absence, pooled",
}


class Row(NamedTuple):
    """One F1: ``scope`` is pooled, mean, macro2 or a database; ``au`` is AU<n> or average; ``support``
    the number of positive labels."""

    method: str
    seed: int
    scope: str
    au: str
    f1: float
    support: int


def page(rows: Sequence[Row], databases: Sequence[str], facts: dict[str, dict]) -> str:
    """The whole Markdown page.

    ``facts`` maps a method to the facts of one of its runs (run.json). Anything but the six
    databases of CD6ME is labelled so in every heading.
    """
    label = "" if set(databases) == set(CD6ME) else " (not CD6ME)"
    parts = [f"# F1 per Action Unit{label}", settings(facts)]
    for scope, title in SCOPES.items():
        parts += [f"## {title}{label}", table(rows, scope)]
    parts += [f"## Average F1 by held-out database{label}", by_database(rows, databases)]
    parts.append(
        "A method's score is FrameMag's head; `flow_head` is FrameFlow's, `mean_of_heads` the mean of both "
        "logits. `always_one` says every AU is present, `prior_rate` guesses at the training labels' rate."
    )
    return "\n\n".join(parts) + "\n"


def settings(facts: dict[str, dict]) -> str:
    """One line a method: how it was trained."""
    lines = []
    for method, fact in sorted(facts.items()):
        recipe = fact["recipe"]
        start = {"none": "from scratch", "imagenet": "ImageNet weights"}.get(
            recipe["weights"], recipe["weights"]
        )
        lines.append(
            f"- `{method}`: preset {recipe['preset']}, {start}, size {recipe['size']}, {recipe['epochs']} epochs, "
            f"batch {recipe['batch']}"
        )
    return "\n".join(lines)


def table(rows: Sequence[Row], scope: str) -> str:
    """Methods x AUs of one scope; mean +- standard deviation where a method has several seeds."""
    chosen = [row for row in rows if row.scope == scope]
    lines = _head(["method", "seeds", *COLUMNS])
    for method in dict.fromkeys(row.method for row in chosen):
        seeds = sorted({row.seed for row in chosen if row.method == method})
        cells = [_cell([r.f1 for r in chosen if (r.method, r.au) == (method, au)]) for au in COLUMNS]
        lines.append(_line([f"`{method}`", len(seeds), *cells]))
    support = {row.au: row.support for row in chosen}
    lines.append(_line(["positive labels", "", *(support[au] for au in COLUMNS)]))
    return "\n".join(lines)


def by_database(rows: Sequence[Row], databases: Sequence[str]) -> str:
    """Methods x held-out databases: the average over AUs."""
    chosen = [row for row in rows if row.au == "average"]
    lines = _head(["method", *databases])
    for method in dict.fromkeys(row.method for row in chosen):
        cells = [_cell([r.f1 for r in chosen if (r.method, r.scope) == (method, d)]) for d in databases]
        lines.append(_line([f"`{method}`", *cells]))
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    text = f"{np.mean(values):.3f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values, ddof=1):.3f}"


def _head(names: Iterable) -> list[str]:
    names = list(names)
    return [_line(names), "|" + "---|" * len(names)]


def _line(cells: Iterable) -> str:
    return f"| {' | '.join(map(str, cells))} |"
