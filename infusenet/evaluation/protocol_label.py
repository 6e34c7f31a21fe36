"""The label of tables and figures: CD6ME, or how their clips and labels differ from CD6ME.

The label is decided nowhere else.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infusenet.databases import cd6me
from infusenet.protocol import AUS, CD6ME

ITSELF = "CD6ME"
STANDINS = "stand-ins, not CD6ME"
OTHER = "not CD6ME"
DIFFERENT = "CD6ME databases, other clips or labels"
NOT_COMPARED = "CD6ME databases, not compared"
WIDTH = 90  # letters in a line of a figure's title


@dataclass(frozen=True)
class Protocol:
    """``name`` is one of the labels above; ``differences`` is one line on how the six databases differ
    from CD6ME; it is empty under the other labels."""

    name: str
    differences: str = ""

    @property
    def heading(self) -> str:
        """The end of every heading: empty on CD6ME."""
        return "" if self.name == ITSELF else f" ({self.name})"

    @property
    def column(self) -> str:
        """The column ``protocol`` of every CSV."""
        return f"{self.name}: {self.differences}" if self.differences else self.name

    @property
    def lines(self) -> str:
        """The differences as further lines of a figure's title."""
        return "".join(f"\n{line}" for line in textwrap.wrap(self.differences, WIDTH))

    @property
    def caption(self) -> str:
        """The end of a figure's title."""
        return self.heading + self.lines

    @property
    def notes(self) -> list[str]:
        """The differences as a sentence for tables."""
        if self.name == DIFFERENT:
            return [
                f"**Not CD6ME's clips, windows and labels: {self.differences}. Compare with the paper's figures "
                "with that in mind.**"
            ]
        return (
            [f"**Not known to be CD6ME's clips and windows: {self.differences}.**"]
            if self.differences
            else []
        )


def protocol(folds: Sequence) -> Protocol:
    """The label of figures that show `infusenet.evaluation.evaluate.Fold`s.

    It is CD6ME only if the six databases are the folds; the windows and labels of each were CD6ME's when it
    was predicted; clips and labels in the predictions still are; and every fold was trained on the others.
    """
    if any(fold.facts.get("standins", False) for fold in folds):
        return Protocol(STANDINS)
    if {fold.held_out for fold in folds} != set(CD6ME):
        return Protocol(OTHER)
    by_database = {name: [fold for fold in folds if fold.held_out == name] for name in CD6ME}
    differences = [text for group in by_database.values() for text in _differences(group)]
    differences += _trainings(folds)
    older = [
        cd6me.TITLES[name]
        for name, group in by_database.items()
        if any("cd6me" not in f.facts for f in group)
    ]
    unknown = f"{', '.join(older)}: not compared, as an older version predicted; predict again"
    name = DIFFERENT if differences else NOT_COMPARED if older else ITSELF
    return Protocol(name, "; ".join([*differences, *([unknown] if older else [])]))


def _differences(group: Sequence) -> list[str]:
    """The differences that the runs holding out one database note, each sentence once."""
    texts = {}
    for fold in group:
        labels = dict(zip((name.partition("/")[2] for name in fold.clips), fold.labels, strict=True))
        text = fold.facts.get("cd6me") or cd6me.difference_of_labels(fold.held_out, labels)
        texts[text] = None
    return [text for text in texts if text]


def _trainings(folds: Sequence) -> list[str]:
    """A sentence on the folds whose networks were trained on other clips or labels than the others score."""
    scored = {fold.held_out: (len(fold.clips), *fold.labels.sum(0)) for fold in folds}
    names = set()
    for fold in folds:
        others = np.sum([row for name, row in scored.items() if name != fold.held_out], 0)
        trained = [fold.facts["n_train"], *(fold.facts["label_counts"][f"AU{n}"] for n in AUS)]
        if trained != others.tolist():
            names.add(fold.held_out)
    titles = ", ".join(title for name, title in cd6me.TITLES.items() if name in names)
    return [f"trained on other clips or labels than the other folds': {titles}"] if names else []
