"""Predictions of several methods on the same clips, for comparison. Only `load` reads files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from infusenet.errors import InputError
from infusenet.evaluation import metrics
from infusenet.evaluation.evaluate import Fold, read_runs
from infusenet.evaluation.machine_notes import machine_notes
from infusenet.evaluation.protocol_label import OTHER, STANDINS, protocol
from infusenet.protocol import CD6ME
from infusenet.report.tables_and_figures import TARGETS

DRAWS, DRAW_SEED = 1000, 0
INTERVAL = (0.025, 0.975)


class Results:
    """Decisions of every method and seed, stacked over the held-out databases in one order.

    Attributes
    ----------
    databases : list[str]
        Held-out databases, CD6ME's order first.
    labels : list of int (n, 12)
        One array per database.
    decisions : dict[str, dict[int, list of int (n, 12)]]
        By method and seed: one array per database.
    facts : dict[str, dict]
        The run.json of one run of each method.
    protocol : Protocol
        The label of the figures: CD6ME, or how they differ from it.
    label : str
        The label as the end of every heading; empty on CD6ME.
    """

    def __init__(self, folds: Sequence[Fold]):
        self.databases = sorted(
            {fold.held_out for fold in folds},
            key=lambda name: (CD6ME.index(name) if name in CD6ME else len(CD6ME), name),
        )
        folds = sorted(folds, key=lambda f: (f.seed, self.databases.index(f.held_out)))
        labels = {fold.held_out: fold.labels for fold in folds}
        self.labels = [labels[name] for name in self.databases]
        self.decisions: dict[str, dict[int, list[np.ndarray]]] = {}
        for fold in folds:
            seeds = self.decisions.setdefault(fold.method, {})
            seeds.setdefault(fold.seed, []).append(metrics.positive(fold.score))
        self.facts = {fold.method: fold.facts for fold in folds}
        self._rms = {}
        for fold in folds:
            rms = fold.facts.get("predicted", {}).get("latents_rms")
            self._rms.setdefault(fold.method, []).append(rms)
        self.protocol, self._machine_notes = protocol(folds), machine_notes(folds)
        self.label = self.protocol.heading
        self._bootstraps: dict[tuple[str, str], np.ndarray] = {}

    @property
    def notes(self) -> list[str]:
        """Notes for a reader who compares with the paper, and on folds of other devices or precisions."""
        return self._protocol_notes() + self._machine_notes

    def _protocol_notes(self) -> list[str]:
        if self.protocol.name == STANDINS:
            return [
                "**Made from synthetic stand-in databases: these figures cannot be compared with the paper's.**"
            ]
        if self.protocol.name == OTHER:
            return [
                f"**The folds are {', '.join(self.databases)}, not CD6ME's six databases: these figures "
                "cannot be compared with the paper's.**"
            ]
        return self.protocol.notes

    def f1(self, method: str, average: str) -> np.ndarray:
        """F1 float (seeds, 13): the 12 AUs, then their mean. ``average``: pooled, mean or a database."""
        if average in self.databases:
            at = self.databases.index(average)
            values = [metrics.f1(self.labels[at], folds[at]) for folds in self.decisions[method].values()]
        else:
            score = {"pooled": metrics.pooled, "mean": metrics.fold_mean}[average]
            values = [score(self.labels, folds) for folds in self.decisions[method].values()]
        return np.column_stack([values, np.mean(values, 1)])

    def magnifier(self, method: str) -> str:
        """The sha256 of the magnifier's weights behind the latents that a method reads."""
        return self.facts[method]["recipe"]["stores"]["latents"]["recipe"]["weights"]

    def latents_rms(self, method: str) -> float | None:
        """Root mean square of the latents that a method reads, after ReLU and pooling, over all folds; None
        where an earlier version predicted, which did not note it."""
        values = self._rms[method]
        return None if None in values else float(np.sqrt(np.mean(np.square(values))))

    def contrast(
        self, terms: Mapping[str, float], aus: np.ndarray, average: str
    ) -> tuple[float, float, float]:
        """F1 of methods, weighted and summed, with a 95 % bootstrap interval: value, low, high.

        ``terms`` maps methods to weights, for example 1 and -1 for a difference; ``aus`` float (12,)
        weights the AUs; ``average`` is pooled or mean (over folds). Clips are drawn with replacement
        within each held-out database, the same draws for all methods, so the comparison is paired; F1 is
        averaged over a method's seeds in each draw. The interval covers the chance in the clips, not that
        in training, and ignores that clips of one subject are alike.
        """
        value = sum(weight * self.f1(name, average)[:, :-1].mean(0) @ aus for name, weight in terms.items())
        differences = sum(weight * self._bootstrap(name, average) @ aus for name, weight in terms.items())
        return float(value), *map(float, np.quantile(differences, INTERVAL))

    @cached_property
    def _weights(self) -> np.ndarray:
        return metrics.draws([len(labels) for labels in self.labels], DRAWS, DRAW_SEED)

    def _bootstrap(self, method: str, average: str) -> np.ndarray:
        """F1 float (draws, 12), mean over seeds."""
        if (method, average) not in self._bootstraps:
            score = {"pooled": self._pooled_draws, "mean": self._fold_mean_draws}[average]
            values = [score(folds) for folds in self.decisions[method].values()]
            self._bootstraps[method, average] = np.mean(values, 0)
        return self._bootstraps[method, average]

    def _pooled_draws(self, folds: Sequence[np.ndarray]) -> np.ndarray:
        return metrics.f1(np.vstack(self.labels), np.vstack(folds), self._weights)

    def _fold_mean_draws(self, folds: Sequence[np.ndarray]) -> np.ndarray:
        ends = np.cumsum([len(labels) for labels in self.labels])
        weights = np.split(self._weights, ends[:-1], axis=1)
        return np.mean([metrics.f1(*fold) for fold in zip(self.labels, folds, weights, strict=True)], 0)


def load(runs: Sequence[Path], target: str) -> Results:
    """The results of run folders for a table or figure.

    Raises
    ------
    InputError
        A method that the target needs is missing, or the runs are no complete sets.
    """
    results = Results(read_runs(runs))
    missing = [method for method in TARGETS[target].methods if method not in results.decisions]
    if missing:
        raise InputError(
            f"{target}: no runs of {', '.join(missing)}; it compares {', '.join(TARGETS[target].methods)}: train and "
            "predict the missing ones and name their run folders too"
        )
    return results
