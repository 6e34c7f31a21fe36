"""Bootstrap over groups of clips (the subjects), from counts per group; Holm's correction. No files.

Clips of one subject are alike, so a draw takes whole subjects, within each held-out database.
"""

from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def draws(sizes: Sequence[int], count: int, seed: int) -> np.ndarray:
    """Bootstrap weights float (count, sum of sizes): how much of each group is in each draw.

    Of each block of n of ``sizes`` groups (the subjects of a held-out database) a draw takes n - 1 with
    replacement, each with the weight n / (n - 1): taking n would make the spread of the draws too small (Rao
    and Wu, Journal of the American Statistical Association 1988). A block of one group is in every draw.
    """
    generator = np.random.default_rng(seed)
    blocks = []
    for size in sizes:
        taken = max(1, size - 1)
        blocks.append(generator.multinomial(taken, np.full(size, 1 / size), count) * (size / taken))
    return np.hstack(blocks)


def group_sums(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums of the rows of ``values`` (n, ...) by group: float (g, ...); ``groups`` int (n,) in 0 .. g - 1."""
    sums = np.zeros((groups.max() + 1, *values.shape[1:]))
    np.add.at(sums, groups, values)
    return sums


def f1_parts(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """The parts of F1, by clip: int (n, 2, k), twice the hits, and positives plus predictions.

    ``labels`` and ``decisions`` are 0/1 integer arrays (n, k).
    """
    return np.stack([2 * labels * decisions, labels + decisions], 1)


def ratios(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums of numerators over sums of denominators in each draw: float (draws, k); 0 where it is undefined.

    ``weights`` float (draws, g), ``counts`` float (g, 2, k). With sums of `f1_parts` it is F1.
    """
    above, below = weights @ counts[:, 0], weights @ counts[:, 1]
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def interval(value: float, drawn: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The basic bootstrap interval of ``value`` from its values in the draws (draws,).

    The draws lie about ``value`` as ``value`` lies about the truth. Where they lie too low, because a draw may
    hold none of a rare AU's positives, so does ``value``, and the interval reaches further up.
    """
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(2 * value - high), float(2 * value - low)


def p_value(value: float, drawn: np.ndarray) -> float:
    """Two-sided p of "the truth is 0": below .05 where the 95 % interval excludes 0.

    The least p of B draws is 2 / (B + 1); where ``value`` and all draws are 0 it is 1.
    """
    side = min((drawn - value >= value).sum(), (drawn - value <= value).sum())
    return float(min(1.0, 2 * (side + 1) / (len(drawn) + 1)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction (Scandinavian Journal of Statistics 1979): adjusted p float (m,) of m tests.

    The chance that at least one true null hypothesis has an adjusted p below .05 is at most .05, however
    the tests depend on each other.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted
