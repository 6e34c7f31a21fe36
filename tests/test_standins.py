"""Stand-ins: the planned counts, the owners' quirks, motion that is where and what the truth says."""

import hashlib
import sys
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.databases import read
from infusenet.errors import InputError
from infusenet.preprocess import face_detection
from infusenet.preprocess.images import read_rgb
from infusenet.protocol import AUS
from infusenet.standins import layouts, make, motion, subjects, truth, write
from infusenet.standins.camera import CAMERAS, Shot, shoot
from infusenet.standins.clip_names import EMOTIONS
from infusenet.standins.clip_plans import plan
from infusenet.standins.database_sizes import FULL
from infusenet.standins.render import render
from infusenet.standins.truth import ClipTruth

CLIPS = 3


@pytest.fixture(scope="module", autouse=True)
def few_frames():
    """Clips of some frames with gaps: each frame is rendered by itself, so that all of them would check no more."""

    def few(*given):
        clips = plan(*given)
        keep = [{clip.onset, clip.apex, clip.offset, *range(clip.onset, clip.offset, 5)} for clip in clips]
        return [
            replace(clip, dropped=tuple(n for n in range(clip.onset, clip.offset + 1) if n not in kept))
            for clip, kept in zip(clips, keep, strict=True)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "plan", few)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("standins") / "s"
    make.make(root, "demo", 0, processes=2, clips=CLIPS)
    return root


@pytest.fixture(scope="module")
def subject():
    return subjects.draw(np.random.default_rng(5))


def positives(clips):
    return tuple(sum(au in clip.aus for clip in clips) for au in AUS)


# --- plans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", FULL)
def test_full_scale_has_the_real_counts(database):
    size, clips = FULL[database], plan(database, "full", 0)
    lengths = [clip.offset - clip.onset + 1 for clip in clips]
    assert len({clip.key for clip in clips}) == len(clips) == size.clips
    assert len({clip.subject for clip in clips}) == size.subjects
    assert positives(clips) == size.positives
    assert sum(not clip.aus for clip in clips) == size.without
    assert (min(lengths), max(lengths)) == (size.frames[0], size.frames[2])
    assert abs(np.median(lengths) - size.frames[1]) <= 0.1 * size.frames[1] + 1
    assert all(clip.onset <= clip.apex <= clip.offset for clip in clips)
    assert any(clip.onset == clip.apex for clip in clips) == (database == "casme3a")


@pytest.mark.parametrize("database", FULL)
@pytest.mark.parametrize("seed", [0, 1])
def test_demo_can_teach_every_au(database, seed):
    clips = plan(database, "demo", seed)
    assert len(clips) == 40
    assert len({clip.subject for clip in clips}) >= 4
    assert max(clip.offset - clip.onset + 1 for clip in clips) <= 24
    shown = dict(zip(AUS, positives(clips), strict=True))
    assert all(n >= 3 for au, n in shown.items() if (database, au) != ("casme", 5))
    assert shown[5] == 0 if database == "casme" else shown[5] >= 3
    assert max(CAMERAS[database].demo_size) <= 640


def test_the_total_is_that_of_the_protocol():
    assert sum(size.clips for size in FULL.values()) == 2031
    assert sum(sum(size.positives) for size in FULL.values()) == 2521


# --- motion and truth ----------------------------------------------------------------------------


def filmed(subject, fields=None, shift=(0.0, 0.0), gray=False):
    """Two frames of a still camera, the second shifted by ``shift`` native px, with no noise."""
    width, height = 231, 231
    scale = 0.5 * height / np.hypot(*(subject.landmarks[45] - subject.landmarks[36]))
    middle = (subject.landmarks.min(0) + subject.landmarks.max(0)) / 2
    first = np.array([[scale, 0, width / 2], [0, scale, height / 2]])
    first[:, 2] -= first[:, :2] @ middle
    second = first.copy()
    second[:, 2] += shift
    shot = Shot(np.stack([first, second]), np.ones(2), 0, (width, height), gray, 95, 0.0, [1, 2])
    return ClipTruth(0, shot, fields or {}, dict.fromkeys(fields or {}, [0.0, 1.0]))


