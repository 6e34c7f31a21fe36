import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infusenet.preprocess import photometric

SHAPES = [(40, 48), (40, 48, 3)]


def image(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.6, shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@given(gain=st.floats(0.5, 1.5), offset=st.floats(-0.2, 0.2), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_global_undoes_any_gain_and_offset(shape, gain, offset, seed):
    reference = image(shape, seed)
    matched = photometric.match(reference, np.float32(gain) * reference + np.float32(offset), "global")
    np.testing.assert_allclose(matched, reference, atol=1e-5)
    assert matched.dtype == np.float32


def test_global_undoes_a_change_of_colour():
    reference = image((40, 48, 3))
    tinted = reference * np.float32([1.1, 1.0, 0.9])
    np.testing.assert_allclose(photometric.match(reference, tinted, "global"), reference, atol=1e-5)


@pytest.mark.parametrize("mode", ["none", "global"])
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_frames_stay_equal_to_the_last_bit(shape, mode):
    frame = image(shape)
    np.testing.assert_array_equal(photometric.match(frame, frame.copy(), mode), frame)


def test_constant_frames_give_no_nan():
    flat, reference = np.full((8, 8), 0.3, np.float32), image((8, 8))
    np.testing.assert_allclose(photometric.match(reference, flat, "global"), reference.mean(), atol=1e-6)
    np.testing.assert_allclose(photometric.match(flat, reference, "global"), 0.3, atol=1e-6)


def test_none_changes_nothing():
    onset, apex = image((8, 8)), image((8, 8), 1)
    assert photometric.match(onset, apex, "none") is apex
    assert photometric.pair(onset, apex, "none") == (onset, apex)


def test_local_undoes_a_gradient_of_light_and_global_does_not():
    onset = image((64, 64))
    lit = onset + np.linspace(-0.1, 0.1, 64, dtype=np.float32)
    inner = np.s_[16:-16, 16:-16]

    def difference(mode):
        a, b = photometric.pair(onset, lit, mode)
        return np.abs(a - b)[inner].max()

    assert difference("local") < 1e-3
    assert difference("global") > 0.02


def test_match_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match="expected none or global"):
        photometric.match(image((8, 8)), image((8, 8)), "locla")
