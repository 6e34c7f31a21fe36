"""Spotting: movements out and back in signals, motion against the head in pictures, and intervals in short films."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet.detection import region_motion, rise_and_fall, spotting
from infusenet.detection.face_track import Row
from infusenet.detection.region_motion import COUNT, EYES, LIDS
from infusenet.detection.spotting import spot
from infusenet.errors import InputError
from infusenet.experiments.spotting_bench.films import course, draw_film
from infusenet.experiments.spotting_bench.scoring import figures, score
from infusenet.preprocess import alignment
from infusenet.preprocess.face_detection import detect

RATES = st.sampled_from([25, 30, 60, 100, 200])
MOUTH = 10  # the row of a mouth corner
BROW = 3


def movement(length, onset, apex, offset):
    """The share of its peak that a movement has in each of ``length`` rows."""
    return course(np.arange(length), SimpleNamespace(onset=onset, apex=apex, offset=offset))


def peaks(motion, rate):
    height = rise_and_fall.heights(motion, rate)
    threshold = rise_and_fall.thresholds(height, rate)
    rows = rise_and_fall.apexes(height, threshold, rate)
    return [rise_and_fall.peak(motion, threshold, rate, row) for row in rows]


# --- signals -------------------------------------------------------------------------------------


@given(RATES, st.integers(0, 13), st.floats(0.1, 0.5), st.floats(0.3, 0.6), st.floats(0.004, 0.02), st.floats(0, 6.28),
       st.floats(-0.0005, 0.0005))  # fmt: skip
def test_a_movement_out_and_back_is_found_where_it_is(rate, region, length, rise, size, angle, drift):
    frames = max(2, round(length * rate))
    onset, apex = rate, rate + min(max(1, round(rise * frames)), frames - 1)
    motion = np.zeros((3 * rate, COUNT), complex)
    motion[:, region] = size * np.exp(1j * angle) * movement(len(motion), onset, apex, onset + frames)
    motion += drift * np.arange(len(motion))[:, None] / rate  # in eye distances per second
    (peak,) = peaks(motion, rate)
    slack = 0.35 * frames + 1  # at both ends a movement is too slow to be seen
    assert abs(peak.apex - apex) <= 1 + 0.02 * rate
    assert onset - 1 <= peak.onset <= onset + slack
    assert onset + frames - slack <= peak.offset <= onset + frames + 1
    assert peak.strength > 1


@given(RATES, st.integers(0, 15), st.floats(0.001, 0.1), st.floats(0.05, 1))
def test_steps_and_drifts_are_no_movements(rate, region, size, time):
    motion = np.zeros((4 * rate, COUNT), complex)
    motion[:, region] = size * np.clip((np.arange(len(motion)) / rate - 1.5) / time, 0, 1)
    assert rise_and_fall.heights(motion, rate).max() < 1e-9
    assert peaks(motion, rate) == []


@given(RATES, st.floats(0.005, 0.1), st.floats(0, 0.45))
def test_a_blink_and_its_spill_to_the_brows_do_not_count(rate, size, spill):
    motion = np.zeros((3 * rate, COUNT), complex)
    lids = size * movement(len(motion), rate, round(1.1 * rate), round(1.3 * rate))
    motion[:, LIDS] = 1j * lids[:, None]
    motion[:, BROW] = 1j * spill * lids
    assert peaks(motion, rate) == []
    motion[:, MOUTH] = 0.01 * movement(len(motion), rate, round(1.1 * rate), round(1.3 * rate))
    assert len(peaks(motion, rate)) == 1


@given(st.floats(0.002, 0.05), st.integers(0, 5))
def test_a_region_that_is_never_still_needs_a_larger_movement(noise, seed):
    motion = np.zeros((600, COUNT), complex)
    motion[:, MOUTH] = np.random.default_rng(seed).normal(0, noise, (600, 2)) @ (1, 1j)
    height = rise_and_fall.heights(motion, 60)
    threshold = rise_and_fall.thresholds(height, 60)
    assert threshold[MOUTH] > noise > threshold[BROW] == rise_and_fall.SMALLEST
    assert rise_and_fall.thresholds(height[:100], 60)[MOUTH] == rise_and_fall.SMALLEST


@given(st.integers(0, 10_000), RATES)
def test_apexes_are_sorted_and_apart(seed, rate):
    motion = np.random.default_rng(seed).normal(0, 0.01, (3 * rate, COUNT, 2)) @ (1, 1j)
    rows = rise_and_fall.apexes(
        rise_and_fall.heights(motion, rate), np.full(COUNT - 2, rise_and_fall.SMALLEST), rate
    )
    assert rows
    assert (np.diff(rows) > 0.4 * rate).all()


# --- pictures ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def still():
    """A frame of a stand-in face, uint8 (176, 176, 3), and its landmarks."""
    _, frame = next(draw_film(0, 0, 30, 0, sway=False, blinks=False, seconds=2).frames())
    return frame, detect(frame).landmarks


@pytest.fixture(scope="module")
def gray(still):
    return cv2.cvtColor(still[0], cv2.COLOR_RGB2GRAY), still[1]


def moved(image, matrix):
    size = image.shape[1::-1]
    return cv2.warpAffine(
        image, np.float64(matrix), size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )


@pytest.mark.parametrize("shift", [(0, 0), (2, 1), (0.4, -0.7), (-3, 2)])
@pytest.mark.parametrize("turn", [0, 0.02])
def test_a_heads_motion_is_followed_and_no_motion_of_the_face(gray, shift, turn):
    frame, landmarks = gray
    start = region_motion.reference(frame, landmarks)
    matrix = np.column_stack([[[1, -turn], [turn, 1]], shift])
    motion, place, _ = region_motion.track(start, moved(frame, matrix), start.matrix)
    assert np.abs(motion).max() < 0.002
    back = alignment.compose(place, matrix)
    error = alignment.apply(back, landmarks) - alignment.apply(start.matrix, landmarks)
    assert np.abs(error).max() < 0.2


def test_light_is_no_motion_and_equal_frames_have_none(gray):
    frame, landmarks = gray
    start = region_motion.reference(frame, landmarks)
    face = region_motion.crop(frame, start.matrix)
    np.testing.assert_array_equal(region_motion.measure(start, face)[0], 0)
    brighter = np.clip(np.rint(1.05 * frame + 4), 0, 255).astype(np.uint8)
    assert np.abs(region_motion.measure(start, region_motion.crop(brighter, start.matrix))[0]).max() < 0.001
    plain = np.full_like(face, 128)
    assert np.isfinite(region_motion.measure(start, plain)[0]).all()
    assert region_motion.likeness(start, face) > 0.99
    assert region_motion.likeness(start, plain) == 0


@pytest.mark.parametrize("px", [0.3, 0.8])
def test_a_mouth_corner_that_moves_is_measured_there(gray, px):
    frame, landmarks = gray
    start = region_motion.reference(frame, landmarks)
    x, y = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in frame.shape[::-1]])
    pull = px * np.exp(((x - landmarks[48, 0]) ** 2 + (y - landmarks[48, 1]) ** 2) / (-2 * 9**2))
    later = cv2.remap(frame, np.float32(x + pull), y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    motion, _, _ = region_motion.track(start, later, start.matrix)
    size = np.hypot(*start.matrix[:, 0]) * px / EYES
    assert np.abs(motion).argmax() == MOUTH
    assert motion[MOUTH].real == pytest.approx(-size, rel=0.25)
    assert abs(motion[MOUTH].imag) < 0.2 * size


# --- films ---------------------------------------------------------------------------------------


def check(result):
    """Properties of every result."""
    ends = [place for i in result.intervals for place in (i.onset, i.apex, i.offset)]
    assert all(i.onset <= i.apex <= i.offset and 0 <= i.confidence <= 1 for i in result.intervals)
    assert all(a.offset < b.onset for a, b in zip(result.intervals, result.intervals[1:], strict=False))
    assert ends == sorted(ends)
    assert (np.diff(result.numbers) > 0).all()
    assert len(result.numbers) == len(result.motion)
    assert np.isfinite(result.motion).all()
    assert (result.motion >= 0).all()


def same(one, other):
    assert (one.intervals, one.without_face) == (other.intervals, other.without_face)
    np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(one.motion, other.motion)


@pytest.mark.parametrize(("rate", "seconds", "count"), [(30, 12, 3), (200, 4, 1)])
def test_a_small_bench(rate, seconds, count):
    """The bench's scores on a few seconds with head motion, blinks, flicker and noise; no AU5, which is not found."""
    film = draw_film(1, 2, rate, count, sway=True, seconds=seconds)
    result = spot(film.frames(), rate)
    check(result)
    own = figures([score(result.intervals, film.expressions, rate, film.minutes)])
    assert own.f1 >= 0.6
    assert own.apex_ms <= 40
    assert len(result.numbers) == len(film.shot.numbers) // max(1, rate // 50)
    assert result.without_face == []


