"""Every method by its name: it trains, publishes, predicts and reads back, on tiny random stores."""

import csv
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from narrow import narrow_resnets, narrow_vits

from infusenet import cli, models
from infusenet.config import configuration
from infusenet.config.departures import departure
from infusenet.config.methods import METHODS, Method
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import evaluate
from infusenet.hashing import digest
from infusenet.models import heads
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS
from infusenet.report import paper_tables, published_numbers
from infusenet.store import Item
from infusenet.training.dataset import ClipDataset
from infusenet.training.folds import open_database
from infusenet.training.inputs import gain
from infusenet.training.predict import predict
from infusenet.training.trainer import train

ROOT = Path(__file__).parents[1]
SIZE = 64
# The other factors are these models with another number.
DISTINCT = [
    (name, {})
    for name in METHODS
    if not name.endswith(("factor10", "factor15", "factor20", "magnified15", "magnified20"))
]
OTHERWISE = [
    ("lbp_top", {"frames": "tim10"}),
    ("infusenet_vit", {"variant": "patch16"}),
    ("infusenet_vit", {"variant": "tinyvit_21m"}),
]


def recipe_of(name, **settings):
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())
    raw["every_method"] = {"weights": "none", "size": SIZE, "epochs": 1, "batch": 4} | settings
    raw["latents"]["size"] = SIZE
    raw["compute"]["threads"] = 1
    return configuration.resolve_method(raw, name)


def array(recipe, rng):
    """An item of the store that a recipe describes, random."""
    if recipe.stage == "flow":
        return {"flow": rng.normal(size=(3, SIZE, SIZE)).astype(np.float16)}
    size = recipe.size
    if recipe.stage == "latents":
        side = size // (4 if recipe.form == "pooled" else 2)
        shape = (6, 3, size, size) if recipe.latent == "decoded" else (6, 32, side, side)
        return {"latents": rng.random(shape).astype(np.float16)}
    length = {"pairs": 7, "span": 144}.get(recipe.keep, 10)
    if recipe.keep == "pairs":
        return {"frames": rng.integers(0, 256, (length, SIZE, SIZE, 3)).astype(np.uint8)}
    return {"video": rng.integers(0, 256, (length, size, size)).astype(np.uint8)}


def work(recipe, names):
    return (Item(array(recipe, np.random.default_rng(list(name.encode())))) for name in names)


def write(root, recipe, databases=("casme", "samm"), count=5):
    """Five clips in batches of 4: the last batch has one."""
    (root / "manifests").mkdir()
    for database in databases:
        clips = [
            Clip(
                database, f"s{n % 2}", f"c{n}", 1, 5, 9, f"s{n}", labels={au: (n + au) % 3 % 2 for au in AUS}
            )
            for n in range(count)
        ]
        (root / f"manifests/{database}.csv").write_text(to_csv(clips))
        for declared in recipe.stores.values():
            fill(
                root / "cache" / database / f"{declared.name}.h5", stage=declared.recipe.stage,
                database=database, recipe=declared.recipe.as_dict(), source={},
                clips=[(clip.key, digest(clip.key)) for clip in clips], work=partial(work, declared.recipe),
            )  # fmt: skip


