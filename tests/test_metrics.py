"""Metrics against scikit-learn on random multi-label data, and hand-worked confusion matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score, multilabel_confusion_matrix

from infusenet.evaluation import metrics


def fold(classes):
    return st.integers(1, 25).flatmap(
        lambda clips: st.tuples(
            arrays.arrays(int, (clips, classes), elements=st.integers(0, 1)),
            arrays.arrays(np.float32, (clips, classes), elements=st.floats(-5, 5, width=32)),
            st.integers(0, classes - 1),
        )
    )


folds = st.integers(2, 5).flatmap(lambda classes: st.lists(fold(classes), min_size=1, max_size=4))


def arranged(folds):
    """Labels and decisions of each fold; in each, one class loses all its positives."""
    for labels, _, empty in folds:
        labels[:, empty] = 0
    return [labels for labels, *_ in folds], [metrics.positive(logits) for _, logits, _ in folds]


@given(folds)
def test_both_averages_agree_with_scikit_learn(folds):
    labels, decisions = arranged(folds)
    settings = {"average": None, "zero_division": 0}
    expected = f1_score(np.vstack(labels), np.vstack(decisions), **settings)
    np.testing.assert_allclose(metrics.pooled(labels, decisions), expected)
    expected = np.mean([f1_score(y, p, **settings) for y, p in zip(labels, decisions, strict=True)], 0)
    np.testing.assert_allclose(metrics.fold_mean(labels, decisions), expected)


@given(folds)
def test_both_classes_and_counts_agree_with_scikit_learn(folds):
    labels, decisions = (np.vstack(arrays) for arrays in arranged(folds))
    both = [f1_score(y, p, average="macro", labels=[0, 1], zero_division=1.0)
            for y, p in zip(labels.T, decisions.T, strict=True)]  # fmt: skip
    np.testing.assert_allclose(metrics.f1_macro2(labels, decisions), both)
    np.testing.assert_array_equal(
        metrics.two_by_two(labels, decisions), multilabel_confusion_matrix(labels, decisions)
    )


def test_an_au_that_is_absent_and_never_predicted_is_right_in_both_classes_and_0_in_one():
    nothing = np.zeros((5, 1), int)
    assert metrics.f1_macro2(nothing, nothing).tolist() == [1]
    assert metrics.f1(nothing, nothing).tolist() == [0]


def test_a_logit_of_zero_is_no():
    assert metrics.positive(np.array([[0.0, 1e-9, -1e-9]])).tolist() == [[0, 1, 0]]


@given(folds)
def test_always_one_is_the_guesser_at_rate_one(folds):
    labels = np.vstack(arranged(folds)[0])
    np.testing.assert_allclose(
        metrics.expected_f1(labels, np.ones(labels.shape[1])),
        metrics.f1(labels, np.ones_like(labels)),
        atol=1e-12,
    )


def test_guesser_at_a_rate_matches_simulation():
    generator = np.random.default_rng(0)
    labels = (generator.random((4000, 1)) < 0.2).astype(int)
    guesses = (generator.random((4000, 1)) < 0.35).astype(int)
    assert metrics.expected_f1(labels, np.array([0.35]))[0] == pytest.approx(
        metrics.f1(labels, guesses)[0], abs=0.03
    )


def test_no_positive_and_no_guess_is_zero():
    assert metrics.expected_f1(np.zeros((3, 1), int), np.zeros(1)).tolist() == [0]


# True AUs, predicted AUs and the filled cells (row, column) of three classes; 3 is the extra one.
@pytest.mark.parametrize(
    ("truth", "said", "cells"),
    [
        ([0], [0], [(0, 0)]),
        ([], [], [(3, 3)]),
        ([], [0, 2], [(3, 0), (3, 2)]),
        ([0, 1], [], [(0, 3), (1, 3)]),
        ([0, 1], [1], [(1, 1), (0, 3)]),
        ([0], [0, 1, 2], [(0, 0), (0, 1), (0, 2)]),
        ([0, 1], [0, 1, 2], [(0, 0), (1, 1), (0, 2), (1, 2)]),
        ([0, 1], [1, 2], [(1, 1), (0, 2)]),
        ([0, 1], [2], [(0, 2), (1, 2)]),
        ([0], [1, 2], [(0, 1), (0, 2)]),
    ],
)
def test_mlcm_follows_the_rules_of_its_paper(truth, said, cells):
    labels, decisions, expected = np.zeros((1, 3), int), np.zeros((1, 3), int), np.zeros((4, 4), int)
    labels[0, truth], decisions[0, said] = 1, 1
    expected[tuple(zip(*cells, strict=True))] = 1
    np.testing.assert_array_equal(metrics.mlcm(labels, decisions), expected)


@given(folds)
def test_mlcm_sums_over_clips_and_keeps_hits_and_misses(folds):
    labels, decisions = (np.vstack(arrays) for arrays in arranged(folds))
    matrix = metrics.mlcm(labels, decisions)
    clips = [metrics.mlcm(y[None], p[None]) for y, p in zip(labels, decisions, strict=True)]
    np.testing.assert_array_equal(matrix, np.sum(clips, 0))
    np.testing.assert_array_equal(matrix.diagonal()[:-1], metrics.two_by_two(labels, decisions)[:, 1, 1])
    # Every label and every prediction is booked somewhere.
    assert (matrix[:-1].sum(1) >= labels.sum(0)).all()
    assert (matrix[:, :-1].sum(0) >= decisions.sum(0)).all()


def test_cooccurrence_is_a_share_of_the_clips_with_the_true_label():
    labels, decisions = np.array([[1, 1, 0], [1, 0, 0]]), np.array([[1, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(
        metrics.cooccurrence(labels, decisions), [[0.5, 0, 1], [1, 0, 1], [np.nan] * 3]
    )
