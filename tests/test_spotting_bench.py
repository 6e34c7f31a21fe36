"""The spotting bench: films whose movements are where they say, scores of made-up intervals, and the baseline."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet.detection.spotting import Interval, Spotting
from infusenet.experiments.spotting_bench import films
from infusenet.experiments.spotting_bench.fixed_windows import fixed_windows
from infusenet.experiments.spotting_bench.scoring import figures, match, overlap, score


def interval(onset, offset, apex=None):
    return Interval(onset, (onset + offset) // 2 if apex is None else apex, offset, 1.0)


# --- films ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def film():
    return films.draw_film(0, 5, 25, 2, sway=False, blinks=False, seconds=7)


@pytest.mark.parametrize("rate", [25, 30, 200])
def test_expressions_are_short_and_apart(rate):
    film = films.draw_film(0, 7, rate, 5, sway=True)
    assert len(film.expressions) == 5
    for one in film.expressions:
        assert one.onset < one.apex < one.offset
        assert max(2, rate / 25 - 1) <= one.offset - one.onset <= rate / 2 + 1
    rests = [b.onset - a.offset for a, b in zip(film.expressions, film.expressions[1:], strict=False)]
    assert min(rests) >= films.REST * rate - 1
    assert film.expressions[0].onset > rate
    assert film.expressions[-1].offset < len(film.shot.numbers)
    blinks = [event for event in film.events if not event.aus]
    assert 10 <= len(blinks) <= 30


def test_a_film_is_the_same_each_time(film):
    again = films.draw_film(0, 5, 25, 2, sway=False, blinks=False, seconds=7)
    assert again.events == film.events
    first, second = (list(one.frames())[40:60] for one in (film, again))
    for (number, frame), (other, picture) in zip(first, second, strict=True):
        assert number == other
        np.testing.assert_array_equal(frame, picture)


def test_a_face_moves_during_its_expressions_and_at_no_other_time(film):
    """The light of a frame is taken off; the noise of single pixels averages out."""
    means = {number: frame.astype(float).mean(-1) for number, frame in film.frames()}
    rest = np.mean([frame / frame.mean() for number, frame in means.items() if number < 20], axis=0)
    change = {n: np.abs(blocks(frame / frame.mean() - rest)).max() for n, frame in means.items()}
    inside = [change[one.apex] for one in film.expressions]
    outside = [
        value
        for number, value in change.items()
        if all(number <= one.onset or number >= one.offset for one in film.expressions)
    ]
    assert min(inside) > 1.5 * max(outside)


def blocks(image, side=8):
    height, width = (n // side * side for n in image.shape)
    return image[:height, :width].reshape(height // side, side, width // side, side).mean((1, 3))


def test_the_head_sways_only_where_it_should():
    still, swaying = (
        films.draw_film(0, 5, 25, 0, sway=sway, seconds=20).shot.poses for sway in (False, True)
    )
    assert np.ptp(still, axis=0).max() == 0
    assert 3 < np.ptp(swaying[:, :, 2], axis=0).max() < 60


def test_the_two_sets_share_no_face_and_no_seed():
    for column in (0, 1):
        tuning, confirmation = (
            {plan[column] for plan in plans} for plans in (films.TUNING, films.CONFIRMATION)
        )
        assert not tuning & confirmation


# --- scores --------------------------------------------------------------------------------------


INTERVALS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 20)).map(lambda pair: interval(pair[0], sum(pair))),
    max_size=6,
)


@given(INTERVALS, INTERVALS)
def test_each_interval_matches_once_and_by_half(spotted, true):
    pairs = match(spotted, true)
    assert all(overlap(*pair) >= 0.5 for pair in pairs)
    assert len({id(pair[0]) for pair in pairs}) == len({id(pair[1]) for pair in pairs}) == len(pairs)
    own = score(spotted, true, 25, 1.0)
    assert own.right <= min(own.spotted, own.true)


def test_overlap_counts_both_ends():
    assert overlap(interval(1, 10), interval(1, 10)) == 1
    assert overlap(interval(1, 10), interval(6, 15)) == pytest.approx(5 / 15)
    assert overlap(interval(1, 10), interval(11, 20)) == 0
    assert overlap(interval(1, 10), interval(4, 6)) == pytest.approx(0.3)


def test_figures_are_over_all_films():
    one = score([interval(0, 10, 4), interval(50, 60)], [interval(0, 10, 5), interval(80, 90)], 50, 1.0)
    two = score([], [], 50, 3.0)
    result = figures([one, two])
    assert (result.f1, result.recall, result.precision) == (0.5, 0.5, 0.5)
    assert (result.apex_frames, result.apex_ms, result.false_alarms) == (1, 20, 0.25)
    assert np.isnan(figures([two]).f1)


# --- baseline ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0.2, 0.5])
def test_fixed_windows_lie_where_motion_is_and_have_one_length(length):
    numbers = np.arange(0, 2000, 4)
    motion = sum(size * np.exp(-((numbers - at) ** 2) / 200) for size, at in ((0.01, 400), (0.006, 1200)))
    windows = fixed_windows(Spotting([], numbers, motion, []), 200, length, 0.003)
    assert [window.apex for window in windows] == [400, 1200]
    assert all(abs(window.offset - window.onset - length * 200) <= 4 for window in windows)
    assert len(fixed_windows(Spotting([], numbers, motion, []), 200, length, 0.008)) == 1
