"""Resampling along time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infusenet.preprocess.temporal import spread, tim


@given(st.integers(2, 20), st.integers(0, 99))
def test_tim_passes_through_every_frame(n, seed):
    frames = np.random.default_rng(seed).integers(0, 256, (n, 3, 4)).astype(np.uint8)
    np.testing.assert_array_equal(tim(frames, n), frames)
    np.testing.assert_array_equal(tim(frames, 2 * n - 1)[::2], frames)
    np.testing.assert_array_equal(tim(frames, 10)[[0, -1]], frames[[0, -1]])


def test_tim_goes_smoothly_between():
    ramp = (np.arange(5, dtype=np.uint8) * 40)[:, None, None]
    between = tim(ramp, 17)[:, 0, 0].astype(int)
    assert (np.diff(between) > 0).all()
    # The model's curve is a cosine, so a line bends a little near its ends.
    assert np.abs(between - np.linspace(0, 160, 17)).max() < 8


def test_one_frame_stays():
    assert (tim(np.full((1, 2, 2), 7, np.uint8), 10) == 7).all()


@given(st.lists(st.integers(0, 999), min_size=1, max_size=50, unique=True).map(sorted), st.integers(1, 40))
def test_spread_keeps_order_and_ends(numbers, count):
    chosen = spread(numbers, count)
    assert len(chosen) == count
    assert chosen == sorted(chosen)
    assert chosen[0] == numbers[0]
    assert count == 1 or chosen[-1] == numbers[-1]
