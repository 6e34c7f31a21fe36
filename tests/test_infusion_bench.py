"""The nuisance bench: levels that differ in two things alone, its cells, its scores, its sentences."""

import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from predictions import write_run

from infusenet.config import configuration
from infusenet.errors import InputError
from infusenet.evaluation import metrics
from infusenet.evaluation.evaluate import read_run
from infusenet.experiments import infusion_bench as nuisance
from infusenet.experiments.infusion_bench import bench_page, cell_scores
from infusenet.experiments.infusion_bench.bench_rows import BenchRow, beyond
from infusenet.experiments.infusion_bench.conditions import (
    FLOW,
    INFUSENET,
    INFUSIONS,
    OURS,
    Plan,
    cells,
    settings,
    trainings,
)
from infusenet.preprocess import alignment
from infusenet.standins import NUISANCE, make, subjects, truth
from infusenet.standins.camera import CAMERAS, Shot
from infusenet.standins.clip_plans import plan
from infusenet.standins.motion import Pull
from infusenet.standins.render import render
from infusenet.standins.truth import ClipTruth

LATENTS = [(OURS, "none"), (OURS, "global")]


# --- stand-ins -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def subject():
    return subjects.draw(np.random.default_rng(5))


def directed(subject, database="casme2", clips=30):
    """The truth of some clips at every level, and without one."""
    planned = plan(database, "demo", 0)[:clips]
    levels = (None, *NUISANCE)
    return planned, {level: [make.direct(p, subject, "demo", 0, level) for p in planned] for level in levels}


def test_levels_differ_in_brightness_and_noise_alone(subject):
    planned, made = directed(subject)
    for level in NUISANCE:
        for clip, own in zip(made[level], made[None], strict=True):
            assert (clip.fields, clip.courses, clip.subject) == (own.fields, own.courses, own.subject)
            np.testing.assert_array_equal(clip.shot.poses, own.shot.poses)
            for name in ("seed", "size", "gray", "quality", "numbers"):
                assert getattr(clip.shot, name) == getattr(own.shot, name)
    changes = {
        level: np.array([c.shot.gains[c.row(p.apex)] / c.shot.gains[c.row(p.onset)] - 1
                         for p, c in zip(planned, made[level], strict=True)])
        for level in NUISANCE
    }  # fmt: skip
    np.testing.assert_allclose(changes["mild"] / 0.015, changes["strong"] / 0.05, rtol=1e-9)
    assert 0.04 < np.abs(changes["strong"]).max() <= 0.05
    assert changes["strong"].min() < 0 < changes["strong"].max()
    assert not changes["none"].any()
    noise = {level: [clip.shot.noise for clip in made[level]] for level in NUISANCE}
    assert not any(noise["none"])
    assert 0.8 * 0.8 <= min(noise["mild"]) < max(noise["mild"]) <= 1.2 * 0.8
    assert np.mean(noise["strong"]) == pytest.approx(2, rel=0.1)


def test_levels_are_seen_in_the_pictures(subject):
    _, made = directed(subject, clips=1)
    (still,), (strong,) = made["none"], made["strong"]
    first, last = still.shot.numbers[0], still.shot.numbers[-1]

    def gray(clip, frame):
        return render(subject, clip, frame).mean()

    noise = render(subject, strong, first).astype(float) - render(subject, still, first)
    assert noise.std() == pytest.approx(strong.shot.noise, rel=0.1), "at the onset the gain is one"
    gain = strong.shot.gains[-1]
    assert abs(gain - 1) > 0.002
    assert gray(strong, last) / gray(still, last) == pytest.approx(gain, abs=0.001)


# --- cells ---------------------------------------------------------------------------------------


def test_a_bench_has_this_many_trainings(tmp_path):
    todo = cells(Plan())
    assert len(todo) == 3 * 2 + 5
    runs = [f"{cell.folder}/{run}" for cell in todo for run in trainings(Plan(), cell)]
    assert len(set(runs)) == len(runs) == 3 * (6 + 2 * 18) + 5 * 6 == 156
    assert sum(FLOW in run for run in runs) == 3 * 6, "it reads no latents: once a level"
    (tmp_path / "other.pth").write_bytes(b"weights")
    assert len(cells(Plan(), [tmp_path / "other.pth"])) == len(todo) + 6