def measured(first, second, window):
    """Least-squares displacement (Lucas and Kanade) of a window between two nearly equal frames."""
    # Smoothed, because central differences underrate steep slopes.
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float) for picture in (first, second)]
    a, b = (cv2.GaussianBlur(picture, (0, 0), 2) for picture in gray)
    dy, dx = np.gradient((a + b) / 2)
    slopes = np.stack([dx[window].ravel(), dy[window].ravel()], 1)
    return np.linalg.lstsq(slopes, (a - b)[window].ravel(), rcond=None)[0]


@pytest.mark.parametrize("shift", [(0.1, 0.0), (0.0, 0.25), (-0.4, 0.3)])
def test_shifts_below_a_pixel_are_rendered_unbiased(subject, shift):
    clip = filmed(subject, shift=shift)
    found = measured(render(subject, clip, 1), render(subject, clip, 2), np.s_[50:180, 50:180])
    assert np.abs(found - shift).max() < 0.02


@pytest.mark.parametrize("au", [1, 4, 9, 12, 17])
def test_pictures_move_as_the_truth_says(subject, au):
    unit = motion.pulls(au, subject.landmarks)
    fields = {au: [motion.Pull(p.x, p.y, 0.8 * p.dx, 0.8 * p.dy, p.sigma) for p in unit]}
    clip = filmed(subject, fields)
    centre = (clip.shot.poses[0] @ (unit[0].x, unit[0].y, 1)).round().astype(int)
    window = np.s_[centre[1] - 6 : centre[1] + 7, centre[0] - 6 : centre[0] + 7]
    y, x = np.mgrid[window]
    told = truth.motion(clip, 1, 2, np.stack([x.ravel(), y.ravel()], 1)).mean(0)
    found = measured(render(subject, clip, 1), render(subject, clip, 2), window)
    assert np.hypot(*told) > 0.15
    assert np.hypot(*(found - told)) < 0.25 * np.hypot(*told)


@given(st.sampled_from(AUS), st.floats(0.1, 8), st.floats(-3, 3))
def test_truth_goes_there_and_back(subject, au, peak, shift):
    unit = motion.pulls(au, subject.landmarks)
    fields = {au: [motion.Pull(p.x, p.y, peak * p.dx, peak * p.dy, p.sigma) for p in unit]}
    clip = filmed(subject, fields, (shift, -shift))
    points = np.random.default_rng(au).uniform(20, 210, (50, 2))
    np.testing.assert_allclose(truth.to_frame(clip, 2, truth.to_canvas(clip, 2, points)), points, atol=1e-4)
    np.testing.assert_allclose(truth.motion(clip, 1, 1, points), 0, atol=1e-9)


@pytest.mark.parametrize("au", AUS)
def test_a_muscle_pulls_its_own_place_and_side(subject, au):
    height = subject.landmarks[:, 1]
    upper = {1, 2, 4, 5, 6, 7, 9}
    for pull in motion.pulls(au, subject.landmarks):
        if au in upper:
            assert pull.y < height[30], "above the tip of the nose"
        else:
            assert pull.y > height[30], "below the tip of the nose"
    middle = subject.landmarks[27, 0]
    assert all(pull.x < middle for pull in motion.pulls(au, subject.landmarks, "L"))
    assert all(pull.x > middle for pull in motion.pulls(au, subject.landmarks, "R"))
    peaks = motion.displacement(
        pulls := motion.pulls(au, subject.landmarks), np.array([[p.x, p.y] for p in pulls])
    )
    assert np.hypot(*peaks.T).max() == pytest.approx(1)


def test_raised_and_lowered(subject):
    def vertical(au):
        return motion.pulls(au, subject.landmarks)[0].dy

    assert max(vertical(1), vertical(2)) < 0 < vertical(4), "brows: raisers up, lowerer down"
    assert vertical(12) < 0 < vertical(15), "lip corners: puller up, depressor down"
    assert max(vertical(17), vertical(6)) < 0, "chin and cheeks: up"


def test_time_course():
    course = motion.time_course(np.arange(10, 31), 12, 20, 28)
    assert (course[:3].max(), course[10], course[18]) == (0, 1, 0.25)
    assert (np.diff(course[2:11]) > 0).all()
    assert (np.diff(course[10:19]) < 0).all()
    assert motion.time_course(np.arange(5, 9), 5, 5, 8)[0] == 1


