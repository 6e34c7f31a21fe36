"""The spline solver on textures that are moved exactly, at any sub-pixel size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from textures import SIZE, texture

from infusenet.preprocess import optical_flow, optical_strain, spline_tvl1

INNER = np.s_[..., 12:-12, 12:-12]


def gray(*frames):
    return optical_flow.gray(np.stack(frames), "cpu")


def flow_of(onset, apex):
    return spline_tvl1.solve(gray(onset), gray(apex)).flow()[0].numpy()


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_a_shift_is_recovered(x, y, seed):
    flow = flow_of(texture(seed=seed), texture((x, y), seed=seed))
    assert flow.shape == (2, SIZE, SIZE)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow[INNER].mean(axis=(1, 2)), [x, y], atol=0.02)


@pytest.mark.parametrize("direction", [(1, 0), (0, -1), (0.6, 0.8)])
@pytest.mark.parametrize("size", [0.05, 0.1, 0.25])
def test_subtle_shifts_keep_their_size(size, direction):
    flow = flow_of(texture(), texture((size * direction[0], size * direction[1])))
    along = np.tensordot(direction, flow, 1)
    assert along[INNER].mean() == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize("gain", [0.95, 1.05])
def test_a_change_of_light_is_no_motion(gain):
    assert np.hypot(*flow_of(texture(), texture(gain=gain))).mean() < 0.01


def test_a_change_of_light_that_grows_across_the_face_is_no_motion():
    ramp = np.linspace(1, 1.05, SIZE)[None, :, None]
    lit = np.rint(texture() * ramp).astype(np.uint8)
    assert np.hypot(*flow_of(texture(), lit)).mean() < 0.01


@given(seed=st.integers(0, 99), height=st.integers(16, 70), width=st.integers(16, 70))
@settings(max_examples=10, deadline=None)
def test_equal_frames_have_exactly_no_motion(seed, height, width):
    frame = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    other = np.random.default_rng(seed + 100).integers(0, 256, (height, width, 3)).astype(np.uint8)
    result = spline_tvl1.solve(gray(frame, frame), gray(frame, other))
    assert result.flow().shape == (2, 2, height, width)
    assert result.strain().shape == (2, height, width)
    assert not result.flow()[0].any()
    assert not result.strain()[0].any()
    assert result.flow()[1].any()
    assert torch.isfinite(result.flow()).all()


def test_flat_frames_have_no_motion():
    black, white = (np.full((SIZE, SIZE, 3), value, np.uint8) for value in (0, 255))
    flow = flow_of(black, white)
    assert np.abs(flow).max() < 1e-3


# Sides that the pyramid divides, and that it has to pad.
@pytest.mark.parametrize("sides", [(96, 96), (61, 75)])
def test_bits_depend_neither_on_batch_mates_nor_on_threads(sides, thread_count):
    generator = torch.Generator().manual_seed(0)
    onset = torch.rand(3, *sides, generator=generator) * 255
    apex = onset.roll(1, 2) + torch.randn(onset.shape, generator=generator)
    thread_count(1)
    expected = spline_tvl1.solve(onset, apex)
    for threads, order in ((1, (2, 0)), (2, (1,)), (2, (2, 1, 0))):
        thread_count(threads)
        result = spline_tvl1.solve(onset[list(order)], apex[list(order)])
        assert torch.equal(result.flow(), expected.flow()[list(order)])
        assert torch.equal(result.strain(), expected.strain()[list(order)])


def test_bits_do_not_depend_on_the_pixels_taken_at_once(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    onset = torch.rand(3, 61, 75, generator=generator) * 255
    apex = onset.roll(1, 2) + torch.randn(onset.shape, generator=generator)
    expected = spline_tvl1.solve(onset, apex)
    for pairs in (1, 2):
        monkeypatch.setattr(spline_tvl1, "CACHED", pairs * 64 * 80)
        assert torch.equal(spline_tvl1.solve(onset, apex).coefficients, expected.coefficients)


@pytest.mark.parametrize(
    "add_up", [spline_tvl1._mean, lambda image: spline_tvl1._dot(image[:, None], image[:, None])]
)
def test_sums_of_large_crops_depend_neither_on_batch_mates_nor_on_threads(add_up, thread_count):
    """Torch shares out a sum of more than 32,768 numbers among its threads, which can change its rounding."""
    images = torch.rand(3, 300, 301, generator=torch.Generator().manual_seed(0))
    thread_count(1)
    expected = add_up(images)
    for threads in (1, 2, 4):
        thread_count(threads)
        assert torch.equal(add_up(images[1:2]), expected[1:2])
        assert torch.equal(add_up(images[[2, 0]]), expected[[2, 0]])


@pytest.mark.parametrize(("side", "shift"), [(96, (4.0, -3.0)), (224, (7.0, -4.0)), (256, (8.0, -5.0))])
def test_large_motion_is_followed_across_levels(side, shift):
    flow = flow_of(texture(side=side), texture(shift, side=side))
    rim = side // 6
    np.testing.assert_allclose(flow[:, rim:-rim, rim:-rim].mean(axis=(1, 2)), shift, atol=0.05)


def test_strain_is_that_of_the_flow():
    """The exact strain of the spline and the finite differences of its flow agree where it is smooth."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    bump = np.exp(-(x**2 + y**2) / (2 * 12.0**2))
    result = spline_tvl1.solve(gray(texture()), gray(texture(moved_by=np.stack([0.8 * bump, 0.3 * bump]))))
    by_differences = optical_strain.strain(result.flow()[0].numpy())
    exact = result.strain()[0].numpy()
    assert exact[INNER].max() > 0.02
    np.testing.assert_allclose(exact[INNER], by_differences[INNER], atol=2e-3)


def test_golden_flow():
    # Raise the solver's revision in infusenet/config/stage_recipes.py when these figures change.
    apex = (0.8 * texture((0.6, -0.4), 1.02) + 0.2 * texture(seed=1)).astype(np.uint8)
    result = spline_tvl1.solve(gray(texture()), gray(apex))
    image = torch.cat([result.flow()[0], result.strain()])
    np.testing.assert_allclose(image.mean((1, 2)), [0.6075, -0.3389, 0.1229], atol=1e-4)
    np.testing.assert_allclose(image.std((1, 2)), [0.3869, 0.3938, 0.0660], atol=1e-4)