def test_weights_must_be_there_and_named_apart(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        cells(Plan(), [tmp_path / "absent.pth"])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.pth").write_bytes(b"")
    with pytest.raises(InputError, match="one name"):
        cells(Plan(), [tmp_path / "a" / "same.pth", tmp_path / "b" / "same.pth"])


def test_configurations_are_valid_and_say_what_the_cell_says(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"weights")
    recipes = {}
    for cell in cells(Plan(), [tmp_path / "other.pth"]):
        (tmp_path / cell.level / "standins").mkdir(parents=True, exist_ok=True)
        settled = configuration.settle(yaml.safe_load(yaml.safe_dump(settings(Plan(), cell, tmp_path))))
        assert settled["uses_standins"]
        assert set(Plan().held_out) < set(settled["databases"])
        for name in cell.methods:
            recipe = configuration.resolve_method(settled, name)
            assert (recipe.epochs, recipe.size, recipe.weights) == (8, 64, "none")
            if name == FLOW:
                assert "latents" not in recipe.stores
            else:
                assert recipe.stores["latents"].recipe.photometric == cell.photometric
            recipes.setdefault(name, {})[cell.folder] = recipe
    ours, other = (recipes[INFUSENET][f"mild/{name}-none/paper"] for name in (OURS, "other"))
    assert ours.stores["latents"].recipe.weights != other.stores["latents"].recipe.weights
    for name, changed in INFUSIONS.items():
        recipe = recipes[INFUSENET][f"strong/{OURS}-none/{name}"].as_dict()
        assert changed.items() <= recipe.items()
        assert recipe.keys() - changed.keys() == set(
            recipes[INFUSENET][f"strong/{OURS}-none/paper"].as_dict()
        )


def test_shared_stores_are_those_that_latents_leave_alone(tmp_path):
    source, cache = tmp_path / "one", tmp_path / "two"
    (source / "mmew").mkdir(parents=True)
    for name in ("faces.h5", "faces.h5.sha256", "flow.h5", "latents.h5", "clips.csv"):
        (source / "mmew" / name).write_text(name)
    nuisance.share(source, cache)
    nuisance.share(source, cache)
    assert {p.name for p in cache.rglob("*.*")} == {"faces.h5", "faces.h5.sha256", "flow.h5"}
    os.replace(source / "mmew" / "latents.h5", source / "mmew" / "flow.h5")
    nuisance.share(source, cache)
    assert (cache / "mmew" / "flow.h5").read_text() == "latents.h5", "what was made again is linked again"


# --- where the motion is -------------------------------------------------------------------------


def test_region_of_a_known_pull_lies_there_in_crop_pixels():
    """A crop of twice the native scale, seen at a quarter of its size: native (40, 60) -> (20, 30)."""
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    swayed = np.array([[1.0, 0, 3], [0, 1, -3]])
    shot = Shot(np.stack([still, swayed]), np.ones(2), 0, (128, 128), True, 95, 0.0, [5, 9])
    pull, weak = Pull(40, 60, 0.0, -0.5, 8), Pull(100, 100, 0.1, 0.0, 4)
    clip = ClipTruth(0, shot, {1: [pull], 12: [weak]}, {1: [0.0, 1.0], 12: [0.0, 1.0]})
    matrix, crop, size = np.array([[2.0, 0, 0.5], [0, 2, 0.5]]), 256, 64
    area = cell_scores.region(clip, 5, 9, matrix, crop, size)
    y, x = np.mgrid[:size, :size]
    # Native px of each pixel: 256 / 128 makes both grids cover the same square.
    inside, near = np.zeros_like(area), np.zeros_like(area)
    for p in (pull, weak):
        radii = np.hypot((x + 0.5) * 2 - 0.5 - p.x, (y + 0.5) * 2 - 0.5 - p.y) / p.sigma
        half = np.sqrt(2 * np.log(2))  # where a Gaussian has fallen to half
        inside |= radii < half - 0.25
        near |= radii < half + 0.25
    assert area[inside].all(), "the weaker pull too"
    assert not area[~near].any(), "nothing from the head's sway"
    assert inside.sum() > 40


def test_region_fits_the_crop_of_a_face(subject):
    """An AU's region in a real crop lies on the side of the face where the muscle is."""
    planned = next(p for p in plan("samm", "demo", 0) if p.aus.get(12) == "LR")
    clip = make.direct(planned, subject, "demo", 0, "strong")
    clip = replace(clip, fields={12: clip.fields[12]})
    landmarks = truth.to_frame(clip, planned.onset, subject.landmarks)
    matrix = alignment.similarity(landmarks, 224)
    area = cell_scores.region(clip, planned.onset, planned.apex, matrix, 224, 64)
    mouth = alignment.apply(matrix, landmarks[[48, 54]]) * 64 / 224
    y, x = np.nonzero(area)
    nearest = np.min([np.hypot(x - px, y - py) for px, py in mouth], 0)
    assert 0 < area.mean() < 0.15
    assert nearest.max() < 10
    assert cv2.connectedComponents(area.astype(np.uint8))[0] - 1 == 2, "both corners"


# --- scores and sentences ------------------------------------------------------------------------


def test_scores_come_from_the_saved_predictions(tmp_path, monkeypatch):
    small = Plan(levels=("none",), photometrics=("none",), infusions=(), seeds=(0, 1))
    todo = cells(small)
    for method in todo[0].methods:
        heads = ("mag", "flow") if method == INFUSENET else ("flow",)
        for name in small.held_out:
            for seed in small.seeds:
                write_run(tmp_path / todo[0].folder, name, seed, method, clips=20, heads=heads)

    class Here:
        """In this process, where the Grad-CAM of runs without weights can be replaced."""

        def __init__(self, *_, **__): ...
        def __enter__(self):
            return self

        def __exit__(self, *_): ...

        map = staticmethod(map)

    monkeypatch.setattr(cell_scores, "pool", Here)
    monkeypatch.setattr(
        cell_scores,
        "shares",
        lambda run, *_: (
            np.full(2 if "samm" in str(run) else 1, "samm" in str(run) and 0.6),
            np.full(1, 0.1),
        ),
    )
    rows = cell_scores.score(small, todo, tmp_path, 1)
    assert len(rows) == 4 * 2
    assert {row.magnifier for row in rows if row.method == FLOW} == {"-"}
    (row,) = [row for row in rows if row.method == INFUSENET and row.seed == 1]
    folds = [read_run(tmp_path / todo[0].folder / INFUSENET / n / "seed1") for n in small.held_out]
    labels = np.vstack([f.labels for f in folds])
    said = np.vstack([f.logits["mag"] > 0 for f in folds]).astype(int)
    assert row.f1 == pytest.approx(metrics.f1(labels, said).mean())
    assert row.inside == pytest.approx((0 + 0.6 + 0.6) / 3), "clips of both databases count alike"


def synthetic(f1, infusions=None, levels=("none", "strong"), seeds=(0, 1, 2)):
    """Rows of a bench: ``f1`` by (method, level), the same for both photometric matches."""
    rows, wave = [], (0.001, -0.002, 0.001)
    for level in levels:
        for magnifier, photometric in LATENTS:
            for method in ("resnet18_mag", "late_fusion", INFUSENET):
                rows += [BenchRow(level, magnifier, photometric, "paper", method, s, f1[method, level] + wave[s], 0.2, 0.1)
                         for s in seeds]  # fmt: skip
        rows += [
            BenchRow(level, "-", "-", "paper", FLOW, s, f1[FLOW, level] - wave[s], 0.3, 0.1) for s in seeds
        ]
    for name, values in (infusions or {}).items():
        rows += [BenchRow("strong", OURS, "none", name, INFUSENET, s, values[s], 0.2, 0.1) for s in seeds]
    return rows


ORDERED = {"resnet18_mag": 0.1, "late_fusion": 0.2, FLOW: 0.3, INFUSENET: 0.4}


def test_sentences_say_what_the_numbers_say(tmp_path):
    f1 = {(name, "none"): value for name, value in ORDERED.items()}
    f1 |= {(name, "strong"): value for name, value in ORDERED.items()} | {(INFUSENET, "strong"): 0.25}
    infusions = {"channel": [0.35, 0.352, 0.349], "batch": [0.27, 0.22, 0.28], "detach": [0.1, 0.1, 0.1]}
    bench_page.write(synthetic(f1, infusions), tmp_path)
    text = (tmp_path / "nuisance.md").read_text()
    assert (
        "in the means it appears at `none`, not at `strong` (FrameMag < late fusion < InfuseNet < FrameFlow)"
        in text
    )
    assert "with every step beyond the seeds' spread at `none`." in text
    assert "beyond the seeds' spread, at `strong`:** `channel`." in text
    assert "-0.050 ± 0.003* at `strong`, worse beyond" in text
    assert "stand-ins, not CD6ME" in text
    assert (tmp_path / "nuisance.png").read_bytes()[:4] == b"\x89PNG"
    lines = (tmp_path / "nuisance.csv").read_text().splitlines()
    assert len(lines) == 1 + len(synthetic(f1, infusions))


def test_one_seed_tells_nothing_beyond_its_spread(tmp_path):
    f1 = {(name, level): value for name, value in ORDERED.items() for level in ("none", "strong")}
    rows = synthetic(f1, seeds=(0,))
    assert not beyond(np.array([5.0]))
    bench_page.write(rows, tmp_path)
    text = (tmp_path / "nuisance.md").read_text()
    assert (
        "appears at `none`, `strong`, not at no level; with every step beyond the seeds' spread at no level"
        in text
    )
    assert "± n/a" in text


def test_beyond_is_students_interval():
    differences = np.array([0.01, 0.02, 0.03])  # mean 0.02, standard error 0.0058, t = 3.46 < 4.30
    assert not beyond(differences)
    assert beyond(differences + 0.01)
    assert not beyond(-differences - 0.01)


def test_the_truth_on_disk_keeps_a_levels_gains(subject, tmp_path):
    planned, made = directed(subject, clips=2)
    truth.write(tmp_path / "t.json", {p.key: c for p, c in zip(planned, made["strong"], strict=True)})
    entry = json.loads((tmp_path / "t.json").read_text())[planned[0].key]
    assert entry["shot"]["gains"] == made["strong"][0].shot.gains.tolist()
    assert CAMERAS["casme2"].noise != entry["shot"]["noise"] > 1
