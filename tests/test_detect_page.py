"""The list of new clips, their table of scores, pictures and pages; from arrays, without a trained model."""

import base64
import csv
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from detection_lab import filmed, recipe_of, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import whole
from scipy.special import expit

from infusenet import models
from infusenet.detection import clip_list, model_words, score_table
from infusenet.detection.clip_arrays import Window, clip_arrays
from infusenet.detection.clip_list import ClipRequest, read_clips
from infusenet.detection.clip_maps import ClipMaps, clip_maps
from infusenet.detection.clip_page import ClipResult, clip_page, index_page
from infusenet.detection.clip_picture import draw_clip, draw_footage
from infusenet.detection.detector import FrameBuffer
from infusenet.detection.scores import ClipScores
from infusenet.detection.timeline import Timeline
from infusenet.errors import InputError
from infusenet.protocol import AUS
from infusenet.report import gradcam
from infusenet.report.face_maps import masks

SIDE = 48
STANDINS = model_words.CAUTIONS[True]
# A line break, a formula for matplotlib, a tag and a character that the pictures' font has not.
ODD = 'a $\\frac$ <b>&"\n帧'


def scores_with(decided, count=1, clip="clip", confidence=None, window=(3, 5, 9)):
    """Scores of ``count`` models that decide for the AUs ``decided``, one logit a unit above the other."""
    logits = np.array([2.0 if au in decided else -3.0 for au in AUS], np.float32)
    return ClipScores(
        clip, Window(*window), confidence, logits + np.arange(count, dtype=np.float32)[:, None] / 4
    )


def maps_with(decided, **changes):
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 68)
    parts = {
        "onset": rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8),
        "apex": rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8),
        "landmarks": (SIDE / 2 + 15 * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.float32),
        "flow": rng.normal(size=(3, SIDE, SIDE)).astype(np.float32),
        "masks": {f"mask {n}, 16×4×4": rng.random((4, 4)) for n in (1, 2, 3, 4)},
        "activations": {au: rng.random((SIDE, SIDE)).astype(np.float32) for au in decided},
        "block": 1,
        "missing": [],
    }
    return ClipMaps(**parts | changes)


# --- the list ---


def write_csv(folder, text):
    (folder / "clips.csv").write_text(text, encoding="utf-8")
    return folder / "clips.csv"


def test_paths_of_a_list_are_relative_to_it(tmp_path):
    table = write_csv(tmp_path, f"path;onset;apex;offset\nsub/a;3; 5;9\n{tmp_path}/b.mp4;0;0;\n")
    assert read_clips(table) == [
        ClipRequest(tmp_path / "sub/a", 3, 5, 9), ClipRequest(tmp_path / "b.mp4", 0, 0, None)
    ]  # fmt: skip
    assert read_clips(write_csv(tmp_path, "path\na\n"), spot=True) == [ClipRequest(tmp_path / "a")]


