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


def places_of(y, side):
    """The first and second block along one axis of the place ``y``, 1-based inside the border: MEB's rule in words.

    With n = 8 blocks: overlap o = ceil(.7 (ceil(side / n) - 1)) - 1, length b = floor((side + o (n - 1)) / n).
    """
    o = math.ceil(0.7 * (math.ceil(side / 8) - 1)) - 1
    b = math.floor((side + o * 7) / 8)
    first = 0 if y <= b else math.floor((y - b - 1) / (b - o) + 1)
    second = math.ceil((y + (first + 1) * o) / b) - 1
    return min(first, 7), min(second, 7)


def lbp_top_by_loops(video):
    """Histograms as counts by row, column, plane and code, from the definition and MEB's rule of blocks."""
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
                rows, columns = (places_of(place - 2, side - 6) for place in (y, x))
                cells = {(rows[0], columns[0]), (rows[1], columns[1])}
                for row, column in cells:
                    for plane in range(3):
                        counts[row, column, plane, codes[plane]] += 1
    return counts


def changes(code):
    """How often the bit changes once round the circle of eight."""
    return sum((code >> p & 1) != (code >> (p + 1) % 8 & 1) for p in range(8))


def test_histograms_are_those_of_the_definition():
    video = np.random.default_rng(0).integers(0, 4, (8, 30, 30), dtype=np.uint8)
    counts = lbp_top_by_loops(video)
    uniform = [code for code in range(256) if changes(code) <= 2]
    rest = [code for code in range(256) if changes(code) > 2]
    expected = np.concatenate([counts[..., uniform], counts[..., rest].sum(-1, keepdims=True)], -1)
    assert np.array_equal(features(video), expected.ravel())


@pytest.mark.parametrize("side", [18, 24, 106, 107, 250])
def test_blocks_along_an_axis_are_those_of_the_rule(side):
    first, last = blocks(side)
    assert list(zip(first, last, strict=True)) == [places_of(y, side) for y in range(1, side + 1)]
    assert set(first) == set(last) == set(range(8))


def test_a_clip_of_ten_frames_has_the_benchmarks_number_of_counts():
    video = np.random.default_rng(0).integers(0, 256, (10, 112, 112), dtype=np.uint8)
    assert features(video).sum() == 247_476
    assert FEATURES == 11_328


@pytest.mark.parametrize(
    ("y", "x", "cells"),
    [
        (5, 5, {(0, 0)}),
        (5, 15, {(0, 0), (0, 1)}),  # where two blocks overlap, both
        (15, 15, {(0, 0), (1, 1)}),  # where four do, the first and the diagonally last
        (5, 106, {(0, 7)}),  # the far rim belongs to the last block
        (106, 106, {(7, 7)}),
    ],
)
def test_a_place_counts_in_two_blocks_at_most(y, x, cells):
    """A place, 1-based inside the border of 3 px, whose code alone differs when its gray value is the highest."""
    flat = np.zeros((7, 112, 112), np.uint8)
    peak = flat.copy()
    peak[3, y + 2, x + 2] = 1
    # The code of the place itself turns from 255 to 0, which is the first bin; in the others only one bit changes.
    first_bins = [features(video).reshape(8, 8, 3, -1)[:, :, 0, 0] for video in (flat, peak)]
    assert set(zip(*np.nonzero(first_bins[1] - first_bins[0]), strict=True)) == cells


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
    assert model.sample(torch.tensor([32, 8])).tolist() == [[0, 6, 12, 18, 24, 31], [0, 1, 2, 4, 5, 7]]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("length", [8, 32])
def test_three_training_clips_in_four_end_early_and_the_others_start_late(length):
    model, lengths = build("led").train(), torch.full((4000,), length)
    torch.manual_seed(0)
    rows = model.sample(lengths)
    torch.manual_seed(0)
    assert torch.equal(rows, model.sample(lengths))
    assert rows.min() == 0
    assert rows.max() == length - 1
    assert (rows.diff(dim=1) >= 1).all()
    # A cut is uniform in 0 .. length - 6; one of 0 starts at the first frame and ends at the last.
    cuts = length - 6 + 1
    late = rows[:, 0] > 0
    assert late.float().mean().item() == pytest.approx(0.25 * (cuts - 1) / cuts, abs=0.03)
    assert set(rows[late, 0].tolist()) == set(range(1, cuts))
    assert (rows[late, -1] == length - 1).all()
    early = rows[:, -1] < length - 1
    assert not (late & early).any()
    # A cut of one frame ends at the last one: the span of an early end is counted up to the length.
    assert early.float().mean().item() == pytest.approx(0.75 * (cuts - 2) / cuts, abs=0.03)


def test_the_scalars_learn_at_their_own_rate():
    model = build("led")
    groups = model.parameter_groups(1e-4)
    assert [group["lr"] for group in groups] == [1e-4, 0.1]
    assert [sorted(p.numel() for p in group["params"]) for group in groups][1] == [1, 1, 1]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert [model.group_rates(epoch) for epoch in (0, 49, 50)] == [[1, 1], [1, 1], [1, 0.1]]


def frames_seen(model, video):
    seen = []
    model.filter.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(video=video)
    return seen[0]


def test_chosen_frames_are_those_that_the_network_sees():
    video = batch("led")["video"]
    seen = frames_seen(build("led").eval(), video)
    assert torch.equal(seen, video[:, [0, 6, 12, 18, 24, 31]].float())


def test_of_a_short_clip_the_frames_count_and_not_their_copies():
    """A store fills clips of fewer than 144 frames up with copies; shorter than 8 they are stretched to 8."""
    frames = torch.randint(
        0, 256, (12, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    places = [np.linspace(0, count - 1, 144).round().astype(int) for count in (12, 4)]
    seen = frames_seen(build("led").eval(), torch.stack([frames[place] for place in places]))
    assert torch.equal(seen[0], frames[[0, 2, 4, 6, 8, 11]].float())
    # Of eight frames the places 0, 1, 2, 4, 5 and 7, each frame standing for two of them.
    assert torch.equal(seen[1], frames[[0, 0, 1, 2, 2, 3]].float())
