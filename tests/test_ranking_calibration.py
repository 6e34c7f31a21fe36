"""Average precision, AUROC and calibration error against scikit-learn and plain loops, with empty classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score

from infusenet.evaluation import calibration, ranking


def made(seed, clips=40):
    """Labels and logits of four AUs: the first has no positive, the second no negative label; scores tie."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, (clips, 4))
    labels[:2, 2:] = [[0, 1], [1, 0]]
    labels[:, 0], labels[:, 1] = 0, 1
    return labels, generator.normal(labels * 1.0, 1).round(1)


@given(st.integers(0, 500))
def test_ranking_agrees_with_scikit_learn_and_has_no_value_without_positives(seed):
    labels, logits = made(seed)
    precision, area = ranking.average_precision(labels, logits), ranking.auroc(labels, logits)
    assert np.isnan(precision).tolist() == [True, False, False, False]
    assert np.isnan(area).tolist() == [True, True, False, False]
    for k in (2, 3):
        assert precision[k] == average_precision_score(labels[:, k], logits[:, k])
        assert area[k] == roc_auc_score(labels[:, k], logits[:, k])
    # The sigmoid keeps the order.
    again = ranking.auroc(labels, expit(logits))
    np.testing.assert_allclose(again, area)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 500))
def test_few_clips_and_aus_have_the_values_of_each_alone(clips, aus, seed):
    generator = np.random.default_rng(seed)
    labels, logits = generator.integers(0, 2, (clips, aus)), generator.normal(size=(clips, aus)).round(1)
    precision, area = ranking.average_precision(labels, logits), ranking.auroc(labels, logits)
    for k, column in enumerate(labels.T):
        expected = average_precision_score(column, logits[:, k]) if column.any() else np.nan
        np.testing.assert_equal(precision[k], expected)
        expected = roc_auc_score(column, logits[:, k]) if len(set(column)) == 2 else np.nan
        np.testing.assert_equal(area[k], expected)


def test_scores_that_say_nothing_have_the_values_of_chance():
    labels, _ = made(1)
    share = labels.mean(0)
    nothing = np.ones(labels.shape)
    np.testing.assert_allclose(ranking.average_precision(labels, nothing)[1:], share[1:])
    np.testing.assert_allclose(ranking.auroc(labels, nothing)[2:], 0.5)


@given(st.integers(0, 500))
def test_the_curve_is_scikit_learns_and_the_error_its_weighted_distance(seed):
    labels, logits = made(seed)
    predicted = expit(logits)
    for k in range(2, 4):
        mean, share, clips = calibration.reliability(labels[:, k], predicted[:, k]).T
        shares, means = calibration_curve(labels[:, k], predicted[:, k], n_bins=10)
        np.testing.assert_allclose(share[clips > 0], shares)
        np.testing.assert_allclose(mean[clips > 0], means)
        bins = np.digitize(predicted[:, k], np.linspace(0, 1, 11)[1:-1], right=True)
        expected = sum(
            abs(sum(predicted[bins == b, k]) - sum(labels[bins == b, k])) for b in range(10)
        ) / len(labels)
        assert calibration.calibration_error(labels, predicted)[k] == pytest.approx(expected)


def test_calibrated_and_certain_but_wrong_are_the_ends():
    labels = np.array([[1], [0], [0], [0]])
    assert calibration.calibration_error(labels, np.full((4, 1), 0.25)) == pytest.approx(0)
    assert calibration.calibration_error(labels, 1.0 - labels) == pytest.approx(1)
    assert expit(np.array([-1e9, 0, 1e9])) == pytest.approx([0, 0.5, 1])
