"""F1 from labels and logits; no files. An AU counts as predicted where its logit is above 0."""

import numpy as np
from sklearn.metrics import f1_score


def positive(logits: np.ndarray) -> np.ndarray:
    """Decisions int (n, k) of logits (n, k): 1 where the probability exceeds one half."""
    return (logits > 0).astype(int)


def f1(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """F1 of the positive class per AU: float (k,) in [0, 1]; 0 where it is undefined.

    ``labels`` and ``decisions`` are 0/1 arrays (n, k).
    """
    return np.array([f1_score(y, p, zero_division=0) for y, p in zip(labels.T, decisions.T, strict=True)])


def f1_macro2(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Mean of the F1 of the presence and of the absence of each AU: float (k,).

    What scikit-learn calls ``macro`` for one AU; higher than `f1` wherever an AU is rare.
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
