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
    """

    clip: str
    window: Window
    confidence: float | None
    logits: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """float32 (12,), over the models."""
        return self.logits.mean(0)

    @property
    def spread(self) -> np.ndarray:
        """float32 (12,), the sample standard deviation over the models; 0 of a single one."""
        if len(self.logits) == 1:
            return np.zeros_like(self.logits[0])
        return self.logits.std(0, ddof=1)

    @property
    def probability(self) -> np.ndarray:
        """float32 (12,) in [0, 1], the logistic function of the mean."""
        return expit(self.mean)

    @property
    def decision(self) -> np.ndarray:
        """bool (12,), whether an Action Unit counts as predicted: its mean logit is above 0."""
        return self.mean > 0
