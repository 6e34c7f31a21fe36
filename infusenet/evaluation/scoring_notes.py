"""Sentences below the tables: which head of a method is scored, and the names of its other rows."""

from collections.abc import Mapping

from infusenet import models

# The heads of InfuseNet, each the output of a network of its own.
TWO_NETWORKS = ("mag", "flow")


def head_words(system: str) -> str:
    """The head of a row (`infusenet.evaluation.evaluate.Fold.systems`) in words; empty for the scored one."""
    row = system.partition("/")[2]
    if not row or row == "mean_of_heads":
        return row and "mean of its heads"
    name = row.removesuffix("_head")
    titles = _titles()
    return f"{titles[name]}'s head" if name in titles else f"head `{name}`"


def scoring_notes(facts: Mapping[str, dict]) -> list[str]:
    """One sentence per set of heads on how methods of several heads are scored.

    ``facts`` maps a method to the facts of one of its runs (run.json).
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for method, fact in sorted(facts.items()):
        groups.setdefault(tuple(fact["heads"]), []).append(f"`{method}`")
    titles, notes = _titles(), []
    for heads, methods in groups.items():
        if len(heads) == 1:
            continue
        subject = ", ".join(methods) + (" is" if len(methods) == 1 else " are")
        if list(groups) == [TWO_NETWORKS]:
            subject = "A method of two networks is"
        scored = f"{titles[heads[0]]}'s head" if heads[0] in titles else f"the head `{heads[0]}`"
        rows = [f"`{head}_head` is {titles[head]}'s" for head in heads[1:] if head in titles]
        mean = "both" if len(heads) == 2 else "all"
        rows.append(f"`mean_of_heads` the mean of {mean} logits")
        notes.append(f"{subject} scored by {scored}; {', '.join(rows)}.")
    return notes


def _titles() -> dict[str, str]:
    """The titles of the registered heads by name."""
    return {name: head.title for name, head in models.heads_by_name().items()}
