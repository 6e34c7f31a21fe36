"""Faces: the same face lands in the same place, and only a detector's answer is `no face`."""

from dataclasses import replace

import cv2
import dlib
import numpy as np
import pytest
from PIL import Image
from skimage import data

from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import Clip, read_manifest, to_csv
from infusenet.errors import InputError
from infusenet.preprocess import alignment, face_detection, failed_faces
from infusenet.preprocess.faces import build, slots, video_numbers
from infusenet.protocol import AUS
from infusenet.store import Store

RECIPE = resolve("faces", {"size": 128})


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(data.astronaut()[:300, 60:380])


@pytest.fixture(scope="module")
def found(astronaut):
    return face_detection.detect(astronaut)


def test_stable_points_reach_the_template(found):
    matrix = alignment.similarity(found.landmarks, 224)
    points = alignment.apply(matrix, found.landmarks)
    error = points[list(alignment.STABLE)] - (alignment.TEMPLATE * 224 - 0.5)
    assert np.sqrt((error**2).sum(1).mean()) < 8
    assert points.min() > 0.03 * 224
    assert points.max() < 0.97 * 224
    a, b = matrix[:, 0], matrix[:, 1]
    assert np.allclose([a @ b, a @ a], [0, b @ b]), "no shear, one scale"


def test_similarity_is_exact_for_a_moved_template():
    angle, scale = 0.3, 2.5
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = np.zeros((68, 2))
    landmarks[list(alignment.STABLE)] = (alignment.TEMPLATE * 100 - 0.5) @ turn.T + (30, -7)
    points = alignment.apply(alignment.similarity(landmarks, 100), landmarks)
    np.testing.assert_allclose(points[list(alignment.STABLE)], alignment.TEMPLATE * 100 - 0.5, atol=1e-9)


@pytest.mark.parametrize(("angle", "scale"), [(12, 1.0), (0, 1.6), (-8, 0.8)])
def test_crop_does_not_follow_the_pose(astronaut, found, angle, scale):
    height, width = astronaut.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    turned = cv2.warpAffine(astronaut, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    again = face_detection.detect(turned)
    crops = [
        alignment.crop(image, alignment.similarity(detection.landmarks, 128), 128).astype(float)
        for image, detection in ((astronaut, found), (turned, again))
    ]
    inner = np.s_[30:110, 20:108]
    correlation = np.corrcoef(crops[0][inner].ravel(), crops[1][inner].ravel())[0, 1]
    assert correlation > 0.93


@pytest.mark.parametrize("scale", [0.4, 1.3])
def test_crop_keeps_sub_pixel_motion(scale):
    """A ramp image shifted by a known amount shifts by scale times that in the crop."""
    x = np.arange(400, dtype=float)
    wave = [np.tile(128 + 60 * np.sin((x - s) / 12), (400, 1)) for s in (0, 0.5)]
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    onset, apex = (
        alignment.crop(np.repeat(w.round().astype(np.uint8)[..., None], 3, 2), matrix, 100) for w in wave
    )
    onset, apex = (crop[10:-10, 10:-10, 0].astype(float) for crop in (onset, apex))
    slope = np.gradient((onset + apex) / 2, axis=1)
    shift = -((apex - onset) * slope).sum() / (slope**2).sum()
    assert shift == pytest.approx(0.5 * scale, rel=0.05)


def test_recovery_ladder(astronaut):
    cut = astronaut[40:210, 95:235]  # a release whose face fills the frame
    assert face_detection.detect(cut).landmarks.shape == (68, 2)
    blank = np.full_like(astronaut, 90)
    with pytest.raises(failed_faces.NoFace):
        face_detection.detect(blank)
    recovered = face_detection.detect(blank, astronaut)
    assert (recovered.rung, recovered.recovered) == ("neighbour", True)


def test_two_faces(astronaut):
    with pytest.raises(failed_faces.MultipleFaces):
        face_detection.detect(np.hstack([astronaut, astronaut]))
    small = np.full_like(astronaut, 90)
    third = cv2.resize(astronaut, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small[: third.shape[0], : third.shape[1]] = third
    both = face_detection.detect(np.hstack([astronaut, small]))
    assert both.landmarks[:, 0].max() < astronaut.shape[1], "the larger one by far is meant"


@pytest.mark.parametrize(
    ("size", "mirrored"), [(256, 0), (800, 0), (1024, 0), (1400, 0), (400, 1), (1000, 1), (1400, 1)]
)
def test_a_weak_box_beside_a_face_is_no_second_face(size, mirrored):
    """A patch of the suit has a box as large as the face's, at 0.02 to 0.1 of its weight."""
    photograph = data.astronaut()[:, ::-1] if mirrored else data.astronaut()
    detection = face_detection.detect(cv2.resize(photograph, (size, size), interpolation=cv2.INTER_CUBIC))
    eyes = np.array([(1 - 0.438 if mirrored else 0.438, 0.213)]) * size
    np.testing.assert_allclose(detection.landmarks[36:48].mean(0), eyes[0], atol=0.02 * size)


def test_a_weak_box_is_no_face_though_it_is_the_largest(astronaut, found, monkeypatch):
    dlibs = face_detection._detector()

    class Detector:
        def run(self, gray, upsample):
            boxes, weights, kinds = dlibs.run(gray, upsample)
            return [dlib.rectangle(0, 0, 299, 299), *boxes], [0.02, *weights], [0, *kinds]

    monkeypatch.setattr(face_detection, "_detector", Detector)
    np.testing.assert_array_equal(face_detection.detect(astronaut).landmarks, found.landmarks)


def dark(image):
    return image // 5


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 2)


def rolled(image):
    turn = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 30, 1)
    return cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("harm", [dark, blurred, rolled])
