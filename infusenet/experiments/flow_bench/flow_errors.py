"""Errors of a flow image against the truth, per clip as sums, and over many clips as figures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Bins of the true motion, px.
BINS = (0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
BIN_NAMES = tuple(f"{low:g}-{high:g}" for low, high in zip(BINS, BINS[1:], strict=False))
# Below it, a place counts as still, px.
STILL = 0.02
# Above it, the error is also given over the motion in one figure, px.
MOVING = 0.5
# The moving region of the strain: at least this share of the clip's largest true strain.
STRAINED = 0.1
# px per px; a true strain below it everywhere is rounding: the clip has only moved as a whole.
RIGID = 1e-4


class ErrorSums(NamedTuple):
    """Sums over the places of one clip; arrays have one entry per bin of the true motion.

    ``error``: mean end-point error, px. ``largest``: largest length of the estimate, px. ``bin_*``: sums of end-point
    error and motion, of the products of estimate and truth, and of the truth's squares. ``moving_*``: error and motion
    where the truth exceeds `MOVING`. ``still_*``: sum of the estimate's length and number of places where the truth is
    below `STILL`.
    ``strain_r``: correlation of estimated and true strain; ``energy``: squares of the estimated and of the true strain
    in the moving region, then outside it. Both are NaN where the face moves as a whole.
    """

    error: float
    largest: float
    bin_error: np.ndarray
    bin_motion: np.ndarray
    bin_product: np.ndarray
    bin_square: np.ndarray
    moving_error: float
    moving_motion: float
    still_length: float
    still_count: int
    strain_r: float
    energy: np.ndarray


class ErrorFigures(NamedTuple):
    """Figures over clips: errors in px, ratios and slopes per bin of the true motion.

    ``largest``: the longest estimate, px. ``ratios`` are error over motion, ``slopes`` are 1 where unbiased.
    ``moving_ratio``: error over motion above `MOVING`. ``false_flow``: mean length of the estimate where nothing moves,
    px. ``strain_r``: mean correlation of the strain over the clips. ``energy_inside``: energy of the strain in the
    moving region over the truth's; ``energy_outside``: share of the energy outside that region, whose true value is
    ``true_outside``; all three are means over the clips. NaN where no clip has such a place.
    """

    clips: int
    error: float
    largest: float
    ratios: np.ndarray
    moving_ratio: float
    slopes: np.ndarray
    false_flow: float
    strain_r: float
    energy_inside: float
    energy_outside: float
    true_outside: float


def error_sums(image: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> ErrorSums:
    """Errors of one flow image.

    Parameters
    ----------
    image, truth : float arrays (3, H, W)
        f_x and f_y in px, and the strain: estimated and true.
    inside : bool (H, W)
        The places that count: the face.
    """
    estimate, true = (values[:, inside].astype(float) for values in (image, truth))
    motion, error = np.hypot(*true[:2]), np.hypot(*(estimate - true)[:2])
    product = (estimate * true)[:2].sum(0)
    bins = np.digitize(motion, BINS) - 1
    parts = [bins == number for number in range(len(BINS) - 1)]

    def per_bin(values: np.ndarray) -> np.ndarray:
        return np.array([values[part].sum() for part in parts])

    moving, still = motion > MOVING, motion < STILL
    strain_r, energy = np.nan, np.full(4, np.nan)
    if true[2].max() > RIGID:
        strain_r = np.corrcoef(estimate[2], true[2])[0, 1] if np.ptp(estimate[2]) else 0.0
        region = true[2] > STRAINED * true[2].max()
        energy = np.array(
            [(values[2, part] ** 2).sum() for part in (region, ~region) for values in (estimate, true)]
        )
    return ErrorSums(
        error.mean(), np.hypot(*estimate[:2]).max(), per_bin(error), per_bin(motion), per_bin(product),
        per_bin(motion**2), error[moving].sum(), motion[moving].sum(), np.hypot(*estimate[:2, still]).sum(), int(still.sum()), strain_r, energy,
    )  # fmt: skip


def error_figures(clips: Sequence[ErrorSums]) -> ErrorFigures:
    """Figures over the clips: in ratios, slopes and false flow each place has equal weight, in the other
    means each clip."""
    sums = ErrorSums(*(np.array(values) for values in zip(*clips, strict=True)))
    total = ErrorSums(*(values.sum(0) for values in sums))
    inside, true_inside, outside, true_outside = sums.energy[~np.isnan(sums.strain_r)].T
    with np.errstate(invalid="ignore"):
        return ErrorFigures(
            len(clips),
            sums.error.mean(),
            sums.largest.max(),
            total.bin_error / total.bin_motion,
            total.moving_error / total.moving_motion,
            total.bin_product / total.bin_square,
            total.still_length / total.still_count,
            _mean(sums.strain_r[~np.isnan(sums.strain_r)]),
            _mean(inside / true_inside),
            _mean(outside / (inside + outside)),
            _mean(true_outside / (true_inside + true_outside)),
        )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


class ZoneSums(NamedTuple):
    """Sums over the zone of a scene, and over its still skin: see `ZoneFigures`."""

    product: float
    square: float
    error: float
    motion: float
    still_error: float
    still_count: int


class ZoneFigures(NamedTuple):
    """``slope`` of the estimate on the truth, and error over motion, in the zone; mean error in still skin, px."""

    slope: float
    ratio: float
    still_error: float


def zone_sums(
    flow: np.ndarray, truth: np.ndarray, shift: np.ndarray, zone: np.ndarray, still: np.ndarray
) -> ZoneSums:
    """Errors of one flow.

    ``flow`` and ``truth`` are (2, H, W), px. Motion in the zone counts without the head's ``shift`` (2,). ``zone`` and
    ``still`` are bool (H, W).
    """
    error = np.hypot(*(flow - truth))
    estimate, true = (values[:, zone] - shift[:, None] for values in (flow, truth))
    return ZoneSums(
        (estimate * true).sum(), (true**2).sum(), error[zone].sum(), np.hypot(*true).sum(), error[still].sum(),
        int(still.sum()),
    )  # fmt: skip


def zone_figures(parts: Sequence[ZoneSums]) -> ZoneFigures:
    """Figures over several flows; every place counts alike."""
    total = ZoneSums(*map(sum, zip(*parts, strict=True)))
    still = total.still_error / total.still_count if total.still_count else np.nan
    return ZoneFigures(total.product / total.square, total.error / total.motion, still)
