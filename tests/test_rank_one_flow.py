"""One flow from three frames around the apex."""

from functools import partial

import numpy as np
import pytest
import torch
from textures import texture as small_texture

from infusenet.preprocess import optical_flow, spline_tvl1
from infusenet.preprocess.rank_one_flow import rank_one

SIZE = 192
texture = partial(small_texture, side=SIZE)

Y, X = (np.mgrid[:SIZE, :SIZE] - SIZE / 2).astype(float)
BUMP = np.stack([0.6 * np.exp(-(X**2 + Y**2) / 200), -0.8 * np.exp(-(X**2 + Y**2) / 200)])


def head_motion(x, y, turn=0.0):
    return np.stack([x - turn * Y, y + turn * X])


def error(flow, motion):
    return np.hypot(*(flow - motion))[30:-30, 30:-30].mean()


def noisy(frame, seed):
    noise = np.random.default_rng(seed).normal(scale=2.5, size=frame.shape[:2])[..., None]
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def solve(onset, apexes):
    gray = optical_flow.gray(np.stack(apexes), "cpu")
    return spline_tvl1.solve(optical_flow.gray(onset[None], "cpu").expand(len(apexes), -1, -1), gray)


def test_noise_falls_and_the_apex_motion_stays():
    """The muscle fades after the apex while the head goes on: neither may show in the apex' flow."""
    motions = [
        share * BUMP + head_motion(*head)
        for share, head in ((1, (0.5, 0.2, 0.002)), (0.8, (0.9, 0.1, 0.004)), (0.6, (1.2, -0.2, 0.006)))
    ]
    moved = [texture(moved_by=motion) for motion in motions]
    clips = [solve(texture(), [noisy(moved[k], 3 * clip + k) for k in range(3)]) for clip in range(4)]
    single = [flows.flow()[0].numpy() for flows in clips]
    fitted = [rank_one(flows, 3).flow()[0].numpy() for flows in clips]
    assert sum(error(f, motions[0]) for f in fitted) < 0.95 * sum(error(f, motions[0]) for f in single)
    peaks = [
        np.hypot(*(f - head_motion(0.5, 0.2, 0.002))[:, SIZE // 2, SIZE // 2]) for f in (*single, *fitted)
    ]
    # The share of the apex, not of all frames.
    assert np.mean(peaks[4:]) == pytest.approx(np.mean(peaks[:4]), rel=0.03)


def test_equal_later_frames_change_nothing():
    """A clip that ends at its apex repeats that frame."""
    flows = solve(texture(), [texture(moved_by=BUMP)] * 3)
    np.testing.assert_allclose(rank_one(flows, 3).flow()[0], flows.flow()[0], atol=1e-5)


def test_an_apex_at_the_onset_has_exactly_no_motion():
    flows = solve(texture(), [texture(), texture(moved_by=BUMP), texture(moved_by=2 * BUMP)])
    result = rank_one(flows, 3)
    assert not result.flow().any()
    assert not result.strain().any()


def test_clips_do_not_mix():
    first = [texture(moved_by=s * BUMP) for s in (1, 0.8, 0.6)]
    second = [texture((0.3 * k, 0.1), seed=0) for k in (1, 2, 3)]
    both = rank_one(solve(texture(), first + second), 3)
    for place, frames in enumerate((first, second)):
        alone = rank_one(solve(texture(), frames), 3)
        assert torch.equal(both.flow()[place], alone.flow()[0])


@pytest.mark.parametrize("count", [1, 3])
def test_head_motion_alone_is_kept(count):
    motion = head_motion(1.3, -0.7, 0.01)
    flows = solve(texture(), [texture(moved_by=motion)] * count)
    assert error(rank_one(flows, count).flow()[0].numpy(), motion) < 0.05