def test_a_second_face_that_is_hard_to_see_is_still_one(harm):
    photograph = data.astronaut()
    with pytest.raises(failed_faces.MultipleFaces):
        face_detection.detect(np.hstack([photograph, harm(photograph)]))


def test_ecc_takes_head_sway_out(astronaut, found):
    matrix = alignment.similarity(found.landmarks, 224)
    landmarks = alignment.apply(matrix, found.landmarks)
    moved = cv2.warpAffine(
        astronaut,
        np.array([[1, 0, 1.5], [0, 1, -1.0]]),
        astronaut.shape[1::-1],
        borderMode=cv2.BORDER_REPLICATE,
    )
    still = alignment.crop(astronaut, matrix, 224)
    refined = alignment.compose_sway(
        matrix, alignment.sway(still, alignment.crop(moved, matrix, 224), landmarks)
    )
    nose = found.landmarks[30:31]
    np.testing.assert_allclose(
        alignment.apply(refined, nose + (1.5, -1)), alignment.apply(matrix, nose), atol=0.3
    )


@pytest.fixture
def database(tmp_path, astronaut):
    """Three clips: a sound one with a dropped frame, one without a face, one with a half frame."""
    # Small: detection tries all its rungs on it, the last on nine times its pixels.
    clips, blank = [], np.full((80, 80, 3), 120, np.uint8)
    for name in ("sound", "empty", "torn"):
        folder = tmp_path / "frames" / "s1" / name
        folder.mkdir(parents=True)
        for number in (8, 9, 10, 11, 13, 14):
            Image.fromarray(blank if name == "empty" else astronaut).save(folder / f"img{number}.jpg")
        clips.append(Clip("casme2", "s1", name, 8, 10, 14, f"s1/{name}", digest="0" * 64))
    torn = tmp_path / "frames/s1/torn/img10.jpg"
    torn.write_bytes(torn.read_bytes()[:4000])
    (tmp_path / "clips.csv").write_text(to_csv(clips, labels=False))
    return tmp_path


def test_stage_stops_with_every_failed_clip(database):
    with pytest.raises(InputError) as caught:
        build(database / "clips.csv", database / "frames", database / "faces.h5", RECIPE)
    text = str(caught.value)
    assert "s1/empty: no_face" in text
    assert "s1/torn: error" in text
    assert "img10.jpg" in text
    assert not (database / "faces.h5").exists()


