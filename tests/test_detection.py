"""New footage: the scores of a clip are those of its stores, bit for bit, however its frames come."""

import csv
import json

import numpy as np
import pytest
import torch
from detection_lab import CLIPS, NUMBERS, filmed, network_of, recipe_of, trained, write_lab, write_run
from films import write_film
from scipy.special import expit

from infusenet import cli
from infusenet.detection import clip_arrays as clip_arrays_module
from infusenet.detection.clip_arrays import Window, clip_arrays
from infusenet.detection.detector import Detector, FrameBuffer, clip_scores
from infusenet.detection.footage import open_footage
from infusenet.detection.scores import ClipScores
from infusenet.errors import InputError
from infusenet.protocol import AUS, CANDIDATES
from infusenet.training import folds
from infusenet.training.dataset import ClipDataset
from infusenet.training.predict import score

METHODS_BY_INPUT = {
    "latents": ("infusenet_resnet18", {}),
    "decoded": ("infusenet_resnet18_decoded", {}),
    "frames": ("infusenet_resnet18_finetuned", {"photometric": "none"}),
    "first ten frames": ("lbp_top", {"frames": "first10"}),
    "ten frames": ("lbp_top", {"frames": "tim10"}),
    "span": ("led", {}),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The stores, and clip ``a`` also as a lossless video; clip ``b`` has a gap, and a video has none."""
    lab = write_lab(tmp_path_factory.mktemp("lab"))
    write_film(lab / "a.mp4", list(filmed("a").values()), "libx264rgb", "rgb24", qp="0")
    return lab


def footages(lab, clip):
    """The clip's frames as a folder, a lossless video and a buffer, each with its window there."""
    window = Window(clip.onset, clip.apex, clip.offset)
    yield open_footage(lab / "frames" / clip.frames), window
    buffer = FrameBuffer(100)
    for number, frame in filmed(clip.clip).items():
        buffer.add(frame, number)
    yield buffer, window
    if clip.clip == "a":
        first = min(NUMBERS["a"]) - 1
        shifted = Window(clip.onset - first, clip.apex - first, clip.offset - first)
        yield open_footage(lab / "a.mp4"), shifted


@pytest.mark.parametrize("kind", METHODS_BY_INPUT)
def test_scores_are_those_of_the_stores(lab, kind):
    method, settings = METHODS_BY_INPUT[kind]
    recipe = recipe_of(method, **settings)
    model = trained(recipe, network_of(recipe))
    database = folds.open_database("alpha", lab / "cache", lab / "manifests", recipe)
    stored, _ = score(model.network, ClipDataset([database], recipe, 0), model.device, all_candidates=True)
    assert np.ptp(stored[:, : len(AUS)]) > 0
    for clip, row in zip(CLIPS, stored[:, : len(AUS)], strict=True):
        for footage, window in footages(lab, clip):
            scores = clip_scores(footage, window, [model])
            assert scores.logits.tobytes() == row.tobytes(), f"{type(footage).__name__} of {clip.clip}"
            assert (scores.clip, scores.window, scores.confidence) == (footage.name, window, None)


@pytest.fixture(scope="module")
def run(lab, narrow):
    """A run folder of an untrained narrow network on the lab's stores."""
    return write_run(lab, 0)


@pytest.fixture(scope="module")
def detector(run):
    return Detector(run)


def predictions(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_predict_scores_all_candidates_as_detection_does(lab, run, detector, tmp_path, capsys):
    words = [run, "--stores", lab / "cache", "--manifests", lab / "manifests", "--device", "cpu"]
    for name, more in (("all", ["--all-candidates"]), ("drawn", [])):
        assert cli.main(
            ["predict", *map(str, words), *more, "--output", str(tmp_path / name / "predictions.csv")]
        ) in (0, None)
    predicted = {
        name: json.loads((tmp_path / name / "run.json").read_text())["predicted"] for name in ("all", "drawn")
    }
    assert predicted["all"]["all_candidates"] is True
    assert "all_candidates" not in predicted["drawn"]
    rows = {name: predictions(tmp_path / name / "predictions.csv") for name in ("all", "drawn")}
    assert rows["all"] != rows["drawn"]
    for clip, row in zip(CLIPS, rows["all"], strict=True):
        window = Window(clip.onset, clip.apex, clip.offset)
        scores = clip_scores(open_footage(lab / "frames" / clip.frames), window, detector.models)
        assert [row[f"mag_AU{n}"] for n in AUS] == [str(logit) for logit in scores.logits[0]]


def test_scores_are_the_mean_over_the_candidates(lab, detector):
    (model,), clip = detector.models, CLIPS[1]
    arrays = clip_arrays(open_footage(lab / "frames/s1/b"), Window(clip.onset, clip.apex, clip.offset), model)
    with torch.inference_mode():
        logits = [
            model.network(**{name: value[None] for name, value in arrays.inputs(model.recipe, k).items()})[
                "mag"
            ]
            for k in range(CANDIDATES)
        ]
    scores = clip_scores(open_footage(lab / "frames/s1/b"), arrays.window, [model])
    np.testing.assert_allclose(scores.logits, torch.stack(logits).mean(0).numpy(), atol=1e-6)
    assert len({tuple(row[0].tolist()) for row in logits}) == 4, (
        "candidates 0 and 1 are one frame, and 4 and 5"
    )
    assert arrays.crops.status == "ok"
    assert arrays.crops.arrays["numbers"].tolist() == [2, 5, 5, 7, 8, 9, 9]


def test_a_method_without_a_pseudo_apex_scores_a_clip_once(lab):
    recipe = recipe_of("off_apexnet")
    model, calls = trained(recipe, network_of(recipe)), []
    model.network.register_forward_hook(lambda *_: calls.append(1))
    clip_scores(open_footage(lab / "frames/s1/a"), Window(5, 9, 16), [model])
    assert len(calls) == 1


def test_names_change_no_score(lab, detector, tmp_path):
    (tmp_path / "zz").mkdir()
    for number in NUMBERS["a"]:
        (tmp_path / "zz" / f"EP01_{number}.png").symlink_to(lab / f"frames/s1/a/img{number:02}.png")
    scores = [
        clip_scores(open_footage(path), Window(5, 9, 16), detector.models)
        for path in (lab / "frames/s1/a", tmp_path / "zz")
    ]
    assert [each.clip for each in scores] == ["a", "zz"]
    assert scores[0].logits.tobytes() == scores[1].logits.tobytes()


def test_scores_of_several_seeds_have_a_spread(lab, run):
    detector = Detector([run, str(write_run(lab, 1))])
    for number, frame in filmed("a").items():
        assert detector.add(frame, number) == number
    scores = detector.scores(5, 9)
    assert scores.window == Window(5, 9, 16)
    assert scores.logits.shape == (2, 12)
    np.testing.assert_allclose(
        scores.spread, np.abs(np.diff(scores.logits, axis=0))[0] / np.sqrt(2), rtol=1e-5
    )
    np.testing.assert_allclose(scores.probability, expit(scores.mean))
    assert (scores.decision == (scores.mean > 0)).all()
    single = ClipScores("clip", scores.window, None, scores.logits[:1])
    assert not single.spread.any()


def test_a_clip_of_one_frame_has_no_motion(lab, detector):
    frame = filmed("a")[9]
    buffer = FrameBuffer(1)
    buffer.add(frame, None)
    arrays = clip_arrays(buffer, Window(1, 1, 1), detector.models[0])
    assert not arrays.stores["flow"].read("flow", "").any()
    assert not arrays.stores["latents"].read("latents", "").any()
    assert np.isfinite(clip_scores(buffer, Window(1, 1, 1), detector.models).logits).all()


BLANK = np.full((220, 240, 3), 90, np.uint8)
REFUSED = {
    "no face": ({1: BLANK, 2: BLANK}, (1, 2, 2), "frames: frame 1: no face found on the onset"),
    "two faces": (
        {n: np.hstack([filmed("a")[9]] * 2) for n in (1, 2)}, (1, 2, 2), "frame 1: several faces of similar size"
    ),
    "order": ({1: BLANK, 2: BLANK}, (2, 1, 2), "onset 2, apex 1, offset 2: expected onset <= apex <= offset"),
    "outside": ({3: BLANK, 4: BLANK}, (3, 9, 9), r"expected frames of the footage, which has 3..4"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_clip_that_cannot_be_scored_is_refused_on_one_line(detector, case):
    frames, window, message = REFUSED[case]
    buffer = FrameBuffer(9)
    for number, frame in frames.items():
        buffer.add(frame, number)
    with pytest.raises(InputError) as caught:
        clip_scores(buffer, Window(*window), detector.models)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_that_scores_no_clip_by_itself_is_refused(lab, run):
    released = write_run(lab, 2, preset="released")
    with pytest.raises(InputError, match=r"run2released: min-max spans the batch \(preset released\)"):
        Detector(released)
    with pytest.raises(InputError, match="of another recipe than in"):
        Detector([run, released])


def test_windows_that_would_fill_the_memory_are_refused(lab, monkeypatch):
    recipe = recipe_of("lbp_top", frames="tim10")
    monkeypatch.setattr(clip_arrays_module, "LONGEST", 11)
    with pytest.raises(InputError, match="12 frames from onset to offset, all of which this method reads"):
        clip_arrays(open_footage(lab / "frames/s1/a"), Window(5, 9, 16), trained(recipe, network_of(recipe)))


def test_a_detector_keeps_the_last_frames(run):
    detector = Detector(run, maximum=3)
    with pytest.raises(InputError, match="no frames: `add` them first"):
        detector.scores(1, 2)
    assert [detector.add(BLANK) for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(
        InputError, match=r"onset 2, apex 3, offset 5: expected frames of the footage, which has 3\.\.5"
    ):
        detector.scores(2, 3)
    for frame, number, message in (
        (BLANK, 5, "frame 5 after frame 5: expected ascending numbers"),
        (BLANK[:9], None, r"frame 6 is \(9, 240, 3\), expected \(220, 240, 3\), as frame 5"),
        (BLANK / 255, None, "frame: float64 array"),
        (BLANK[None], None, "expected RGB as uint8"),
    ):
        with pytest.raises(InputError, match=message):
            detector.add(frame, number)
    detector.clear()
    assert detector.add(BLANK[:9]) == 1


def test_a_frame_is_the_detector_s_own(run):
    buffer, frame = FrameBuffer(2), BLANK.copy()
    buffer.add(frame, None)
    frame[:] = 0
    assert (buffer.read([1])[1] == 90).all()
    with pytest.raises(InputError, match="maximum is 0, expected at least 1"):
        Detector(run, maximum=0)
