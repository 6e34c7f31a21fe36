"""Markdown tables from the rows of metrics.csv. Pooled F1 and the mean over folds never share a column."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from infusenet.config.departures import departure
from infusenet.evaluation.markdown_latex import Grid, spread
from infusenet.evaluation.metric_rows import FURTHER, SCOPES, MetricRow
from infusenet.evaluation.metrics import COLUMNS
from infusenet.evaluation.protocol_label import Protocol
from infusenet.evaluation.scoring_notes import scoring_notes

# Entries of a recipe that have no influence on the scores, or that the page shows in another place.
OMITTED = ("method", "revision", "stores", "threads", "weights")

SPREAD_NOTE = (
    "±: standard deviation over seeds, the chance in training. These tables judge no difference: `table1` and "
    "`claims` do, by the chance in the subjects. n/a: not defined, for want of a positive label (AUROC: or of a "
    "negative one); an average is over the AUs that have a value."
)


def page(
    rows: Sequence[MetricRow],
    databases: Sequence[str],
    facts: dict[str, dict],
    protocol: Protocol,
    fold_notes: Sequence[str] = (),
) -> str:
    """The Markdown page with all tables.

    ``facts`` maps a method to the facts of one of its runs (run.json); ``fold_notes`` are of
    `infusenet.evaluation.fold_notes`.
    """
    label = protocol.heading
    parts = [f"# Scores per Action Unit{label}", *protocol.notes, *fold_notes, recipe_lines(facts)]
    for name, scope in SCOPES.items():
        parts += [f"## {scope.title}{label}", table(rows, name, facts)]
    parts += [f"## Average F1 by held-out database{label}", by_database(rows, databases, facts)]
    for name, score in FURTHER.items():
        parts += [f"## {score.title}, pooled{label}", table(rows, "pooled", facts, name)]
        title = f"## {score.title}, average by held-out database{label}"
        parts += [title, by_database(rows, databases, facts, name)]
    parts.append(SPREAD_NOTE)
    guessers = "`always_one` says every AU is present, `prior_rate` guesses at the training labels' rate."
    parts.append(" ".join([*scoring_notes(facts), guessers]))
    return "\n\n".join(parts) + "\n"


def recipe_lines(facts: Mapping[str, dict]) -> str:
    """One line per method: its recipe, initial weights first. Then one per method that departs from its source."""
    recipes = [f"- `{method}`: {recipe_words(fact)}" for method, fact in sorted(facts.items())]
    departures = [
        f"- `{method}`: {text}"
        for method, fact in sorted(facts.items())
        if (text := departure(method, fact["recipe"]))
    ]
    heading = ["", "Departures from the sources, whose settings are in brackets:", ""] if departures else []
    return "\n".join([*recipes, *heading, *departures])


def start_columns(facts: Mapping[str, dict], method: str) -> dict[str, str]:
    """Columns of every CSV: the initial weights of a method or of one of its heads, and its ViT's variant.

    Both are empty for a guesser, which has no facts.
    """
    if (name := method.partition("/")[0]) not in facts:
        return {"initial_weights": "", "variant": ""}
    return {"initial_weights": _weights(facts[name]), "variant": facts[name]["recipe"].get("variant", "")}


def _weights(fact: dict) -> str:
    """The initial weights of the recipe; for ImageNet's weights their published name."""
    weights = fact["recipe"]["weights"]
    return fact["initial_weights"] if weights == "imagenet" else weights


def method_cells(facts: Mapping[str, dict], method: str, title: str) -> list[str]:
    """The first cells of a method's row in a table: ``title`` with the ViT's variant, initial weights."""
    weights, variant = start_columns(facts, method).values()
    return [f"{title} [{variant}]" if variant else title, initial_weights(weights)]


def initial_weights(weights: str) -> str:
    """Initial weights in words."""
    return "from scratch" if weights == "none" else Path(weights).name


def recipe_words(fact: dict) -> str:
    """Every setting of a run's recipe, in words."""
    recipe = fact["recipe"]
    rest = sorted((k, v) for k, v in recipe.items() if k not in OMITTED)
    return ", ".join([initial_weights(_weights(fact)), *(f"{k.replace('_', ' ')} {v}" for k, v in rest)])


def table(rows: Sequence[MetricRow], scope: str, facts: Mapping[str, dict], score: str = "f1") -> str:
    """Methods x AUs of one scope; mean and standard deviation over seeds. ``score``: a column of the rows."""
    scope_rows = [row for row in rows if row.scope == scope]
    cells = by_cell(scope_rows, score)
    lines = []
    for method in dict.fromkeys(row.method for row in scope_rows):
        values = [cells[method, scope, au] for au in COLUMNS]
        lines.append([*method_cells(facts, method, f"`{method}`"), len(values[0]), *map(_cell, values)])
    support = {row.au: row.support for row in scope_rows}
    lines.append(["positive labels", "", "", *(support[au] for au in COLUMNS)])
    return Grid("", ["method", "initial weights", "seeds", *COLUMNS], lines).markdown()


def by_database(
    rows: Sequence[MetricRow], databases: Sequence[str], facts: Mapping[str, dict], score: str = "f1"
) -> str:
    """Methods x held-out databases: the average over AUs of a column of the rows."""
    cells = by_cell(rows, score)
    lines = [
        [
            *method_cells(facts, method, f"`{method}`"),
            *(_cell(cells[method, name, "average"]) for name in databases),
        ]
        for method in dict.fromkeys(row.method for row in rows)
    ]
    return Grid("", ["method", "initial weights", *databases], lines).markdown()


def by_cell(rows: Sequence[MetricRow], score: str = "f1") -> dict[tuple[str, str, str], list[float]]:
    """A score of every seed by (method, scope, au)."""
    cells = {}
    for row in rows:
        cells.setdefault((row.method, row.scope, row.au), []).append(getattr(row, score))
    return cells


def csv_cells(row: MetricRow) -> list[object]:
    """The row's cells in metrics.csv: ``n/a`` where a score is not defined."""
    return ["n/a" if value != value else value for value in row]


def _cell(values: Sequence[float]) -> str:
    if any(map(math.isnan, values)):
        return "n/a"
    return spread(values) if len(values) > 1 else f"{values[0]:.3f}"
