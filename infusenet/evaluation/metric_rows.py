"""The rows and columns of metrics.csv, computed from labels and logits; no files."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from infusenet.evaluation import calibration, ranking
from infusenet.evaluation.metrics import (
    COLUMNS,
    expected_f1,
    f1,
    f1_macro2,
    fold_mean,
    pooled,
    positive,
)


class MetricRow(NamedTuple):
    """A row of metrics.csv, which has these columns: the scores of one AU, in [0, 1].

    ``scope`` is one of `SCOPES` or a held-out database; ``au`` is AU<n> or average; ``support`` the number of
    positive labels. The scores after it are those of `FURTHER`, of the clips pooled and of each database:
    NaN where the score is not defined, None in other scopes. Their average is over the AUs that have one.
    """

    method: str
    seed: int
    scope: str
    au: str
    f1: float
    support: int
    average_precision: float | None = None
    auroc: float | None = None
    calibration_error: float | None = None


class Scope(NamedTuple):
    """A way from all folds to one F1 per AU.

    ``title`` heads its table in metrics.md; ``f1`` takes labels and decisions, one array (n, k) per fold
    each, and returns float (k,).
    """

    title: str
    f1: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], np.ndarray]


# A new metric over all folds is one entry here.
SCOPES = {
    "pooled": Scope("F1 pooled: on the clips of all folds together", pooled),
    "mean": Scope("F1 mean over folds: per held-out database, then averaged", fold_mean),
    "macro2": Scope(
        "Both-class F1 (macro2): mean of presence and absence, pooled",
        lambda labels, decisions: f1_macro2(np.vstack(labels), np.vstack(decisions)),
    ),
}


class Further(NamedTuple):
    """A score beside F1: ``title`` heads its table; ``score`` takes labels and probabilities (n, k)."""

    title: str
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]


FURTHER = {
    "average_precision": Further("Average precision", ranking.average_precision),
    "auroc": Further("Area under the ROC curve (AUROC)", ranking.auroc),
    "calibration_error": Further("Expected calibration error (0 is best)", calibration.calibration_error),
}


def metric_rows(
    method: str, seed: int, labels: Mapping[str, np.ndarray], logits: Sequence[np.ndarray]
) -> list[MetricRow]:
    """A method's rows: every scope, then every held-out database.

    ``labels`` (n, 12) by held-out database; ``logits`` float (n, 12) in the same order.
    """
    truths, decisions = list(labels.values()), [positive(values) for values in logits]
    scopes = {name: scope.f1(truths, decisions) for name, scope in SCOPES.items()}
    scopes |= {name: f1(y, p) for (name, y), p in zip(labels.items(), decisions, strict=True)}
    return _rows(method, seed, scopes, labels, [expit(values) for values in logits])


def guesser_rows(
    method: str, labels: Mapping[str, np.ndarray], rates: Sequence[np.ndarray]
) -> list[MetricRow]:
    """Rows of a guesser who reads no clip, with one array of ``rates`` (12,) per fold.

    Pooled: at the folds' mean rate, weighted by their clips.
    """
    truths = list(labels.values())
    per_fold = [expected_f1(y, rate) for y, rate in zip(truths, rates, strict=True)]
    together = expected_f1(np.vstack(truths), np.average(rates, 0, [len(y) for y in truths]))
    scopes = {"pooled": together, "mean": np.mean(per_fold, 0)} | dict(zip(labels, per_fold, strict=True))
    predicted = [np.tile(rate, (len(y), 1)) for y, rate in zip(truths, rates, strict=True)]
    return _rows(method, 0, scopes, labels, predicted)


def _rows(
    method: str,
    seed: int,
    scopes: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    predicted: Sequence[np.ndarray],
) -> list[MetricRow]:
    """``scopes``: F1 (12,) by scope; ``predicted``: probabilities (n, 12) by held-out database."""
    truths = dict(labels) | {"pooled": np.vstack(list(labels.values()))}
    chances = dict(zip(labels, predicted, strict=True)) | {"pooled": np.vstack(list(predicted))}
    rows = []
    for scope, values in scopes.items():
        support = truths.get(scope, truths["pooled"]).sum(0)
        columns = [_with(np.mean, values), _with(np.sum, support)]
        if scope in truths:
            columns += [_with(_mean, f.score(truths[scope], chances[scope])) for f in FURTHER.values()]
        for au, value, count, *further in zip(COLUMNS, *columns, strict=True):
            rows.append(MetricRow(method, seed, scope, au, float(value), int(count), *map(float, further)))
    return rows


def _with(summary: Callable[[np.ndarray], float], values: np.ndarray) -> list[float]:
    """The AUs' values and, last, their summary: the columns of `COLUMNS`."""
    return [*values, summary(values)]


def _mean(values: np.ndarray) -> float:
    """The mean of the values that are defined; NaN where none is."""
    defined = values[~np.isnan(values)]
    return defined.mean() if len(defined) else np.nan
