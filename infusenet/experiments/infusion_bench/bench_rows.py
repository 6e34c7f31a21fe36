"""Results of the bench as rows, and their comparison seed by seed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from infusenet.experiments.infusion_bench.conditions import FLOW, INFUSENET

# The steps of Table 2's order, worst first, and InfuseNet against the rest.
PAIRS = [("late_fusion", "resnet18_mag"), (FLOW, "late_fusion"), (INFUSENET, FLOW), (INFUSENET, "late_fusion"),
         (INFUSENET, "resnet18_mag")]  # fmt: skip


class BenchRow(NamedTuple):
    """One training of a system on every held-out database. FrameFlow reads no latents: its
    ``magnifier`` and ``photometric`` are ``-``. ``inside``: the share of Grad-CAM's energy inside the true
    motion; ``covered``: the share of the crop that the true motion covers."""

    level: str
    magnifier: str
    photometric: str
    infusion: str
    method: str
    seed: int
    f1: float
    inside: float
    covered: float


class Bench:
    """Rows by cell; a value is a dict by seed."""

    def __init__(self, rows: Sequence[BenchRow]):
        self.rows = rows
        self.levels = list(dict.fromkeys(row.level for row in rows))
        self.latents = list(dict.fromkeys((r.magnifier, r.photometric) for r in rows if r.method != FLOW))
        self.infusions = [name for name in dict.fromkeys(row.infusion for row in rows) if name != "paper"]

    def values(self, quantity: str, level: str, latents, method: str, infusion="paper") -> dict[int, float]:
        key = (level, *(("-", "-") if method == FLOW else latents), infusion, method)
        return {row.seed: getattr(row, quantity) for row in self.rows if row[:5] == key}

    def difference(self, level: str, latents, better: str, worse: str) -> np.ndarray:
        """F1 of one system minus another's, seed by seed."""
        return pair_by_seed(*(self.values("f1", level, latents, name) for name in (better, worse)))


def pair_by_seed(first: Mapping[int, float], second: Mapping[int, float]) -> np.ndarray:
    """Differences float (seeds,) of two systems' values at equal seeds."""
    return np.array([first[seed] - second[seed] for seed in first])


def beyond(differences: np.ndarray) -> bool:
    """True when the mean difference is positive beyond the seeds' spread: Student's two-sided 95 %
    interval of the mean lies above zero. One seed has no spread, so the result is False."""
    count = len(differences)
    if count < 2:
        return False
    margin = stats.t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / np.sqrt(count)
    return bool(differences.mean() > margin)
