"""Evaluate predictions: one long table of scores, a Markdown page and three figures."""

import csv
import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from infusenet.csv_tables import csv_text
from infusenet.errors import InputError, raise_all
from infusenet.evaluation import metric_tables, plots, reliability_picture
from infusenet.evaluation.fold_notes import fold_notes
from infusenet.evaluation.metric_rows import MetricRow, guesser_rows, metric_rows
from infusenet.evaluation.metrics import AU_NAMES
from infusenet.evaluation.protocol_label import protocol
from infusenet.files import note_sizes, write_if_changed
from infusenet.json_notes import fits, parse
from infusenet.protocol import AUS

WRITTEN = ("metrics.csv", "metrics.md", "heatmap.png", "reliability.png", "training.png")
# Of run.json, what is read of runs of all versions.
FACTS = {"recipe": {"method": str}, "held_out": str, "seed": int, "n_train": int, "label_counts": {str: int}}


@dataclass(frozen=True)
class Fold:
    """The predictions of one run.

    ``logits``: float (n, 12) by head; the first of ``heads`` is scored. ``labels``: int (n, 12).
    ``rates``: float (12,), the share of positives among the training clips. ``facts``: run.json.
    """

    path: Path
    method: str
    seed: int
    held_out: str
    clips: tuple[str, ...]
    heads: tuple[str, ...]
    logits: dict[str, np.ndarray]
    labels: np.ndarray
    rates: np.ndarray
    facts: dict

    @property
    def score(self) -> np.ndarray:
        """Logits (n, 12) of the head that is scored."""
        return self.logits[self.heads[0]]

    @cached_property
    def systems(self) -> dict[str, np.ndarray]:
        """Logits (n, 12) of every row that a table has of this method, by the row's name.

        The method's own name is its scored head; of a method with several, ``{method}/{head}_head`` is
        another head and ``{method}/mean_of_heads`` the mean of all logits.
        """
        others = {f"{self.method}/{head}_head": self.logits[head] for head in self.heads[1:]}
        if others:
            others[f"{self.method}/mean_of_heads"] = np.mean(list(self.logits.values()), 0)
        return {self.method: self.score} | others

    @property
    def subjects(self) -> list[str]:
        """The subject of each clip."""
        return [name.split("/")[1] for name in self.clips]


def evaluate(runs: Sequence[Path], output: Path) -> None:
    """Write the files of `WRITTEN` into ``output``.

    Every number is computed from the runs' ``predictions.csv`` and ``run.json``. ``metrics.csv`` is
    long: the columns and scopes of `infusenet.evaluation.metric_rows.MetricRow`, then initial_weights,
    variant (of the ViT), protocol (CD6ME, or the name of another protocol and its differences). A method is
    scored by its first head; `Fold.systems` names the rows of the others. ``always_one`` and ``prior_rate``
    are guessers that read no clip; the second guesses at the rate of each fold's training labels.

    Raises
    ------
    InputError
        Runs that are no complete sets: a fold is missing or duplicate, or clips or labels differ from those
        of the other methods and seeds.
    """
    folds = read_runs(runs)
    databases = list(dict.fromkeys(fold.held_out for fold in folds))
    rows = []
    for method, seed in sorted({(fold.method, fold.seed) for fold in folds}):
        group = [fold for fold in folds if (fold.method, fold.seed) == (method, seed)]
        truth = {fold.held_out: fold.labels for fold in group}
        for name in group[0].systems:
            rows += metric_rows(name, seed, truth, [fold.systems[name] for fold in group])
    first = [fold for fold in folds if (fold.method, fold.seed) == (folds[0].method, folds[0].seed)]
    truth = {fold.held_out: fold.labels for fold in first}
    rows += guesser_rows("always_one", truth, [np.ones(len(AUS))] * len(first))
    rows += guesser_rows("prior_rate", truth, [fold.rates for fold in first])

    output = Path(output)
    facts = {fold.method: fold.facts for fold in folds}
    label = protocol(folds)
    head = [*MetricRow._fields, "initial_weights", "variant", "protocol"]
    lines = [
        [
            *metric_tables.csv_cells(row),
            *metric_tables.start_columns(facts, row.method).values(),
            label.column,
        ]
        for row in rows
    ]
    write_if_changed(output / "metrics.csv", csv_text(head, lines))
    page = metric_tables.page(rows, databases, facts, label, fold_notes(folds))
    write_if_changed(output / "metrics.md", page)
    plots.heatmap(rows, databases, label, output / "heatmap.png")
    reliability_picture.draw(folds, label, output / "reliability.png")
    logs = {}
    for fold in folds:
        logs.setdefault(fold.method, []).append(fold.path / "log.csv")
    plots.training_curves(logs, label, output / "training.png")
    note_sizes(output, WRITTEN)


def read_runs(runs: Sequence[Path]) -> list[Fold]:
    """Read run folders that are complete sets; InputError as for `evaluate`."""
    folds = [read_run(Path(run)) for run in runs]
    remark_unchecked(folds)
    _check_sets(folds)
    return folds


def read_run(run: Path) -> Fold:
    """Read a run folder's ``predictions.csv`` and ``run.json``."""
    for name in ("predictions.csv", "run.json"):
        if not (run / name).is_file():
            raise InputError(f"{run / name}: no such file; run `infusenet predict {run}` first")
    facts = _facts(run)
    data = (run / "predictions.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(data.decode(errors="replace"), newline="")))
    predicted = facts.get("predicted", {})
    if predicted.get("sha256", (digest := hashlib.sha256(data).hexdigest())) != digest:
        raise InputError(
            f"{run / 'predictions.csv'}: {len(rows)} rows; run.json notes {predicted.get('rows')} rows and "
            f"another digest: the file was cut or edited; run `infusenet predict {run}` again"
        )
    if not rows:
        raise InputError(
            f"{run / 'predictions.csv'}: no clip; expected one row per clip of {facts['held_out']}"
        )
    heads = tuple(facts.get("heads") or ())
    if not heads:
        raise InputError(
            f"{run / 'run.json'}: names no heads, because an older version wrote it; predict again"
        )
    try:
        columns = {
            prefix: np.array([[float(row[f"{prefix}{name}"]) for name in AU_NAMES] for row in rows])
            for prefix in (*(f"{head}_" for head in heads), "")
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{run / 'predictions.csv'}: a column or number is missing ({error}); predict again"
        ) from None
    if not all(np.isfinite(values).all() for values in columns.values()):
        raise InputError(f"{run / 'predictions.csv'}: a value is not finite; expected logits of every clip")
    clips = tuple(f"{row['database']}/{row['subject']}/{row['clip']}" for row in rows)
    if len(set(clips)) < len(clips):
        raise InputError(f"{run / 'predictions.csv'}: a duplicate clip; predict again")
    rates = np.array([facts["label_counts"][name] for name in AU_NAMES]) / facts["n_train"]
    return Fold(
        run, facts["recipe"]["method"], int(facts["seed"]), facts["held_out"], clips, heads,
        {head: columns[f"{head}_"] for head in heads}, columns[""].astype(int), rates, facts,
    )  # fmt: skip


def _facts(run: Path) -> dict:
    facts = parse((run / "run.json").read_bytes(), FACTS)
    if facts is None or not fits(facts.get("predicted", {}), {}):
        raise InputError(f"{run / 'run.json'}: cut or damaged; run `infusenet predict {run}` again")
    return facts


def remark_unchecked(folds: Sequence[Fold]) -> None:
    """Report on stderr the runs of an older version, which noted no digest of its predictions."""
    unchecked = [fold for fold in folds if "sha256" not in fold.facts.get("predicted", {})]
    if unchecked:
        print(
            f"{len(unchecked)} of {len(folds)} runs, first {unchecked[0].path}: an older version predicted them "
            "and noted no digest, so it is not checked that predictions.csv is complete",
            file=sys.stderr,
        )


def _check_sets(folds: Sequence[Fold]) -> None:
    """Check that every method and seed scores the same clips, each once, and that a method has one recipe."""
    problems, expected, methods = [], {}, {}
    for fold in folds:
        expected.setdefault(fold.held_out, fold)
        methods.setdefault(fold.method, fold)
    sets: dict[tuple[str, int], list[str]] = {}
    for fold in folds:
        sets.setdefault((fold.method, fold.seed), []).append(fold.held_out)
        recipe, other = fold.facts["recipe"], methods[fold.method].facts["recipe"]
        settings = sorted(k for k in recipe.keys() | other.keys() if recipe.get(k) != other.get(k))
        if set(settings) - {"threads"}:
            problems.append(
                f"{fold.path}: recipe differs from that of {methods[fold.method].path} in {', '.join(settings)}"
            )
        first = expected[fold.held_out]
        if fold.clips != first.clips:
            clips = sorted(set(fold.clips) ^ set(first.clips)) or ["the order of clips"]
            problems.append(
                f"{fold.path}: {', '.join(clips[:5])} differs from {first.path}; where failed clips are skipped, "
                "name all compared methods under `methods`: only those leave the same clips out"
            )
        elif (fold.labels != first.labels).any():
            problems.append(f"{fold.path}: labels differ from those of {first.path}; predict again")
    for (method, seed), held_out in sets.items():
        for name in expected:
            if held_out.count(name) != 1:
                problems.append(
                    f"{method}, seed {seed}: {held_out.count(name)} runs hold out {name}, expected one"
                )
    raise_all(problems, "runs are no complete sets")