LISTS = {
    "column": ("path,onset,apx\na,1,2\n", False, [r"column 'apx' \(did you mean 'apex'", "no column 'apex'"]),
    "no window columns": ("path\na\n", False, ["no column 'onset'", "no column 'apex'"]),
    "empty": ("path,onset,apex\n", False, ["clips.csv refused: no row; expected one per clip"]),
    "cells": (
        "path,onset,apex,offset\n,1,2,\na,one,2.5,-3\nb,,,\nc,1,,\nd,1,2,3\n", False,
        ["row 2: path is empty", "row 3: onset is 'one', expected a frame number", "row 3: apex is '2.5'",
         "row 3: offset is '-3'", "row 4: no onset and no apex; .*--spot", "row 5: no apex, but an onset; "],
    ),
    "half a window": ("path,onset,apex,offset\na,,,7\nb,,,\n", True, ["row 2: no onset and no apex, but an offset"]),
    "no file": (None, False, ["clips.csv: no such file"]),
    "too many cells": ("path,onset,apex\na,1,2,3\n", False, ["row 2: 4 cells, expected 3"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_a_bad_list_is_refused_with_all_its_faults(tmp_path, case):
    text, spot, messages = LISTS[case]
    table = tmp_path / "clips.csv" if text is None else write_csv(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_clips(table, spot)
    for message in messages:
        assert caught.match(message)
    assert "row 6" not in str(caught.value)


def test_equal_names_become_the_ends_of_their_paths(tmp_path):
    (tmp_path / "s1/clip").mkdir(parents=True)
    (tmp_path / "s2/clip").mkdir(parents=True)
    names = "s1/clip", "s2/clip", "film.mp4", "film.avi", "other.mp4", "s1/other"
    assert clip_list.clip_names([tmp_path / name for name in names[:5]]) == [*names[:4], "other"]
    assert clip_list.clip_names([tmp_path / name for name in names[:1]]) == ["clip"]


@settings(max_examples=25)
@given(st.lists(st.text(), max_size=6))
def test_stems_of_files_are_safe_and_differ(names):
    stems = clip_list.file_stems(names)
    assert len({stem.casefold() for stem in stems} | {"index"}) == len(names) + 1
    for stem in stems:
        assert stem
        assert not stem.startswith((".", "-"))
        assert Path(stem).name == stem
        assert len(f".{stem}@1-2-3.html.0123456789abcdef.tmp".encode()) < 255
        assert set(stem) <= set("._-") or any(c.isalnum() for c in stem)
        assert all(c.isalnum() or c in "._-" for c in stem)


def test_a_stem_keeps_what_can_be_kept():
    names = ["s1/clip", "S1 clip", "帧 1", "..", "<b>", "Index", "\udcff"]
    assert clip_list.file_stems(names) == ["s1_clip", "S1_clip-2", "帧_1", "clip", "_b_", "Index-2", "_"]


# --- the table ---


def test_a_row_per_interval_and_action_unit():
    scores = [scores_with((4, 12), 3, confidence=0.75), scores_with((), clip=ODD)]
    rows = list(csv.DictReader(io.StringIO(score_table.to_csv(scores, "unknown"))))
    assert [row["AU"] for row in rows] == [f"AU{au}" for au in AUS] * 2
    first, last = rows[AUS.index(4)], rows[-1]
    assert [first[name] for name in ("clip", "onset", "apex", "offset")] == ["clip", "3", "5", "9"]
    assert [first[name] for name in ("confidence", "decision", "trained_on")] == ["0.75", "1", "unknown"]
    assert np.float32(first["logit"]) == np.float32(2.25)
    assert float(first["probability"]) == pytest.approx(expit(2.25))
    assert float(first["spread"]) == 0.25
    assert [last[name] for name in ("confidence", "decision", "spread")] == ["", "0", "0.0"]
    assert last["clip"] == ODD.replace("\n", "\\n")


# --- pictures ---


@pytest.mark.parametrize("decided", [(), (4,), AUS], ids=["none", "one", "all"])
def test_a_picture_shows_every_part_apart(tmp_path, shown, decided):
    scores = scores_with(decided, 2, clip=ODD, confidence=0.5)
    numbers = np.arange(1, 200)
    timeline = Timeline(
        1, 200, 50.0, [scores.window, Window(90, 95, 99)], numbers, np.sin(numbers), [(20, 30)]
    )
    missing = [] if decided else ["Grad-CAM (no Action Unit is decided: all logits are at most 0)"]
    maps = maps_with(decided, missing=missing)
    draw_clip(maps, scores, timeline, "two models", STANDINS, tmp_path / "a.png")
    whole(tmp_path / "a.png")
    texts = shown[0]
    assert {f"Grad-CAM AU{au}" for au in decided} == {
        text for text in texts if text.startswith("Grad-CAM AU")
    }
    assert {"onset", "apex", "strain, px per px", "mask 4, 16×4×4", STANDINS, "two models"} <= set(texts)
    assert any("2 models ± standard deviation" in text for text in texts)
    assert any("Not shown: Grad-CAM (no Action Unit is decided" in text for text in texts) == (not decided)
    assert any("\\u5e27: onset 3, apex 5, offset 9, spotted with confidence 0.50" in text for text in texts)
    assert any(text == "frame, 50 per second" for text in texts)
    assert "hatched where no face was followed." in " ".join(texts)


def test_a_picture_without_the_parts_that_a_method_lacks(tmp_path, shown):
    missing = [f"{name} (because)" for name in ("apex", "flow and strain", "infusion masks", "Grad-CAM")]
    maps = maps_with((), apex=None, flow=None, masks={}, missing=missing)
    draw_clip(
        maps,
        scores_with((4,), window=(1, 1, 1)),
        Timeline(1, 1, None, [Window(1, 1, 1)]),
        "",
        "",
        tmp_path / "a.png",
    )
    whole(tmp_path / "a.png")
    assert f"Not shown: {'; '.join(missing)}." in " ".join(shown[0])
    assert not {"apex", "strain, px per px", STANDINS} & set(shown[0])


def test_a_picture_of_footage_without_an_expression(tmp_path, shown):
    timeline = Timeline(1, 40, 30.0, [], np.arange(1, 41), np.linspace(0, 0.02, 40))
    draw_footage(timeline, ODD, "a model", STANDINS, tmp_path / "a.png")
    whole(tmp_path / "a.png")
    assert STANDINS in shown[0]
    assert any(text.endswith("\\u5e27: no expression spotted") for text in shown[0])


# --- what is shown of a model ---


@pytest.fixture(scope="module")
def buffer():
    buffer = FrameBuffer(100)
    for number, frame in filmed("b").items():
        buffer.add(frame, number)
    return buffer


def shown_of(buffer, method, count=1, **settings):
    """The maps of new clip by untrained networks of a method that decide for AU4 and nothing else."""
    recipe = recipe_of(method, **settings)
    found = [trained(recipe, models.create(recipe)) for _ in range(count)]
    arrays = clip_arrays(buffer, Window(2, 5, 9), found[0])
    return clip_maps(arrays, found, scores_with((4,))), arrays, found


def test_maps_of_several_models_are_averaged(buffer, narrow):
    maps, arrays, found = shown_of(buffer, "infusenet_resnet18", 2, model="narrow")
    assert not maps.missing
    frames = arrays.crops.arrays["frames"]
    assert (maps.onset == frames[0]).all()
    assert (maps.apex == frames[1]).all()
    assert maps.flow.dtype == np.float32
    assert (maps.flow == arrays.stores["flow"].read("flow", "")).all()
    inputs = arrays.inputs(found[0].recipe, 0)
    each = [masks(model.network, inputs) for model in found]
    assert len(maps.masks) == 4
    for place, (title, mask) in enumerate(maps.masks.items(), start=1):
        assert title == f"mask {place}, 16×8×8"
        np.testing.assert_allclose(mask, sum(one[f"block{place}"].mean(0) for one in each) / 2, atol=1e-6)
    layers = [gradcam.cam_layers(model.network, maps.block) for model in found]
    activations = [
        gradcam.cam(model.network, inputs, 4, layer, len(maps.onset))
        for model, layer in zip(found, layers, strict=True)
    ]
    assert list(maps.activations) == [4]
    np.testing.assert_allclose(maps.activations[4], sum(activations) / 2, atol=1e-6)


FLOW, MASKS, CAM = "flow and strain (", "infusion masks (", "Grad-CAM (the network has no maps"
LACKS = {
    "resnet10": ({}, [MASKS]),
    "off_apexnet": ({}, [MASKS, CAM]),
    "resnet18_mag": ({}, [FLOW, MASKS]),
    "vit_tiny_flow": ({"variant": "patch16"}, [MASKS, CAM]),
    "lbp_top": ({"frames": "first10"}, ["apex (", FLOW, MASKS, CAM]),
    "led": ({}, ["apex (", FLOW, MASKS, CAM]),
}


@pytest.mark.parametrize("method", LACKS)
def test_a_method_says_what_it_lacks(buffer, method):
    settings, lacks = LACKS[method]
    maps, arrays, _ = shown_of(buffer, method, **settings)
    assert len(maps.missing) == len(lacks)
    assert all(text.startswith(start) for text, start in zip(maps.missing, lacks, strict=True))
    assert (maps.flow is None) == (FLOW in lacks)
    assert (maps.apex is None) == ("apex (" in lacks)
    assert bool(maps.activations) == (CAM not in lacks)
    assert maps.onset.shape == (*maps.onset.shape[:1] * 2, 3)


# --- pages ---


class Page(HTMLParser):
    """The text of a page, its pictures and links; it fails on what would run or load something."""

    def __init__(self, text):
        super().__init__()
        self.text, self.pictures, self.links = "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "link", "iframe", "b")
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            kind, data = attributes["src"].split(",")
            assert kind == "data:image/png;base64"
            self.pictures.append(base64.b64decode(data))
        if tag == "a":
            self.links.append(attributes["href"])

    def handle_data(self, data):
        self.text += data


def result(*scores, name=ODD, stem="a_b", **line):
    windows = [each.window for each in scores]
    return ClipResult(name, stem, Timeline(1, 30, 25.0, windows, **line), list(scores))


def test_a_page_holds_its_pictures_and_names_no_tag():
    scores = [
        scores_with((4, 12), 2, confidence=0.5),
        scores_with((), 2, confidence=0.1, window=(12, 15, 18)),
    ]
    clip = result(*scores, without_face=[(20, 22)])
    text = clip_page(clip, [b"first", b"second"], "two <models>", STANDINS)
    assert text == clip_page(clip, [b"first", b"second"], "two <models>", STANDINS)
    page = Page(text)
    assert page.pictures == [b"first", b"second"]
    assert ODD.replace("\n", "\\n") in page.text
    for words in (
        STANDINS,
        "two <models>",
        "Frames 3 to 9, apex 5, spotted with confidence 0.50",
        "20 to 22",
        "brow lowerer",
    ):
        assert words in page.text
    assert "http" not in text
    assert text.count("yes") == 2


def test_a_page_without_an_expression():
    page = Page(clip_page(result(), [b"timeline"], "a model", ""))
    assert page.pictures == [b"timeline"]
    assert "No expression was spotted" in page.text


def test_the_index_lists_clips_and_failures():
    clips = [result(scores_with((4,))), result(name="b", stem="b#1")]
    page = Page(index_page(clips, ["<b>x</b>: no\tface"], "a model", STANDINS))
    assert page.links == ["a_b.html", "b%231.html"]
    for words in ("AU4 (0.88)", "no expression spotted", "<b>x</b>: no\\tface", "Not scored (1)", STANDINS):
        assert words in page.text
    assert "Not scored" not in Page(index_page(clips, [], "a model", "")).text


# --- what models were trained on ---


def test_the_gravest_caution_is_said(buffer):
    recipe = recipe_of("off_apexnet")
    model = trained(recipe, models.create(recipe))
    real, unknown, standins = (replace(model, on_standins=state) for state in (False, None, True))
    assert (model_words.origin([real]), model_words.caution([real])) == ("real databases", "")
    assert model_words.origin([real, unknown, real]) == "real databases and unknown"
    assert model_words.caution([real, unknown]).startswith("Not known whether")
    assert model_words.caution([unknown, standins]) == STANDINS
    facts = [{"held_out": name, "seed": seed} for name, seed in (("samm", 0), ("mmew", 0))]
    several = [replace(model, facts=each) for each in facts]
    assert model_words.heading(several) == "Off-ApexNet: mean of 2 models; held out samm, mmew; seed 0"
    assert model_words.heading(several[:1]) == "Off-ApexNet; held out samm; seed 0"
