"""``infusenet detect``: tables and pages of clips, what is refused at once, and clips that fail beside others."""

import csv
import json

import numpy as np
import pytest
from detection_lab import filmed, write_frames, write_run
from films import write_film
from PIL import Image

from infusenet import cli
from infusenet.detection import detect
from infusenet.detection.clip_arrays import Window
from infusenet.detection.detector import Detector
from infusenet.detection.spotting import Interval, Spotting
from infusenet.protocol import AUS
from infusenet.training import run_folder

STANDINS = "Trained on synthetic stand-ins: says nothing about real faces."


@pytest.fixture(scope="module")
def lab(tmp_path_factory, narrow):
    """Footage ``a`` (frames 5 to 16) and ``b``, a blank folder, and two runs of a narrow network, the first of
    which says that it was trained on stand-ins."""
    root = tmp_path_factory.mktemp("footage")
    for name in "ab":
        write_frames(root / name, name)
    (root / "blank").mkdir()
    for number in (1, 2, 3):
        Image.fromarray(np.full((220, 240, 3), 90, np.uint8)).save(root / f"blank/{number}.png")
    for seed in (0, 1):
        folder = write_run(root, seed)
        if seed == 0:
            facts = run_folder.load_weights(folder)[1]
            (folder / "run.json").write_text(json.dumps(facts | {"standins": True}))
    return root


def run(lab, output, *words, models=("run0",)):
    words = [*words, "--model", *(lab / name for name in models), "--device", "cpu", "--output", output]
    return cli.main(["detect", *map(str, words)])


def rows(output):
    with open(output / "scores.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


WINDOW = ("--onset", 5, "--apex", 9)


@pytest.fixture(scope="module")
def scored(lab, tmp_path_factory):
    """The output of a single clip, whose offset is not given."""
    output = tmp_path_factory.mktemp("detected")
    assert run(lab, output, lab / "a", *WINDOW) == 0
    return output


def test_a_clip_has_its_scores_a_page_and_a_picture(lab, scored):
    detector = Detector(lab / "run0")
    for number, frame in filmed("a").items():
        detector.add(frame, number)
    expected = detector.scores(5, 9, 16)
    table = rows(scored)
    assert [row["AU"] for row in table] == [f"AU{au}" for au in AUS]
    assert [row["logit"] for row in table] == [str(logit) for logit in expected.logits[0]]
    assert {(row["clip"], row["onset"], row["apex"], row["offset"]) for row in table} == {
        ("a", "5", "9", "16")
    }
    assert {(row["confidence"], row["spread"]) for row in table} == {("", "0.0")}
    assert {row["trained_on"] for row in table} == {"synthetic stand-ins"}
    assert sorted(path.name for path in scored.iterdir()) == ["a.html", "a.png", "index.html", "scores.csv"]
    for page in ("a.html", "index.html"):
        assert STANDINS in (scored / page).read_text()
    assert 'href="a.html"' in (scored / "index.html").read_text()


def test_the_same_inputs_give_the_same_bytes(lab, scored, tmp_path, capsys):
    assert run(lab, tmp_path, lab / "blank/../a", *WINDOW, "--offset", 16, "--threads", 1) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'index.html'}: 1 inputs, 1 intervals. {STANDINS}\n"
    for path in scored.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_several_models_give_mean_and_spread(lab, scored, tmp_path, sketched):
    assert run(lab, tmp_path, lab / "a", *WINDOW, models=("run0", "run1")) == 0
    (tmp_path / "second").mkdir()
    assert run(lab, tmp_path / "second", lab / "a", *WINDOW, models=("run1",)) == 0
    first, second, both = rows(scored), rows(tmp_path / "second"), rows(tmp_path)
    assert {row["trained_on"] for row in second} == {"unknown"}
    assert {row["trained_on"] for row in both} == {"synthetic stand-ins and unknown"}
    for a, b, mean in zip(first, second, both, strict=True):
        logits = np.float32([a["logit"], b["logit"]])
        assert float(mean["logit"]) == pytest.approx(logits.mean(), abs=1e-6)
        assert float(mean["spread"]) == pytest.approx(logits.std(ddof=1), abs=1e-6)
    assert "mean of 2 models; held out alpha; seed 0, 1" in (tmp_path / "a.html").read_text()
    assert "Not known whether" in (tmp_path / "second/a.html").read_text()


@pytest.fixture
def sketched(monkeypatch):
    """Pictures of clips are an empty file: drawing takes longer than all the rest."""
    monkeypatch.setattr(detect, "draw_clip", lambda *arguments: arguments[-1].write_bytes(b""))


