"""Predictions of several methods on the same clips, for comparison. Only `load` reads files."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from infusenet.errors import InputError
from infusenet.evaluation import metrics, resampling
from infusenet.evaluation.evaluate import Fold, read_runs
from infusenet.evaluation.fold_notes import fold_notes
from infusenet.evaluation.protocol_label import OTHER, STANDINS, protocol
from infusenet.protocol import CD6ME
from infusenet.report.tables_and_figures import TARGETS

# Draws of subjects, so many that a p stays small after Holm's correction; and of clips, for the interval beside.
DRAWS, CLIP_DRAWS, DRAW_SEED = 10_000, 1000, 0
UNITS = ("subjects", "clips")


class Contrast(NamedTuple):
    """Weighted scores of some methods with their uncertainty.

    ``low`` and ``high``: 95 % interval over draws of subjects; ``clips_low`` and ``clips_high``: over draws of
    clips, as if they were independent. ``p``: two-sided, of 0, over subjects. ``people`` and ``seeds``: the
    standard deviation that the choice of subjects and that of one training's seed give to ``value``; ``seeds``
    is None where a method has one seed.
    """

    value: float
    low: float
    high: float
    clips_low: float
    clips_high: float
    p: float
    people: float
    seeds: float | None


class Results:
    """Decisions of every method, head and seed, stacked over the held-out databases in one order.

    A *system* is a row of a table: a method by its scored head, another of its heads, or the mean of its heads
    (`infusenet.evaluation.evaluate.Fold.systems`).

    Attributes
    ----------
    databases : list[str]
        Held-out databases, CD6ME's order first.
    clips : list of tuple[str, ...]
        ``database/subject/clip`` of each clip, one tuple per database.
    labels : list of int (n, 12)
        One array per database.
    subjects : list of int (n,)
        The subject of each clip, counted from 0 in each database.
    decisions : dict[str, dict[int, list of int (n, 12)]]
        By system and seed: one array per database.
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
        first = {fold.held_out: fold for fold in folds}
        self.clips = [first[name].clips for name in self.databases]
        self.labels = [first[name].labels for name in self.databases]
        self.subjects = [np.unique(first[name].subjects, return_inverse=True)[1] for name in self.databases]
        self.decisions: dict[str, dict[int, list[np.ndarray]]] = {}
        for fold in folds:
            for name, logits in fold.systems.items():
                seeds = self.decisions.setdefault(name, {})
                seeds.setdefault(fold.seed, []).append(metrics.positive(logits))
        self.facts = {fold.method: fold.facts for fold in folds}
        self._rms = {}
        for fold in folds:
            rms = fold.facts.get("predicted", {}).get("latents_rms")
            self._rms.setdefault(fold.method, []).append(rms)
        self.protocol, self._fold_notes = protocol(folds), fold_notes(folds)
        self.label = self.protocol.heading
        self._f1_draws = cache(self._f1_draws)
        self._weights = cache(self._weights)

    @property
    def notes(self) -> list[str]:
        """Notes for a reader who compares with the paper, and on folds of other devices or precisions."""
        return self._protocol_notes() + self._fold_notes

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

    def systems(self, methods: Sequence[str]) -> list[str]:
        """The methods, each with its other heads and the mean of its heads after it."""
        return [name for method in methods for name in self.decisions if name.partition("/")[0] == method]

    def trained_once(self, methods: Iterable[str]) -> bool:
        """Whether a method among these has one seed, so that nothing tells the spread of seeds."""
        return any(len(self.decisions[method]) == 1 for method in methods)

    def f1(self, system: str, average: str) -> np.ndarray:
        """F1 float (seeds, 13): the 12 AUs, then their mean. ``average``: pooled, mean or a database."""
        if average in self.databases:
            at = self.databases.index(average)
            values = [metrics.f1(self.labels[at], folds[at]) for folds in self.decisions[system].values()]
        else:
            score = {"pooled": metrics.pooled, "mean": metrics.fold_mean}[average]
            values = [score(self.labels, folds) for folds in self.decisions[system].values()]
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
        self, terms: Mapping[str, float], aus: np.ndarray, average: str, choices: int = 1
    ) -> Contrast:
        """F1 of systems, weighted and summed, with bootstrap intervals.

        ``terms`` maps systems to weights, for example 1 and -1 for a difference; ``aus`` float (12,)
        weights the AUs; ``average`` is pooled or mean (over folds). Subjects are drawn with replacement
        within each held-out database, the same draws for all systems, so the comparison is paired; F1 is
        averaged over a system's seeds in each draw. Of a comparison that was chosen among ``choices`` after
        looking at the data, interval and p are Bonferroni's: wider and larger.
        """
        value = sum(weight * self.f1(name, average)[:, :-1].mean(0) @ aus for name, weight in terms.items())
        drawn = [
            sum(weight * self._f1_draws(name, average, unit) @ aus for name, weight in terms.items())
            for unit in UNITS
        ]
        return _contrast(value, *drawn, self._seeds_spread(terms, aus, average), choices)

    def ratio(self, values: Sequence[np.ndarray], average: str) -> Contrast:
        """The contrast of a ratio of sums over clips: ``values`` float (n, 2, 1) per database, above and below."""
        sums = np.stack([part.sum(0) for part in values])
        sums = sums.sum(0, keepdims=True) if average == "pooled" else sums
        drawn = [self._ratio_draws(values, average, unit)[:, 0] for unit in UNITS]
        value = np.mean([resampling.ratios(np.ones((1, 1)), part[None]) for part in sums])
        return _contrast(value, *drawn, None)

    def _seeds_spread(self, terms: Mapping[str, float], aus: np.ndarray, average: str) -> float | None:
        """Heads of one method share its seeds; other methods' seeds are independent trainings."""
        values: dict[str, np.ndarray] = {}
        for name, weight in terms.items():
            method = name.partition("/")[0]
            values[method] = values.get(method, 0) + weight * self.f1(name, average)[:, :-1] @ aus
        if any(len(seeds) == 1 for seeds in values.values()):
            return None
        return float(np.sqrt(sum(seeds.var(ddof=1) for seeds in values.values())))

    def groups(self, unit: str) -> list[np.ndarray]:
        """The units that a draw takes as a whole: int (n,) per database, each clip's subject or the clip itself."""
        return self.subjects if unit == "subjects" else [np.arange(len(labels)) for labels in self.labels]

    def _weights(self, unit: str) -> list[np.ndarray]:
        """Bootstrap weights float (draws, groups) per database."""
        sizes = [groups.max() + 1 for groups in self.groups(unit)]
        weights = resampling.draws(sizes, DRAWS if unit == "subjects" else CLIP_DRAWS, DRAW_SEED)
        return np.split(weights, np.cumsum(sizes)[:-1], axis=1)

    def _f1_draws(self, system: str, average: str, unit: str) -> np.ndarray:
        """F1 float (draws, 12), mean over seeds."""
        values = []
        for folds in self.decisions[system].values():
            parts = [resampling.f1_parts(*fold) for fold in zip(self.labels, folds, strict=True)]
            values.append(self._ratio_draws(parts, average, unit))
        return np.mean(values, 0)

    def _ratio_draws(self, values: Sequence[np.ndarray], average: str, unit: str) -> np.ndarray:
        """Ratios float (draws, k) of sums over clips; ``values`` (n, 2, k) per database."""
        pairs = zip(values, self.groups(unit), strict=True)
        counts, weights = [resampling.group_sums(*pair) for pair in pairs], self._weights(unit)
        if average == "pooled":
            return resampling.ratios(np.hstack(weights), np.concatenate(counts))
        return np.mean([resampling.ratios(*fold) for fold in zip(weights, counts, strict=True)], 0)


def _contrast(
    value: float, people: np.ndarray, clips: np.ndarray, seeds: float | None, choices: int = 1
) -> Contrast:
    """``people`` and ``clips``: the value in draws of subjects and of clips, float (draws,)."""
    level = 1 - (1 - resampling.LEVEL) / choices
    p = min(1.0, choices * resampling.p_value(value, people))
    intervals = *resampling.interval(value, people, level), *resampling.interval(value, clips, level)
    return Contrast(float(value), *intervals, p, float(people.std(ddof=1)), seeds)


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
