"""Scores of the order of clips by logit, whatever the threshold: average precision and AUROC.

They are scikit-learn's to the last bit (tests compare them), without its import and its checks of every
call, which take longer than all else of an evaluation.
"""

from collections.abc import Callable

import numpy as np


def average_precision(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision per AU: float (k,) in [0, 1]; NaN for an AU without a positive label.

    ``labels`` int (n, k), 0 or 1; ``scores`` float (n, k), of which only the order counts. Scores that say
    nothing get the share of positive labels.
    """
    return _by_au(_precision_area, labels, scores, labels.any(0))


def auroc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve per AU: float (k,) in [0, 1]; NaN for an AU without a positive or a negative
    label. Scores that say nothing get one half. Arrays as for `average_precision`."""
    return _by_au(_roc_area, labels, scores, labels.any(0) & ~labels.all(0))


def _by_au(
    area: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    scores: np.ndarray,
    defined: np.ndarray,
) -> np.ndarray:
    values = np.full(labels.shape[1], np.nan)
    for k in np.flatnonzero(defined):
        values[k] = area(*_positives(labels[:, k], scores[:, k]))
    return values


def _positives(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives, int (m,) each, at each of the m different scores as the threshold, from the
    highest down."""
    order = np.argsort(-scores)
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores count together
    true = np.cumsum(labels[order])[ends]
    return true, ends + 1 - true


def _precision_area(true: np.ndarray, false: np.ndarray) -> float:
    """Precision, averaged over the steps of recall."""
    precision, recall = true / (true + false), true / true[-1]
    # From the lowest threshold up: another order of a sum has other last bits.
    return -np.sum(np.diff(recall[::-1], append=0) * precision[::-1])


def _roc_area(true: np.ndarray, false: np.ndarray) -> float:
    """Area by the trapezoidal rule below the corners of the curve; the points between them change last bits."""
    corner = np.ones(len(true), bool)
    corner[1:-1] = (np.diff(true, 2) != 0) | (np.diff(false, 2) != 0)
    true, false = np.append(0, true[corner]), np.append(0, false[corner])
    return np.trapezoid(true / true[-1], false / false[-1])
