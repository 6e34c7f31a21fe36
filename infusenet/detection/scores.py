"""Scores of one clip by one or several trained models."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from infusenet.detection.clip_arrays import Window


@dataclass(frozen=True)
class ClipScores:
    """Scores of a clip's 12 Action Units, in the order of ``infusenet.protocol.AUS``.

    ``clip``: the footage's name. ``confidence`` of a spotted interval, in [0, 1]; None where onset and apex were given.
    ``logits``: float32 (M, 12), of M models the scored head's, each the mean over the six pseudo-apex candidates.
    From these, each of 12: ``mean`` over the models, ``spread`` (sample standard deviation, 0 of a single model),
    ``probability`` in [0, 1] (the logistic function of the mean) and ``decision`` (whether the mean is above 0).
    """

    clip: str
    window: Window
    confidence: float | None
    logits: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.logits.mean(0)

    @property
    def spread(self) -> np.ndarray:
        if len(self.logits) == 1:
            return np.zeros_like(self.logits[0])
        return self.logits.std(0, ddof=1)

    @property
    def probability(self) -> np.ndarray:
        return expit(self.mean)

    @property
    def decision(self) -> np.ndarray:
        return self.mean > 0
