"""Latents of the magnifier's weights that the paper's authors released: who reads them, and what reports say."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from predictions import write_run

from infusenet.config import configuration
from infusenet.config.methods import METHODS
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.evaluation.evaluate import read_runs
from infusenet.hashing import file_digest
from infusenet.protocol import CD6ME
from infusenet.report import figure4, paper_tables, published_numbers
from infusenet.report.paper_runs import Results
from infusenet.report.tables_and_figures import INFUSENET, TARGETS

ROOT = Path(__file__).parents[1]


def test_released_latents_are_read_by_what_repeats_the_authors_computation():
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())
    raw["databases"] = {name: {"manifest": f"{name}.csv", "frames": name} for name in ("casme", "samm")}
    before = {name: configuration.resolve_method(raw, name) for name in METHODS}
    raw["variants"] = {"latents.released": {"weights": 64 * "a"}}
    config = configuration.settle(raw)
    after = {name: configuration.resolve_method(config, name) for name in METHODS}
    factors = {f"infusenet_resnet18_factor{k}" for k in (5, 10, 15, 20)}
    assert {name for name in METHODS if after[name] != before[name]} == {
        "infusenet_resnet18_released", *factors
    }  # fmt: skip
    for name in factors:
        assert after[name].stores["latents"].name == "latents.released"
        assert after[name].stores["latents"].recipe.weights == 64 * "a"
        assert after[name].stores["flow"] == before[name].stores["flow"]


def latents_of(weights):
    return {"stores": {"latents": {"variant": "", "recipe": {"weights": weights}}}}


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        (published_numbers.RELEASED_MAGNIFIER, "the authors' released weights"),
        (file_digest(SHIPPED_WEIGHTS), "the shipped weights v2"),
        (64 * "b", f"weights of sha256 {12 * 'b'}"),
    ],
)
@pytest.mark.parametrize("rms", [0.0625, None])
def test_the_row_as_released_says_on_which_weights_and_scale_it_stands(tmp_path, weights, name, rms):
    facts = {"recipe": latents_of(weights), "predicted": {"latents_rms": rms} if rms else {}}
    runs = [write_run(tmp_path, base, 0, "infusenet_resnet18_released", **facts) for base in CD6ME]
    note = paper_tables._released_note(Results(read_runs(runs)))
    scale = "rms after ReLU and pooling 0.062" if rms else "scale not noted by the version that predicted"
    assert note.startswith(f"The row 'as released' reads latents of {name}; {scale}.")
    assert ("latents.released" in note) == (name != "the authors' released weights")


def test_figure4_s_difference_line_is_of_one_magnifier(tmp_path, monkeypatch):
    """With released latents factor 10 is theirs too; the legend names weights and scales of each line."""
    drawn = []
    monkeypatch.setattr(figure4, "save", lambda figure, path: drawn.append(figure))
    target, runs = TARGETS["figure4"], []
    for method in target.methods_with(["latents.released"]):
        factor = int(re.sub(r"\D", "", method.removeprefix(INFUSENET)) or 10)
        released = "_factor" in method
        facts = {
            "recipe": latents_of(published_numbers.RELEASED_MAGNIFIER if released else 64 * "b"),
            "predicted": {"latents_rms": factor / 1000 if released else factor / 100},
        }
        runs += [write_run(tmp_path / "r", name, 0, method, **facts) for name in CD6ME]
    target.make(runs, tmp_path)
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert "the authors' released weights; rms after ReLU and pooling 0.005, 0.01, 0.015, 0.02" in legend[0]
    assert f"weights of sha256 {12 * 'b'}; rms after ReLU and pooling 0.05, 0.1, 0.15, 0.2" in legend[1]
    with open(tmp_path / "figure4.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["latent"] == "difference"]
    assert {row["method"] for row in rows} == {f"infusenet_resnet18_factor{k}" for k in (5, 10, 15, 20)}
    assert {row["magnifier"] for row in rows} == {published_numbers.RELEASED_MAGNIFIER}
    assert {row["latents_rms"] for row in rows} == {"0.005", "0.01", "0.015", "0.02"}