def test_a_bundle_scores_as_the_run_in_it(lab, scored, tmp_path, sketched):
    bundle = tmp_path / "model.tar"
    assert cli.main(["model", "export", str(lab / "run0"), "--output", str(bundle)]) == 0
    assert run(lab, tmp_path, lab / "a", *WINDOW, models=(bundle,)) == 0
    assert (tmp_path / "scores.csv").read_bytes() == (scored / "scores.csv").read_bytes()


def test_clips_that_fail_are_reported_together_and_the_others_kept(lab, tmp_path, capsys, sketched):
    table = tmp_path / "clips.csv"
    lines = ["path,onset,apex,offset", "a,5,9,", "a,9,5,16", "b,2,5,9", "blank,1,2,3", "c,1,2,3", "a,5,90,"]
    table.write_text(
        "\n".join(line.replace("a,", f"{lab}/a,", 1) if n else line for n, line in enumerate(lines))
    )
    for name in ("b", "blank"):
        (tmp_path / name).symlink_to(lab / name)
    output = tmp_path / "detected"
    output.mkdir()
    assert run(lab, output, "--clips", table) == 1
    error = capsys.readouterr().err
    problems = (
        f"{lab}/a: onset 9, apex 5, offset 16: expected onset <= apex <= offset",
        f"{tmp_path}/blank: frame 1: no face found",
        f"{tmp_path}/c: no such file or folder",
        f"{lab}/a: onset 5, apex 90, offset 16",
    )
    assert f"{output}: pages of 2 of 4 inputs" in error
    assert all(problem in error for problem in problems)
    assert error.count("\n") == 1 + len(problems)
    assert [(row["clip"], row["onset"]) for row in rows(output)[:: len(AUS)]] == [("a", "5"), ("b", "2")]
    index = (output / "index.html").read_text()
    assert "Not scored (4)" in index
    assert index.count("href=") == 2


def test_an_interruption_keeps_what_is_finished(lab, tmp_path, monkeypatch, sketched):
    open_footage = detect.open_footage

    def interrupted(path):
        if path.name == "b":
            raise KeyboardInterrupt
        return open_footage(path)

    monkeypatch.setattr(detect, "open_footage", interrupted)
    table = tmp_path / "clips.csv"
    table.write_text(f"path,onset,apex\n{lab}/a,5,9\n{lab}/b,2,5\n")
    with pytest.raises(KeyboardInterrupt):
        run(lab, tmp_path, "--clips", table)
    assert {row["clip"] for row in rows(tmp_path)} == {"a"}
    assert (tmp_path / "a.html").is_file()
    assert 'href="a.html"' in (tmp_path / "index.html").read_text()


# --- spotting ---


@pytest.fixture
def spotted(monkeypatch):
    """The intervals that spotting finds in place of its own search; its calls are kept in ``calls``."""

    class Spotter:
        intervals, calls = [], []

        def __call__(self, frames, rate, total):
            numbers = np.array([number for number, _ in frames])
            self.calls.append((rate, total, len(numbers)))
            return Spotting(self.intervals, numbers, np.sin(numbers), [])

    spotter = Spotter()
    monkeypatch.setattr(detect, "spot", spotter)
    return spotter


def test_spotted_intervals_have_rows_and_pictures(lab, tmp_path, spotted, sketched):
    spotted.intervals = [Interval(1, 3, 5, 0.5), Interval(6, 9, 12, 0.25)]
    film = write_film(tmp_path / "film.mkv", list(filmed("a").values()), rate=50)
    output = tmp_path / "detected"
    output.mkdir()
    assert run(lab, output, film, "--spot") == 0
    assert spotted.calls == [(50.0, 12, 12)]
    table = rows(output)[:: len(AUS)]
    assert [(row["onset"], row["apex"], row["offset"], row["confidence"]) for row in table] == [
        ("1", "3", "5", "0.5"), ("6", "9", "12", "0.25")
    ]  # fmt: skip
    assert {path.name for path in output.glob("*.png")} == {"film@1-3-5.png", "film@6-9-12.png"}
    page = (output / "film.html").read_text()
    assert page.count("data:image/png") == 2
    assert "Frames 6 to 12, apex 9, spotted with confidence 0.25" in page