def test_the_listing_names_every_method(capsys, tmp_path, monkeypatch):
    """Also where there is no configuration, which is said."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["methods"]) == 0
    listed, note = capsys.readouterr()
    assert note == "workflow/config.yaml: no such file, so every option has its default\n"
    assert cli.main(["methods", "--config", "workflow/mine.yaml"]) == 1
    for name, method in METHODS.items():
        assert f"{name}\n    {method.title}; {method.source}\n" in listed
    # torchvision's ResNet18 with 12 outputs; both networks less FrameMag's first convolution, cached latents.
    assert "reads flow; 11,182,668 parameters\n" in listed
    assert "beside the magnifier's 186,160, which are cached" in listed
    assert "filter_rate 0.1, filter_drop 50" in listed
    frozen = "flow by TV-L1, the source's by Classic+NL (fast); magnifier frozen, the source's fine-tuned\n"
    assert f"preset paper\n    departs from its source: {frozen}" in listed
    lbp_top = listed[listed.index("lbp_top\n") : listed.index("off_apexnet\n")]
    assert "departs" not in lbp_top


def test_departures_name_the_settings_that_are_not_the_sources():
    recipe = recipe_of("infusenet_resnet18").as_dict() | {"scope": "channel"}
    text = departure("infusenet_resnet18", recipe)
    assert text.endswith(
        "weights none (imagenet); size 64 (224); epochs 1 (50); batch 4 (32); scope channel (preset's)"
    )
    assert departure("infusenet_resnet18", recipe | {"epochs": 50}).count("epochs") == 0
    assert departure("lbp_top", recipe_of("lbp_top", frames="tim10").as_dict()) == "frames tim10 (first10)"
    assert "magnifier" not in departure("infusenet_resnet18_finetuned", {})
    assert departure("of another version", recipe) == ""


def test_resnets_of_the_benchmark_start_from_timms_weights():
    sources = {name: models.create(recipe_of(name)).imagenet for name in ("resnet10", "resnet34")}
    assert {name: source.name for name, source in sources.items()} == {
        "resnet10": "resnet10t.c3_in1k", "resnet34": "resnet34.bt_in1k",
    }  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function of a method's name and settings: the folder of its run, trained and predicted once."""
    runs = {}

    def run_folder(name, **settings):
        key = (name, *settings.items())
        if key not in runs:
            root = tmp_path_factory.mktemp(name)
            recipe = recipe_of(name, **settings)
            write(root, recipe)
            places = {"stores": root / "cache", "manifests": root / "manifests"}
            run = root / "run"
            # At full width a ResNet is run in test_models.py and trained in test_training.py, a TinyViT in test_models_all.py.
            with narrow_resnets(), narrow_vits():
                train(name, "samm", *places.values(), 0, run, recipe=recipe, device="cpu")
                for output in ("predictions.csv", "again/predictions.csv"):
                    predict(run, **places, output=run / output, device="cpu", standins=True)
            runs[key] = run
        return runs[key]

    return run_folder


@pytest.mark.parametrize(("name", "settings"), DISTINCT + OTHERWISE)
def test_a_method_trains_predicts_and_reloads(name, settings, trained):
    run = trained(name, **settings)
    first, second = (run / name for name in ("predictions.csv", "again/predictions.csv"))
    assert first.read_bytes() == second.read_bytes()
    facts = json.loads((run / "run.json").read_text())
    rows = list(csv.DictReader(first.read_text().splitlines()))
    assert facts["standins"]
    assert len(rows) == 5
    logits = np.array([[float(row[f"{h}_AU{n}"]) for h in facts["heads"] for n in AUS] for row in rows])
    assert np.isfinite(logits).all()
    assert len(np.unique(logits[:, : len(AUS)], axis=0)) > 1, "clips differ, so do their scores"


NEW_MODEL = """
import torch
from infusenet.protocol import AUS

class GazeNet(torch.nn.Module):
    scoring_batch = 1

    def __init__(self):
        super().__init__()
        self.gaze, self.flow = (torch.nn.LazyLinear(len(AUS)) for _ in range(2))
        self(torch.zeros(1, 3, {size}, {size}))

    def forward(self, flow):
        return {{"gaze": self.gaze(flow.flatten(1)), "flow": self.flow(flow.abs().flatten(1))}}

def gaze_net(recipe):
    return GazeNet()
"""


