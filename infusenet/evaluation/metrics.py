"""Metrics from labels and logits, and the rows and columns of metrics.csv that they fill; no files.

``labels`` and ``decisions`` are 0/1 integer arrays (n, k): n clips, k AUs. An AU counts as predicted
where its logit is above 0.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from infusenet.protocol import AUS

AU_NAMES = [f"AU{n}" for n in AUS]
# The values of the column ``au`` of metrics.csv, and the columns of the tables in metrics.md.
COLUMNS = [*AU_NAMES, "average"]


class F1Row(NamedTuple):
    """A row of metrics.csv, which has these columns: one F1 in [0, 1].

    ``scope`` is one of `SCOPES` or a held-out database; ``au`` is AU<n> or average; ``support`` the number of
    positive labels.
    """

    method: str
    seed: int
    scope: str
    au: str
    f1: float
    support: int


def positive(logits: np.ndarray) -> np.ndarray:
    """Decisions int (n, k) of logits (n, k): 1 where the probability exceeds one half."""
    return (logits > 0).astype(int)


def f1(labels: np.ndarray, decisions: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """F1 of the positive class per AU: float (k,) in [0, 1]; 0 where it is undefined.

    ``weights`` float (draws, n): how often each clip was drawn; the result is then (draws, k).
    """
    weights = np.ones(len(labels)) if weights is None else weights
    hits, total = weights @ (2.0 * labels * decisions), weights @ (1.0 * labels + decisions)
    return np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)


def pooled(labels: Sequence[np.ndarray], decisions: Sequence[np.ndarray]) -> np.ndarray:
    """F1 float (k,) on the clips of all folds together; one array per fold."""
    return f1(np.vstack(labels), np.vstack(decisions))


def fold_mean(labels: Sequence[np.ndarray], decisions: Sequence[np.ndarray]) -> np.ndarray:
    """F1 float (k,) of each fold, then the mean over folds; one array per fold.

    A fold without a positive label counts as 0, so that an AU missing from one of six folds
    cannot exceed 5/6.
    """
    return np.mean([f1(y, p) for y, p in zip(labels, decisions, strict=True)], 0)


def f1_macro2(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Mean of the F1 of the presence and of the absence of each AU: float (k,).

    scikit-learn calls it ``macro`` for one AU; it is higher than `f1` wherever an AU is rare.
    """
    return (f1(labels, decisions) + f1(1 - labels, 1 - decisions)) / 2


def expected_f1(labels: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """F1 of a guesser who says "present" with probability ``rates`` (k,), whatever the clip.

    F1 of the expected counts: with P positives and N negatives, TP = rate P, FP = rate N and
    FN = (1 - rate) P. A rate of 1 gives the F1 of always saying "present".
    """
    present, absent = labels.sum(0), (1 - labels).sum(0)
    hits = 2 * rates * present
    total = hits + rates * absent + (1 - rates) * present
    return np.divide(hits, total, out=np.zeros(len(rates)), where=total > 0)


def draws(sizes: Sequence[int], count: int, seed: int) -> np.ndarray:
    """Bootstrap weights float (count, sum of sizes): how often each draw takes each clip.

    Each draw takes, from each of the groups of ``sizes`` clips (the held-out databases), as many
    clips as there are, with replacement.
    """
    generator = np.random.default_rng(seed)
    groups = [generator.multinomial(size, np.full(size, 1 / size), count) for size in sizes]
    return np.hstack(groups).astype(float)


def two_by_two(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Counts int (k, 2, 2) of each AU alone: rows truth, columns decision, absent before present."""
    truth, prediction = np.stack([1 - labels, labels]), np.stack([1 - decisions, decisions])
    return np.einsum("ink,jnk->kij", truth, prediction)


def mlcm(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Multi-label confusion matrix of Heydarian et al., IEEE Access 2022: counts int (k + 1, k + 1).

    Rows are true AUs and, last, "no true label"; columns are predicted AUs and, last, "no predicted
    label". For each clip the hits go to the diagonal; then

    1. nothing surplus was predicted: each missed AU goes to the last column;
    2. nothing was missed: each true AU takes every surplus prediction (a clip without a true AU
       gives them to the last row);
    3. both: each missed AU takes every surplus prediction.

    A clip with neither true nor predicted AU counts in the last corner.
    """
    hits = labels * decisions
    missed, surplus = labels - hits, decisions - hits
    unlabelled, exact = ~labels.any(1), ~surplus.any(1)
    takers = np.where(missed.any(1, keepdims=True), missed, labels)
    inner = takers.T @ surplus + np.diag(hits.sum(0))
    last_column = missed[exact].sum(0)
    last_row = [*surplus[unlabelled].sum(0), (unlabelled & exact).sum()]
    return np.vstack([np.column_stack([inner, last_column]), last_row])


def cooccurrence(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Share float (k, k) of the clips with true AU i for which AU j was predicted; row NaN without any.

    The diagonal is recall. Off it, real co-occurrence and errors are added up.
    """
    present = labels.sum(0)[:, None]
    together = (labels.T @ decisions).astype(float)
    return np.divide(together, present, out=np.full_like(together, np.nan), where=present > 0)


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


def f1_rows(
    method: str, seed: int, labels: Mapping[str, np.ndarray], logits: Sequence[np.ndarray]
) -> list[F1Row]:
    """A method's rows: every scope, then every held-out database.

    ``labels`` (n, 12) by held-out database; ``logits`` float (n, 12) in the same order.
    """
    truths, decisions = list(labels.values()), [positive(values) for values in logits]
    scopes = {name: scope.f1(truths, decisions) for name, scope in SCOPES.items()}
    per_fold = [f1(y, p) for y, p in zip(truths, decisions, strict=True)]
    return _rows(method, seed, scopes, labels, per_fold)


def guesser_rows(method: str, labels: Mapping[str, np.ndarray], rates: Sequence[np.ndarray]) -> list[F1Row]:
    """Rows of a guesser who reads no clip, with one array of ``rates`` (12,) per fold.

    Pooled: at the folds' mean rate, weighted by their clips.
    """
    truths = list(labels.values())
    per_fold = [expected_f1(y, rate) for y, rate in zip(truths, rates, strict=True)]
    together = expected_f1(np.vstack(truths), np.average(rates, 0, [len(y) for y in truths]))
    return _rows(method, 0, {"pooled": together, "mean": np.mean(per_fold, 0)}, labels, per_fold)


def _rows(
    method: str, seed: int, scopes: dict, labels: Mapping[str, np.ndarray], per_fold: Sequence[np.ndarray]
) -> list[F1Row]:
    support = dict.fromkeys(scopes, np.vstack(list(labels.values())).sum(0))
    for (database, truth), values in zip(labels.items(), per_fold, strict=True):
        scopes[database], support[database] = values, truth.sum(0)
    return [
        F1Row(method, seed, scope, au, float(value), int(n))
        for scope, values in scopes.items()
        for au, value, n in zip(
            COLUMNS, [*values, values.mean()], [*support[scope], support[scope].sum()], strict=True
        )
    ]