def test_footage_without_an_expression_has_a_page(lab, tmp_path, spotted, capsys):
    assert run(lab, tmp_path, lab / "a", lab / "b", "--spot", "--rate", 25) == 0
    assert "2 inputs, 0 intervals" in capsys.readouterr().out
    assert [call[0] for call in spotted.calls] == [25.0, 25.0]
    assert rows(tmp_path) == []
    assert "No expression was spotted" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "b.png").is_file()


def test_a_list_spots_only_what_is_not_given(lab, tmp_path, spotted, sketched):
    spotted.intervals = [Interval(2, 5, 9, 0.5)]
    (tmp_path / "clips.csv").write_text(f"path,onset,apex,offset\n{lab}/a,5,9,16\n{lab}/b,,,\n")
    assert run(lab, tmp_path, "--clips", tmp_path / "clips.csv", "--spot", "--rate", 30) == 0
    assert len(spotted.calls) == 1
    assert [row["confidence"] for row in rows(tmp_path)[:: len(AUS)]] == ["", "0.5"]


def test_spotting_names_the_footage_that_it_refuses(lab, tmp_path, capsys):
    assert run(lab, tmp_path, lab / "a", lab / "b", "--spot") == 1
    assert f"{lab}/a: no frame rate, which spotting needs; give it with --rate" in capsys.readouterr().err
    assert run(lab, tmp_path, lab / "a", "--spot", "--rate", 5) == 1
    assert f"{lab}/a: 5 frames per second; spotting needs at least 20" in capsys.readouterr().err


# --- refused before anything is computed ---

REFUSED = {
    "no input": ([], "clips: expected INPUT before --model, or --clips CSV; none is given"),
    "both": (["a", "--clips", "clips.csv"], "or --clips CSV; both are given"),
    "neither way": (["a"], "clips: no onset and no apex; give --onset and --apex, or have the expressions found by --spot"),
    "no apex": (["a", "--onset", "5"], "clips: no apex, but an onset; give"),
    "offset alone": (["a", "--offset", "5"], "clips: no onset and no apex, but an offset; give"),
    "spot too": (["a", "--onset", "5", "--apex", "9", "--spot"], "--onset and --apex with --spot"),
    "two inputs": (["a", "b", "--onset", "5", "--apex", "9"], "--onset and --apex for 2 inputs: expected one"),
    "numbers of a list": (["--clips", "clips.csv", "--apex", "9"], "--apex: not with --clips"),
    "no list": (["--clips", "clips.csv"], "clips.csv: no such file"),
    "twice": (["a", "a/../a", "--spot"], "clips listed twice: "),
    "rate": (["a", "--spot", "--rate", "0"], "--rate is 0, expected a number of frames per second above 0"),
    "no rate": (["a", "--spot", "--rate", "nan"], "--rate is nan"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_words_that_do_not_fit_are_refused_on_one_line(lab, tmp_path, case, capsys, monkeypatch):
    words, message = REFUSED[case]
    monkeypatch.chdir(lab)
    assert run(lab, tmp_path / "detected", *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "detected").exists()


def test_models_that_do_not_fit_are_refused(lab, tmp_path, capsys):
    write_run(lab, 2, preset="released")
    output = tmp_path / "detected"
    for models, message in {
        ("run0", "run2released"): "run2released: infusenet_resnet18 of another recipe than in",
        ("run2released",): "min-max spans the batch",
        ("run0", "a"): "a/weights.safetensors: no such file; train this run first",
    }.items():
        assert run(lab, output, lab / "a", *WINDOW, models=models) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not output.exists()


def test_an_output_that_would_spoil_something_is_refused(lab, tmp_path, capsys):
    (tmp_path / "link").symlink_to(lab / "a")
    (tmp_path / "file").write_text("mine")
    for place, message in {"link": "a folder of frames", "file": "not a folder"}.items():
        assert run(lab, tmp_path / place, lab / "a", *WINDOW) == 1
        assert message in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
    assert len(list((lab / "a").iterdir())) == 12


def test_windows_are_in_order_and_given_ones_stay_given(lab):
    requests = [detect.ClipRequest(lab, 5, 9), detect.ClipRequest(lab), detect.ClipRequest(lab, 6, 7, 8)]

    class Footage:
        numbers = range(1, 17)

    spotting = Spotting([Interval(6, 7, 8, 0.5), Interval(1, 2, 3, 0.25)], np.arange(3), np.zeros(3), [])
    assert list(detect.windows(Footage, requests, spotting).items()) == [
        (Window(5, 9, 16), None), (Window(6, 7, 8), None), (Window(1, 2, 3), 0.25)
    ]  # fmt: skip
