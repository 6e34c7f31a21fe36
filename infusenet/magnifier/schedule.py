"""Schedules of the magnifier's training: what is learnt when, and how fast."""

from dataclasses import dataclass

APART_RATE = 1e-3
WARM_UP, FADE = 0.03, 0.6  # shares of the second stage: a first step of full size breaks a good start
REACH = 20  # px, the largest magnified motion
REACH_GROWTH, NUISANCE_GROWTH = 60, 5  # per second stage


@dataclass(frozen=True)
class Schedule:
    """Rates and data by ``progress``, the completed share [0, 1] of a training's steps.

    autoencoder : where the first stage, in which only the decoder learns, ends; 0 where there is none
    peak : the highest learning rate of the second stage
    reach, nuisance : largest magnified motion, px, and share of what is not motion, as the second stage begins
    """

    autoencoder: float
    peak: float
    reach: float
    nuisance: float

    def rate(self, progress: float) -> float:
        """The learning rate: constant in the first stage, then up, constant, and down to zero."""
        if progress < self.autoencoder:
            return APART_RATE
        share = self._together(progress)
        return self.peak * min(share / WARM_UP, 1, (1 - share) / FADE)

    def curriculum(self, progress: float) -> dict[str, float]:
        """Small and clean motion first, where the start is right; then larger motion and nuisances."""
        share = self._together(progress)
        return {
            "reach": min(self.reach + REACH_GROWTH * share, REACH),
            "nuisance": min(self.nuisance + NUISANCE_GROWTH * share, 1),
        }

    def _together(self, progress: float) -> float:
        """The completed share of the second stage, in [0, 1]."""
        return max(progress - self.autoencoder, 0) / (1 - self.autoencoder)


LINEAR = Schedule(autoencoder=0.03, peak=4e-4, reach=1, nuisance=0)  # from a linear magnifier
TUNING = Schedule(autoencoder=0, peak=2e-4, reach=6, nuisance=1)  # from weights
