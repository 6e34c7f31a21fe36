"""Scores of the order of clips by logit, whatever the threshold: average precision and AUROC, by scikit-learn."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def average_precision(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision per AU: float (k,) in [0, 1]; NaN for an AU without a positive label.

    ``labels`` int (n, k), 0 or 1; ``scores`` float (n, k), of which only the order counts. Scores that say
    nothing get the share of positive labels.
    """
    return _by_au(average_precision_score, labels, scores, labels.any(0))


def auroc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve per AU: float (k,) in [0, 1]; NaN for an AU without a positive or a negative
    label. Scores that say nothing get one half. Arrays as for `average_precision`."""
    return _by_au(roc_auc_score, labels, scores, labels.any(0) & ~labels.all(0))


def _by_au(
    score: Callable[..., np.ndarray], labels: np.ndarray, scores: np.ndarray, defined: np.ndarray
) -> np.ndarray:
    values = np.full(labels.shape[1], np.nan)
    # All at once: to check its input takes scikit-learn far longer than the score of one AU.
    if defined.any():
        values[defined] = score(labels[:, defined], scores[:, defined], average=None)
    return values