def test_cameras_differ_and_heads_sway(subject):
    numbers = np.arange(100, 124)
    shots = {
        name: shoot(camera, True, subject.landmarks, numbers, np.random.default_rng(1))
        for name, camera in CAMERAS.items()
    }
    assert {name for name, shot in shots.items() if shot.gray} == {"samm", "fourd"}
    assert len({(shot.size, shot.quality, shot.noise) for shot in shots.values()}) == len(shots)
    for shot in shots.values():
        way = shot.poses[:, :, 2] - shot.poses[0, :, 2]
        assert 0.02 < np.abs(way).max() < 3
        assert len(set(shot.gains)) > 1


# --- what is written -----------------------------------------------------------------------------


def rows(database):
    """The demo's workbook as a list of dicts, by its own header."""
    table = layouts.LAYOUTS[database].rows(plan(database, "demo", 0))
    start = next(i for i, row in enumerate(table) if len(row) > 5)
    return [dict(zip(table[start], row, strict=True)) for row in table[start + 1 :]]


def test_quirks_of_the_workbooks():
    assert all("" in rows(name)[0] for name in ("casme", "casme2")), "columns without a name"
    assert all(isinstance(row["Subject"], int) for row in rows("casme") + rows("mmew"))
    assert all(isinstance(row["Subject"], str) for row in rows("casme2") + rows("samm"))
    assert sum(row["ApexFrame"] == "/" for row in rows("casme2")) == 1
    assert sum(row["Action Units"] == "?" for row in rows("casme2")) == 1
    assert len(layouts.LAYOUTS["samm"].rows([])) == 14, "13 lines of notes, then the header"
    assert sum(" or " in str(row["Action Units"]) for row in rows("samm")) == 2
    kept = [row for row in rows("fourd") if "(k)" in row["AUs"]]
    assert kept
    assert all(isinstance(row["Onset"], float) for row in kept)
    texts = [str(row["Action Units"]) for row in rows("mmew")]
    assert all(any(text[at] in "LR" for text in texts) for at in (0, -1)), "sides before and after"
    films = [(row["Subject"], row["Filename"]) for row in rows("casme3a")]
    assert len(set(films)) < len(films), "films that hold several clips"
    clips = plan("casme3a", "demo", 0)
    assert any(clip.dropped for clip in clips)
    assert any(clip.apex == clip.onset for clip in clips)


def test_frame_names():
    def digits(database):
        clips = plan(database, "demo", 0)
        paths = [next(iter(layouts.frame_paths(clip, root := layouts.Path("r")).values())) for clip in clips]
        assert all(path.is_relative_to(root) for path in paths)
        return {len(path.stem.replace("-", "_").split("_")[-1]) for path in paths}, paths

    assert {3} < digits("casme")[0], "padded to three digits, and not padded"
    assert digits("samm")[0] > {4, 5}
    assert digits("fourd")[0] == {9}
    assert all(path.name.startswith("img") and "/sub" in str(path) for path in digits("casme2")[1])
    assert {path.parts[-3] for path in digits("mmew")[1]} <= {*EMOTIONS["mmew"], "repression"}
    assert all(path.parts[-2] == "color" for path in digits("casme3a")[1])


@pytest.mark.parametrize("database", FULL)
def test_readers_find_what_was_planned(root, database):
    source = STANDIN_SOURCES[database]
    found = {clip.key: clip for clip in read(database, root / source["annotations"], root / source["frames"])}
    planned = plan(database, "demo", 0)[:CLIPS]
    assert set(found) == {clip.key for clip in planned}
    for clip in planned:
        seen = found[clip.key]
        assert (seen.onset, seen.apex, seen.offset) == (clip.onset, clip.apex, clip.offset)
        assert {au for au in AUS if seen.labels[au]} == set(clip.aus)


@cache
def subject_of(database, person):
    """Several clips and tests show the same person."""
    return subjects.draw(np.random.default_rng([0, list(FULL).index(database), 2, person]))


