"""Draws of subjects against draws clip by clip, Holm's correction, and coverage on correlated clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from infusenet.evaluation import resampling


def clips(seed, subjects=5):
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(subjects), generator.integers(1, 7, subjects))
    labels, decisions = (generator.integers(0, 2, (len(groups), 3)) for _ in range(2))
    labels[:, seed % 3] = 0
    return labels, decisions, groups


@given(st.integers(0, 99))
def test_a_draw_scores_all_clips_of_the_subjects_that_it_took(seed):
    labels, decisions, groups = clips(seed)
    weights = resampling.draws([2, 3], 4, seed)
    # One of two, and two of three, that weigh as much as all of them.
    assert set(weights[:, :2].ravel()) <= {0, 2}
    assert set(weights[:, 2:].ravel()) <= {0, 1.5, 3}
    np.testing.assert_allclose(weights.sum(1), 5)
    counts = resampling.group_sums(resampling.f1_parts(labels, decisions), groups)
    for weight, values in zip(weights, resampling.ratios(weights, counts), strict=True):
        taken = {"sample_weight": weight[groups], "average": None, "zero_division": 0}
        expected = f1_score(labels, decisions, **taken)
        np.testing.assert_allclose(values, expected)


def test_an_interval_excludes_0_exactly_where_p_is_below_one_in_twenty():
    for shift in np.linspace(0, 4, 60):
        values = np.random.default_rng(3).normal(shift, 1, 9999)
        low, high = resampling.interval(shift, values)
        p = resampling.p_value(shift, values)
        if abs(p - 0.05) > 0.001:
            assert (p < 0.05) == (low > 0 or high < 0)
    assert resampling.p_value(0, np.zeros(100)) == 1
    assert resampling.p_value(1, np.ones(9999)) == pytest.approx(2 / 10_000)


def test_an_interval_reaches_up_where_the_draws_lie_too_low():
    assert resampling.interval(0.5, np.linspace(0.2, 0.6, 101), 0.9) == pytest.approx((0.42, 0.78))


def test_a_database_of_one_subject_is_in_every_draw():
    assert (resampling.draws([1, 4], 20, 0)[:, 0] == 1).all()


@given(st.integers(2, 40))
def test_the_draws_spread_as_the_mean_of_independent_subjects_does(size):
    """The variance of a mean over n subjects is that of the subjects over n, with n - 1 in its denominator."""
    values = np.random.default_rng(size).normal(size=size)
    means = resampling.draws([size], 20_000, size) @ values / size
    assert means.var() == pytest.approx(values.var(ddof=1) / size, rel=0.06)


def test_holm_multiplies_the_smallest_p_most_and_keeps_the_order():
    # By hand: .01 x 4, .02 x 3, .03 x 2 (not below the one before), .2 x 1.
    assert resampling.holm([0.02, 0.2, 0.01, 0.03]) == pytest.approx([0.06, 0.2, 0.04, 0.06])
    assert resampling.holm([0.6, 0.9]) == pytest.approx([1, 1])
    assert resampling.holm([0.04]) == pytest.approx([0.04])


def test_intervals_over_subjects_cover_where_intervals_over_clips_are_too_narrow():
    """Whole subjects are right or wrong: over clips the interval of the share is far too narrow."""
    generator = np.random.default_rng(0)
    covered = {"subjects": 0, "clips": 0}
    for number in range(100):
        right = np.repeat(generator.integers(0, 2, 40), 8)
        values = np.stack([right, np.ones_like(right)], 1)[:, :, None]
        units = {"subjects": np.repeat(np.arange(40), 8), "clips": np.arange(320)}
        for unit, groups in units.items():
            counts = resampling.group_sums(values, groups)
            drawn = resampling.ratios(resampling.draws([len(counts)], 300, number), counts)[:, 0]
            low, high = resampling.interval(right.mean(), drawn)
            covered[unit] += low <= 0.5 <= high
    assert covered["subjects"] >= 88
    assert covered["clips"] <= 65
