"""F1 against scikit-learn on random multi-label data, empty classes included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score

from infusenet import metrics

shapes = st.tuples(st.integers(1, 30), st.integers(1, 5))
pairs = shapes.flatmap(
    lambda shape: st.tuples(
        arrays.arrays(int, shape, elements=st.integers(0, 1)),
        arrays.arrays(np.float32, shape, elements=st.floats(-5, 5, width=32)),
    )
)


@given(pairs)
def test_agrees_with_scikit_learn(pair):
    labels, logits = pair
    decisions = metrics.positive(logits)
    expected = f1_score(labels, decisions, average=None, zero_division=0) if labels.shape[1] > 1 else [
        f1_score(labels[:, 0], decisions[:, 0], zero_division=0)
    ]  # fmt: skip
    np.testing.assert_allclose(metrics.f1(labels, decisions), expected)
    for k in range(labels.shape[1]):
        both = f1_score(labels[:, k], decisions[:, k], average="macro", labels=[0, 1], zero_division=0)
        assert metrics.f1_macro2(labels, decisions)[k] == pytest.approx(both)


def test_a_logit_of_zero_is_no():
    assert metrics.positive(np.array([[0.0, 1e-9, -1e-9]])).tolist() == [[0, 1, 0]]


@given(pairs)
def test_always_one_is_the_guesser_at_rate_one(pair):
    labels, _ = pair
    ones = np.ones(labels.shape[1])
    np.testing.assert_allclose(
        metrics.expected_f1(labels, ones), metrics.f1(labels, np.ones_like(labels)), atol=1e-12
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