def numbered(images, first=1):
    return list(enumerate(images, first))


def test_a_still_picture_has_no_expression(still):
    result = spot(numbered([still[0]] * 60), 25)
    assert result.intervals == []
    assert not result.motion.any()


def test_a_shift_of_the_whole_picture_is_no_expression(still):
    times = np.arange(75) / 25
    shifts = np.stack([3 * np.sin(8 * times), 2 * np.sin(5 * times)], 1)
    frames = [moved(still[0], np.column_stack([np.eye(2), shift])) for shift in shifts]
    assert spot(numbered(frames), 25).intervals == []
    rolled = [np.roll(still[0], shift, (1, 0)) for shift in np.rint(shifts).astype(int)]
    assert spot(numbered(rolled), 25).intervals == []


def test_results_do_not_depend_on_how_frames_arrive():
    film = draw_film(0, 3, 25, 1, sway=True, seconds=4)
    frames = list(film.frames())
    whole = spot(frames, 25, total=len(frames))
    check(whole)
    same(whole, spot(film.frames(), 25))
    ahead = (pair for start in range(0, len(frames), 7) for pair in frames[start : start + 7])
    same(whole, spot(ahead, 25))


def test_a_lost_face_is_stated_and_found_again(still):
    wall = np.full_like(still[0], 120)
    result = spot(numbered([still[0]] * 30 + [wall] * 40 + [still[0]] * 40, first=11), 25)
    check(result)
    ((first, last),) = result.without_face
    assert first == 41
    assert 80 < last < 81 + 25
    assert result.intervals == []
    assert set(result.numbers) == {*range(11, 41), *range(last + 1, 121)}


