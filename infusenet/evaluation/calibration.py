"""Calibration of probabilities: the expected error, and the curve of the reliability picture."""

import numpy as np

BINS = 10


def reliability(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Ten bins of equal width over the predicted probability: float (10, 3), one row per bin.

    Parameters
    ----------
    labels : int (n,), 0 or 1
    predicted : float (n,) in [0, 1]; one on an edge belongs to the bin below, as in scikit-learn

    Returns
    -------
    mean predicted probability and share of positive labels, NaN in an empty bin; number of clips
    """
    places = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], predicted)
    counts = np.bincount(places, minlength=BINS)
    sums = [np.bincount(places, values, BINS) for values in (predicted, labels)]
    means = [np.divide(total, counts, out=np.full(BINS, np.nan), where=counts > 0) for total in sums]
    return np.column_stack([*means, counts])


def calibration_error(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Expected calibration error per AU (Naeini et al., AAAI 2015): float (k,) in [0, 1], 0 is best.

    The distance of mean probability and share of positive labels, averaged over the bins of `reliability`
    with their clips as weights. ``labels`` int (n, k), ``predicted`` float (n, k) in [0, 1].
    """
    errors = []
    for truth, column in zip(labels.T, predicted.T, strict=True):
        mean, share, clips = reliability(truth, column).T
        errors.append(np.nansum(clips * np.abs(mean - share)) / clips.sum())
    return np.array(errors)
