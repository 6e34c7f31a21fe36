"""Markdown tables from the long rows of F1. Pooled and fold-mean F1 never share a column."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from infusenet.evaluation.grid import Grid, spread
from infusenet.evaluation.protocol_label import Protocol
from infusenet.protocol import AUS

COLUMNS = [*(f"AU{n}" for n in AUS), "average"]
SCOPES = {
    "pooled": "F1 pooled: on the clips of all folds together",
    "mean": "F1 mean over folds: per held-out database, then averaged",
    "macro2": "Both-class F1 (macro2): mean of presence and absence, pooled",
}
# Entries of a recipe that say nothing about how well a method does, or that stand elsewhere.
UNSPOKEN = ("method", "revision", "stores", "threads", "weights")


class Row(NamedTuple):
    """One F1: ``scope`` is pooled, mean, macro2 or a database; ``au`` is AU<n> or average; ``support``
    the number of positive labels."""

    method: str
    seed: int
    scope: str
    au: str
    f1: float
    support: int


def page(rows: Sequence[Row], databases: Sequence[str], facts: dict[str, dict], protocol: Protocol) -> str:
    """The whole Markdown page.

    ``facts`` maps a method to the facts of one of its runs (run.json).
    """
    label = protocol.heading
    parts = [f"# F1 per Action Unit{label}", *protocol.notes, settings(facts)]
    for scope, title in SCOPES.items():
        parts += [f"## {title}{label}", table(rows, scope, facts)]
    parts += [f"## Average F1 by held-out database{label}", by_database(rows, databases, facts)]
    parts.append(
        "A method of two networks is scored by FrameMag's head; `flow_head` is FrameFlow's, `mean_of_heads` "
        "the mean of both logits. `always_one` says every AU is present, `prior_rate` guesses at the training "
        "labels' rate."
    )
    return "\n\n".join(parts) + "\n"


def settings(facts: dict[str, dict]) -> str:
    """One line a method: its recipe, initial weights first."""
    return "\n".join(f"- `{method}`: {recipe_words(fact)}" for method, fact in sorted(facts.items()))


def started(facts: Mapping[str, dict], method: str) -> dict[str, str]:
    """Columns of every CSV: what a method or one of its heads starts from, and which ViT it is.

    Both are empty for a guesser, of which there are no facts.
    """
    if (name := method.partition("/")[0]) not in facts:
        return {"initial_weights": "", "variant": ""}
    return {"initial_weights": _weights(facts[name]), "variant": facts[name]["recipe"].get("variant", "")}


def _weights(fact: dict) -> str:
    """What stands in the recipe; of ImageNet's weights their published name."""
    weights = fact["recipe"]["weights"]
    return fact["initial_weights"] if weights == "imagenet" else weights


def described(facts: Mapping[str, dict], method: str, title: str) -> list[str]:
    """The same as the first cells of a table's row: ``title`` with the ViT's variant, initial weights."""
    weights, variant = started(facts, method).values()
    return [f"{title} [{variant}]" if variant else title, initial_weights(weights)]


def initial_weights(weights: str) -> str:
    """The same in words."""
    return "from scratch" if weights == "none" else Path(weights).name


def recipe_words(fact: dict) -> str:
    """Every setting of a run's recipe, in words."""
    recipe = fact["recipe"]
    rest = sorted((k, v) for k, v in recipe.items() if k not in UNSPOKEN)
    return ", ".join([initial_weights(_weights(fact)), *(f"{k.replace('_', ' ')} {v}" for k, v in rest)])


def table(rows: Sequence[Row], scope: str, facts: Mapping[str, dict]) -> str:
    """Methods x AUs of one scope; mean and standard deviation over seeds."""
    chosen = [row for row in rows if row.scope == scope]
    cells = by_cell(chosen)
    lines = []
    for method in dict.fromkeys(row.method for row in chosen):
        values = [cells[method, scope, au] for au in COLUMNS]
        lines.append([*described(facts, method, f"`{method}`"), len(values[0]), *map(_cell, values)])
    support = {row.au: row.support for row in chosen}
    lines.append(["positive labels", "", "", *(support[au] for au in COLUMNS)])
    return Grid("", ["method", "initial weights", "seeds", *COLUMNS], lines).markdown()


def by_database(rows: Sequence[Row], databases: Sequence[str], facts: Mapping[str, dict]) -> str:
    """Methods x held-out databases: the average over AUs."""
    cells = by_cell(rows)
    lines = [
        [
            *described(facts, method, f"`{method}`"),
            *(_cell(cells[method, name, "average"]) for name in databases),
        ]
        for method in dict.fromkeys(row.method for row in rows)
    ]
    return Grid("", ["method", "initial weights", *databases], lines).markdown()


def by_cell(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[float]]:
    """F1 of every seed by (method, scope, au)."""
    cells = {}
    for row in rows:
        cells.setdefault((row.method, row.scope, row.au), []).append(row.f1)
    return cells


def _cell(values: Sequence[float]) -> str:
    return spread(values) if len(values) > 1 else f"{values[0]:.3f}"