@pytest.mark.usefixtures("unrendered")
def test_registered_models_and_a_new_one_reach_the_report(trained, tmp_path, monkeypatch):
    """The new model is a file, a line in MODELS, and the line of the method that trains it."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/gaze_net.py").write_text(NEW_MODEL.format(size=SIZE))
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "models")])
    gaze = heads.Head("gaze", "Gaze network", "#56B4E9")
    monkeypatch.setitem(models.MODELS, "gaze_net", models.Model("gaze_net", ("flow",), (gaze, heads.FLOW)))
    recipe = {"weights": "none", "size": SIZE, **METHODS["resnet18_flow"].recipe}
    monkeypatch.setitem(
        METHODS, "gaze", Method("Gaze", "made up", {"flow": "flow"}, recipe, {"model": "gaze_net"})
    )

    names = [*(name for name, _ in DISTINCT), "gaze"]
    assert {METHODS[name].fixed["model"] for name in names} == set(models.MODELS)
    runs = [trained(name) for name in names]
    evaluate(runs, tmp_path / "results")
    with open(tmp_path / "results/metrics.csv", newline="") as file:
        scored = {row["method"] for row in csv.DictReader(file)}
    assert scored >= {*names, "gaze/flow_head", "gaze/mean_of_heads"}
    assert models.heads_by_name()["gaze"].title == "Gaze network"
    paper_tables.table1(runs, tmp_path / "report")
    table = (tmp_path / "report/table1.md").read_text()
    assert all(
        title in table
        for title in ("`gaze`", *(title for name, title in published_numbers.TITLES.items() if name in names))
    )


def test_a_head_s_name_has_one_title_and_colour():
    all_heads = {head for model in models.MODELS.values() for head in model.heads}
    assert len({head.name for head in all_heads}) == len(all_heads)


def test_a_method_reads_what_its_model_takes():
    for name, method in METHODS.items():
        assert set(method.inputs) == set(models.MODELS[method.fixed["model"]].inputs), name
    recipe = replace(recipe_of("late_fusion"), model="resnet18_flow")
    with pytest.raises(InputError, match="resnet18_flow: the method reads flow, latents, expected flow"):
        models.create(recipe)


def test_inputs_are_what_the_contract_says(tmp_path):
    recipe = recipe_of("infusenet_resnet18_finetuned")
    others = recipe_of("infusenet_resnet18_decoded").stores | recipe_of("led").stores
    recipe = replace(recipe, stores=recipe.stores | others)
    write(tmp_path, recipe, databases=["casme"])
    database = open_database("casme", tmp_path / "cache", tmp_path / "manifests", recipe)
    data = ClipDataset([database], recipe, 0)
    inputs, labels = data[3, 0]
    assert {name: tuple(value.shape) for name, value in inputs.items()} == {
        "flow": (3, SIZE, SIZE), "frames": (3, 3, SIZE, SIZE), "decoded": (6, SIZE, SIZE),
        "video": (144, SIZE, SIZE),
    }  # fmt: skip
    clip = database.clips[0]
    stored = database.stores["frames"].read("frames", clip.key)
    k = data.candidates(3)[0]
    for frame, slot in zip(inputs["frames"], (0, 1, 1 + k), strict=True):
        np.testing.assert_allclose(
            frame.permute(1, 2, 0), stored[slot].astype(np.float32) / 127.5 - 1, atol=1e-6
        )
    images = database.stores["decoded"].read("latents", clip.key)
    np.testing.assert_array_equal(inputs["decoded"][3:], images[k].astype(np.float32))
    (matched, _) = ClipDataset([database], replace(recipe, photometric="global"), 0)[3, 0]
    assert not torch.equal(matched["frames"][1], inputs["frames"][1])
    for frame in matched["frames"]:
        torch.testing.assert_close(frame.mean((1, 2)), matched["frames"][0].mean((1, 2)))
    assert inputs["flow"].min() == 0
    assert inputs["flow"].max() == 1
    assert labels.tolist() == [clip.labels[n] for n in AUS]


def test_the_factor_is_that_of_the_store():
    recipe = recipe_of("infusenet_resnet18_decoded")
    assert gain(recipe) == 1
    with pytest.raises(InputError, match="factor 5 cannot be computed from decoded latents of factor 10"):
        gain(replace(recipe, factor=5))


def test_initial_weights_count_by_content(tmp_path):
    file = tmp_path / "weights.pth"
    recipes = []
    for content, time in ((b"one", 1), (b"one", 2), (b"two", 3)):
        file.write_bytes(content)
        os.utime(file, (time, time))
        recipes.append(recipe_of("resnet18_flow", weights=str(file)))
    assert recipes[0] == recipes[1] != recipes[2]


def test_recipes_follow_the_configuration():
    assert recipe_of("resnet34", epochs=3).rate == 1e-4, "its source's"
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text()) | {"recipe": "common"}
    for name in METHODS:
        recipe = configuration.resolve_method(raw, name)
        common = {key: getattr(recipe, key) for key in raw["common"] if key in METHODS[name].recipe}
        assert common.items() <= raw["common"].items()
    assert configuration.resolve_method(raw, "sssnet").size == SIZE, "the architecture's"
    assert configuration.resolve_method(raw, "resnet34").size == raw["common"]["size"] == 224
    raw["methods"] = {"vit_tiny_mag": {"variant": "patch16"}, "lbp_top": {"frames": "tim10"}}
    assert configuration.resolve_method(raw, "vit_tiny_mag").stores["latents"].variant == "raw"
    assert configuration.resolve_method(raw, "lbp_top").stores["video"].variant == "tim10"