@pytest.mark.parametrize("database", FULL)
def test_faces_are_found_where_the_truth_has_them(root, database):
    told = truth.read(root / "truth" / f"{database}.json")
    for clip in plan(database, "demo", 0)[:2]:
        clip_truth = told[clip.key]
        paths = layouts.frame_paths(clip, root / database)
        picture = read_rgb(paths[clip.onset])
        assert picture.shape[1::-1] == clip_truth.shot.size
        assert (np.ptp(picture, axis=2).max() == 0) == CAMERAS[database].gray
        found = face_detection.detect(picture)
        there = truth.to_frame(clip_truth, clip.onset, subject_of(database, clip.person).landmarks)
        apart = np.hypot(*(there[[36, 45, 48, 54]] - found.landmarks[[36, 45, 48, 54]]).T)
        assert apart.mean() < 0.1 * np.hypot(*(there[45] - there[36]))


def tree(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_another_seed_others(root, tmp_path):
    make.make(tmp_path / "again", "demo", 0, processes=1, clips=CLIPS)
    assert tree(tmp_path / "again") == tree(root)
    make.make(tmp_path / "other", "demo", 1, processes=1, clips=1, databases=["mmew"])
    ours, others = tree(root), tree(tmp_path / "other")
    assert not set(ours.values()) & set(others.values())


@pytest.mark.parametrize("database", FULL)
def test_amplitude_multiplies_the_peaks_alone(database):
    clips, subtle = plan(database, "demo", 0), plan(database, "demo", 0, 0.2)
    assert [replace(clip, peaks={}) for clip in subtle] == [replace(clip, peaks={}) for clip in clips]
    for clip, small in zip(clips, subtle, strict=True):
        assert small.peaks == {au: pytest.approx(0.2 * peak) for au, peak in clip.peaks.items()}


def test_subtle_clips_have_the_same_camera_and_smaller_motion(root, tmp_path):
    make.make(tmp_path, "demo", 0, processes=1, clips=CLIPS, databases=["mmew"], amplitude=0.2)
    before, after = (truth.read(folder / "truth" / "mmew.json") for folder in (root, tmp_path))
    files = tree(root / "mmew")
    changed = {path for path, digest in tree(tmp_path / "mmew").items() if files.pop(path) != digest}
    assert not files
    for clip in plan("mmew", "demo", 0)[:CLIPS]:
        old, new = before[clip.key], after[clip.key]
        np.testing.assert_array_equal(new.shot.poses, old.shot.poses)
        np.testing.assert_array_equal(new.shot.gains, old.shot.gains)
        assert (new.shot.seed, new.shot.noise, new.courses) == (old.shot.seed, old.shot.noise, old.courses)
        for au, pulls in old.fields.items():
            for pull, small in zip(pulls, new.fields[au], strict=True):
                assert (small.dx, small.dy) == pytest.approx((0.2 * pull.dx, 0.2 * pull.dy))
                assert replace(small, dx=0, dy=0) == replace(pull, dx=0, dy=0)
        paths = layouts.frame_paths(clip, layouts.Path("mmew"))
        frames = {n: str(path.relative_to("mmew")) for n, path in paths.items()}
        assert frames[clip.onset] not in changed, "no muscle moves at the onset"
        assert (frames[clip.apex] in changed) == bool(clip.aus)
        changed -= set(frames.values())
    assert not changed, "the workbook is the same"


@pytest.mark.parametrize("amplitude", [-0.1, 1.1, float("nan")])
def test_an_amplitude_out_of_range_is_refused(tmp_path, amplitude):
    with pytest.raises(InputError, match="expected 0 to 1"):
        write(tmp_path / "standins", amplitude=amplitude)
    assert not any(tmp_path.iterdir())


def test_a_missing_extra_is_named_before_anything_is_filmed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlwt", None)
    monkeypatch.setattr(make, "run_tasks", lambda *args: pytest.fail("filmed in vain"))
    with pytest.raises(InputError, match="CASME.xls .* not installed; .* extra `standins`: pip install xlwt"):
        write(tmp_path / "standins")
    assert not (tmp_path / "standins").exists()


def test_no_two_subjects_alike():
    drawn = [subject_of("casme", person).canvas[::8, ::8] for person in range(4)]
    apart = [np.abs(a - b).mean() for i, a in enumerate(drawn) for b in drawn[:i]]
    assert min(apart) > 5, "gray levels of 255"


def test_an_existing_folder_is_left_alone(tmp_path):
    with pytest.raises(InputError, match="delete it"):
        write(tmp_path)
