"""LBP-TOP against loops and scikit-learn; LED's filter against a loop, its sampling, its rates."""

import math
import time

import numpy as np
import pytest
import torch
from model_inputs import batch, build
from sklearn.svm import SVC

from infusenet.errors import InputError
from infusenet.models.lbp_top import FEATURES, blocks, features
from infusenet.models.led import TemporalFilter


def lbp_top_by_loops(video, length, step):
    """Histograms as dicts from (row, column, plane) to counts by code, from the definition."""
    frames, side, _ = video.shape
    counts = np.zeros((8, 8, 3, 256), int)

    def rounded(value):
        return math.floor(value + 0.5)

    for t in range(3, frames - 3):
        for y in range(3, side - 3):
            for x in range(3, side - 3):
                codes = [0, 0, 0]
                for p in range(8):
                    a, b = 3 * math.cos(math.pi * p / 4), -3 * math.sin(math.pi * p / 4)
                    a, b = rounded(a), rounded(b)
                    for plane, (dt, dy, dx) in enumerate(((0, b, a), (b, 0, a), (b, a, 0))):
                        codes[plane] |= int(video[t + dt, y + dy, x + dx] >= video[t, y, x]) << p
                for row in range(8):
                    for column in range(8):
                        if 0 <= y - 3 - row * step < length and 0 <= x - 3 - column * step < length:
                            for plane in range(3):
                                counts[row, column, plane, codes[plane]] += 1
    return counts


def changes(code):
    """How often the bit changes once round the circle of eight."""
    return sum((code >> p & 1) != (code >> (p + 1) % 8 & 1) for p in range(8))


def test_histograms_are_those_of_the_definition():
    video = np.random.default_rng(0).integers(0, 4, (8, 30, 30), dtype=np.uint8)
    counts = lbp_top_by_loops(video, *blocks(24))
    uniform = [code for code in range(256) if changes(code) <= 2]
    rest = [code for code in range(256) if changes(code) > 2]
    expected = np.concatenate([counts[..., uniform], counts[..., rest].sum(-1, keepdims=True)], -1)
    assert np.array_equal(features(video), expected.ravel())


def test_block_layout_of_the_benchmark():
    assert blocks(112 - 6) == (21, 12)
    for side in range(18, 300):
        length, step = blocks(side)
        assert 0 < step <= length
        assert 7 * step + length <= side
    assert FEATURES == 11_328


def test_features_of_a_clip_take_less_than_60_ms():
    video = np.random.default_rng(0).integers(0, 256, (10, 112, 112), dtype=np.uint8)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        features(video)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.06


@pytest.fixture(scope="module")
def fitted():
    generator = torch.Generator().manual_seed(2)
    video = torch.randint(0, 256, (24, 8, 40, 40), generator=generator, dtype=torch.uint8)
    labels = (torch.rand(24, 12, generator=generator) < 0.4).float()
    video[:, :, 5:20, 5:20] += (labels[:, 0] * 40).byte()[:, None, None, None]
    labels[:, 3], labels[:, 7] = 0, 1
    model = build("lbp_top")
    model.fit({"video": video[:16]}, labels[:16])
    return model, video, labels


def test_decisions_are_those_of_scikit_learn(fitted):
    model, video, labels = fitted
    x = np.stack([features(clip) for clip in video.numpy()]).astype(float)
    decisions = model(video=video)["video"].numpy()
    for au in range(12):
        if au not in (3, 7):
            machine = SVC(kernel="poly", degree=3, gamma="scale", C=1).fit(x[:16], labels[:16, au])
            expected = machine.decision_function(x)
            np.testing.assert_allclose(decisions[:, au], expected, rtol=1e-4, atol=1e-4)


def test_an_au_without_two_classes_has_a_constant_decision(fitted):
    model, video, _ = fitted
    decisions = model(video=video)["video"]
    assert torch.equal(decisions[:, 3], torch.full((24,), -1.0))
    assert torch.equal(decisions[:, 7], torch.full((24,), 1.0))


def test_lbp_top_has_no_pretrained_weights():
    with pytest.raises(InputError, match="lbp_top: weights is 'imagenet', expected none"):
        build("lbp_top", weights="imagenet")


def test_filter_is_the_formula_written_out():
    video = 255 * torch.rand(2, 6, 3, 4, generator=torch.Generator().manual_seed(0))
    result, (alpha, r1, r2) = TemporalFilter()(video), (10, 0.4, 0.05)
    assert result.shape == (2, 5, 3, 4)
    for j in range(1, 6):
        top, bottom = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
        for i in range(j + 1):
            b = min(1, i)
            w = alpha * (r1**b * (1 - r1) ** (j - i) - r2**b * (1 - r2) ** (j - i))
            top, bottom = top + video[:, i] * w, bottom + video[:, i] * abs(w)
        torch.testing.assert_close(result[:, j - 1], top / bottom, rtol=1e-4, atol=1e-6)


def test_a_later_frame_changes_no_earlier_output():
    video = torch.rand(1, 6, 2, 2)
    changed = video.clone()
    changed[:, 4:] += 100
    with torch.no_grad():
        assert torch.equal(TemporalFilter()(video)[:, :3], TemporalFilter()(changed)[:, :3])


def test_frames_spread_over_the_whole_clip_when_scoring():
    model = build("led").eval()
    state = torch.get_rng_state()
    assert model.sample(2, 32).tolist() == [[0, 6, 12, 18, 24, 31]] * 2
    assert torch.equal(torch.get_rng_state(), state)


def test_frames_spread_over_shortened_spans_in_training():
    model = build("led").train()
    rows = model.sample(2000, 32)
    torch.manual_seed(0)
    first = model.sample(2000, 32)
    torch.manual_seed(0)
    assert torch.equal(first, model.sample(2000, 32))
    assert rows.min() == 0
    assert rows.max() == 31
    assert (rows.diff(dim=1) >= 1).all()
    late, early = rows[:, 0] > 0, rows[:, -1] < 31
    assert not (late & early).any()
    # A quarter each, but for the 1 in 27 draws that cut nothing.
    for part in (late, early):
        assert part.float().mean().item() == pytest.approx(0.25 * 26 / 27, abs=0.03)
    assert set(rows[late, 0].tolist()) == set(range(1, 27))


def test_the_scalars_learn_at_their_own_rate():
    model = build("led")
    groups = model.parameter_groups(1e-4)
    assert [group["lr"] for group in groups] == [1e-4, 0.1]
    assert [sorted(p.numel() for p in group["params"]) for group in groups][1] == [1, 1, 1]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert [model.group_rates(epoch) for epoch in (0, 49, 50)] == [[1, 1], [1, 1], [1, 0.1]]


def test_chosen_frames_are_those_that_the_network_sees():
    model, video = build("led").eval(), batch("led")["video"]
    seen = []
    model.filter.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(video=video)
    assert torch.equal(seen[0], video[:, [0, 6, 12, 18, 24, 31]].float())