def test_a_changed_label_crops_no_face(database, capsys):
    """The manifest that names the clips carries labels; the clips' keys do not."""
    manifest, output = database / "casme2.csv", database / "faces.h5"
    clips = [replace(clip, digest="") for clip in read_manifest(database / "clips.csv")]
    for label, counts in (
        (0, "1 clips computed, 0 taken over, 2 failed"),
        (1, "0 clips computed, 1 taken over, 2 failed"),
    ):
        manifest.write_text(to_csv([replace(clip, labels=dict.fromkeys(AUS, label)) for clip in clips]))
        build(manifest, database / "frames", output, RECIPE, failed="skip")
        assert f"{output}: {counts}" in capsys.readouterr().err


def test_stage_skips_and_draws(database):
    sheet, half = database / "faces.png", database / ".faces.png.0123.tmp"
    half.write_bytes(b"faces, left by a kill")
    build(
        database / "clips.csv", database / "frames", database / "faces.h5", RECIPE,
        failed="skip", contact_sheet=sheet,
    )  # fmt: skip
    store = Store(database / "faces.h5", "faces", RECIPE.as_dict())
    assert store.clips == ["s1/sound"]
    assert {(f.clip, f.status) for f in store.failures} == {("s1/empty", "no_face"), ("s1/torn", "error")}
    assert not [f.reason for f in store.failures if str(database) in f.reason], "the same wherever frames lie"
    assert store.read("frames", "s1/sound").shape == (7, 128, 128, 3)
    assert store.read("numbers", "s1/sound").tolist() == [8, 10, 11, 11, 13, 14, 14]
    assert store.read("matrix", "s1/sound").shape == (7, 2, 3)
    assert Image.open(sheet).size[0] > 1000
    assert not half.exists()


def test_missing_apex_names_what_is_there(tmp_path):
    clip = Clip("casme2", "s1", "c", 8, 12, 14, "s1/c")
    index = dict.fromkeys((8, 9, 14), tmp_path)
    with pytest.raises(InputError, match=r"apex 12 missing; the folder's frames are 8\.\.14"):
        slots(clip, index, tmp_path)


def test_frames_of_different_sizes(database, astronaut):
    Image.fromarray(astronaut[:-2]).save(database / "frames/s1/sound/img11.jpg")
    with pytest.raises(InputError, match="different sizes"):
        build(database / "clips.csv", database / "frames", database / "faces.h5", RECIPE)


@pytest.mark.parametrize(("keep", "length"), [("first10", 10), ("tim10", 10), ("span", 144)])
def test_videos_are_gray_and_of_one_length(database, astronaut, keep, length):
    dark = database / "frames/s1/sound/img14.jpg"
    Image.fromarray(astronaut // 2).save(dark)
    recipe = resolve("faces", {"keep": keep, "size": 64})
    build(database / "clips.csv", database / "frames", database / "faces.h5", recipe, failed="skip",
          contact_sheet=database / "faces.png")  # fmt: skip
    video = Store(database / "faces.h5", "faces", recipe.as_dict()).read("video", "s1/sound")
    assert video.shape == (length, 64, 64)
    light = video.mean(axis=(1, 2))
    assert light[-1] == pytest.approx(light[0] / 2, rel=0.02), "from onset to offset"
    if keep == "span":
        assert len(np.unique(light)) == 2, "six frames, five of them alike"


def test_first_ten_frames_of_a_longer_clip():
    clip = Clip("casme2", "s1", "c", 3, 10, 20, "s1/c")
    index = dict.fromkeys(range(30), None)
    assert video_numbers(clip, index, "first10") == list(range(3, 13))
    assert video_numbers(clip, index, "tim10") == list(range(3, 21))
    assert video_numbers(clip, index, "span")[::143] == [3, 20]


def test_golden_crop(astronaut, found):
    # Raise the faces revision in infusenet/config/stage_recipes.py when these figures change.
    crop = alignment.crop(astronaut, alignment.similarity(found.landmarks, 128), 128)
    np.testing.assert_allclose(crop.mean(axis=(0, 1)), [152.62, 131.55, 109.32], atol=0.3)
    np.testing.assert_allclose(crop[::32, ::32, 1].ravel()[:4], [197, 27, 180, 99], atol=3)