def test_a_cut_or_a_gap_is_no_movement(still):
    (_, other) = next(draw_film(2, 1, 30, 0, sway=False, seconds=2).frames())
    images = [still[0]] * 20 + [other] * 6 + [still[0]] * 20
    result = spot(numbered(images), 25)
    assert result.intervals == []
    assert len(result.without_face) == 2
    gap = [(n + 50 * (n > 20), frame) for n, frame in numbered([still[0]] * 40)]
    assert spot(gap, 25).without_face == [(71, 71)]


@pytest.mark.parametrize(
    ("frames", "rate", "words"),
    [
        (lambda frame: [], 30, "0 frames"),
        (lambda frame: numbered([frame]), 30, "1 frames"),
        (lambda frame: numbered([frame] * 2), 12, "12 frames per second"),
        (lambda frame: numbered([frame] * 2), float("nan"), "nan frames per second"),
        (lambda frame: [(5, frame), (5, frame)], 30, "frame 5 comes after frame 5"),
        (lambda frame: numbered([frame / 255]), 30, "float64"),
        (lambda frame: numbered([frame[..., 0]] * 2), 30,
         r"frame 1: uint8 array \(176, 176\), expected RGB as uint8, \(H, W, 3\)$"),
        (lambda frame: numbered([np.zeros_like(frame)] * 3), 30, "no face was followed in any of 3 frames: no face"),
        (lambda frame: numbered([np.hstack([frame, frame])] * 2), 30, "several faces"),
    ],
)  # fmt: skip
def test_what_cannot_be_spotted_is_refused(still, frames, rate, words):
    with pytest.raises(InputError, match=words) as caught:
        spot(frames(still[0]), rate)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [30, 200])
def test_blocks_find_each_movement_once_in_bounded_memory(monkeypatch, rate):
    """Rows come from a signal; a movement lies on every border between blocks, and beside it."""
    seconds, step = 60, max(1, rate // 50)
    motion = np.zeros((seconds * rate, COUNT), complex)
    apexes = [round(rate * (2.5 + 1.37 * n)) for n in range(40)]
    for apex in apexes:
        motion[:, MOUTH] += 0.01 * movement(len(motion), apex - rate // 8, apex, apex + rate // 6)

    def add(track, number, frame):
        return Row(number, motion[number], None, None, None)

    monkeypatch.setattr(spotting.FaceTrack, "add", add)
    spotter, longest = spotting._Spotter(rate), 0
    for number in range(len(motion)):
        spotter.add(number, None)
        longest = max(longest, len(spotter.rows))
    result = spotter.finish()
    check(result)
    assert longest <= 10.1 * rate
    assert [interval.apex for interval in result.intervals] == pytest.approx(apexes, abs=1)
    np.testing.assert_array_equal(result.numbers, np.arange(0, len(motion), step))
