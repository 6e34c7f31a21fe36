"""F1 and confusion counts from labels and decisions; no files.

``labels`` and ``decisions`` are 0/1 integer arrays (n, k): n clips, k AUs. An AU counts as predicted
where its logit is above 0.
"""

from collections.abc import Sequence

import numpy as np

from infusenet.protocol import AUS

AU_NAMES = [f"AU{n}" for n in AUS]
# The values of the column ``au`` of metrics.csv, and the columns of its tables.
COLUMNS = [*AU_NAMES, "average"]


def positive(logits: np.ndarray) -> np.ndarray:
    """Decisions int (n, k) of logits (n, k): 1 where the probability exceeds one half."""
    return (logits > 0).astype(int)


def f1(labels: np.ndarray, decisions: np.ndarray, undefined: float = 0.0) -> np.ndarray:
    """F1 of the positive class per AU: float (k,) in [0, 1]; ``undefined`` where an AU is absent and never
    predicted (scikit-learn's ``zero_division``)."""
    hits, total = 2.0 * (labels * decisions).sum(0), (labels + decisions).sum(0)
    return np.divide(hits, total, out=np.full_like(hits, undefined), where=total > 0)


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

    scikit-learn calls it ``macro`` for one AU; it is higher than `f1` wherever an AU is rare. As there,
    an AU that is absent and never predicted scores 1: all decisions on it are right.
    """
    return (f1(labels, decisions, 1.0) + f1(1 - labels, 1 - decisions, 1.0)) / 2


def expected_f1(labels: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """F1 of a guesser who says "present" with probability ``rates`` (k,), whatever the clip.

    F1 of the expected counts: with P positives and N negatives, TP = rate P, FP = rate N and
    FN = (1 - rate) P. A rate of 1 gives the F1 of always saying "present".
    """
    present, absent = labels.sum(0), (1 - labels).sum(0)
    hits = 2 * rates * present
    total = hits + rates * absent + (1 - rates) * present
    return np.divide(hits, total, out=np.zeros(len(rates)), where=total > 0)


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
