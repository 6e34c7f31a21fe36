"""The same folder under another spelling holds the same results."""

import shutil
from pathlib import Path

import pytest
import torch
from projects import NAMES, reconfigure, snakemake, would_run

from infusenet.config import configuration
from infusenet.errors import InputError
from infusenet.snakemake_state import unrecorded_outputs
from infusenet.training.run_folder import save_weights


def respelled(project, target="all_folds", **folders):
    reconfigure(project, lambda config: config.update(folders))
    return would_run(project, target)


def test_another_spelling_reruns_nothing(finished, monkeypatch):
    monkeypatch.setenv("HOME", str(finished.parent))
    monkeypatch.setenv("LAB", str(finished))
    (finished / "link").symlink_to("cache")
    there = sorted(path.name for path in finished.iterdir())
    for cache, results in (
        ("cache/", "./results"),
        (f" {finished}/cache ", f"{finished}//results/"),
        ("link", "${LAB}/results"),
        (f"~/{finished.name}/cache", "raw/../results"),
    ):
        assert respelled(finished, cache=cache, results=results) == {}, (cache, results)
    assert sorted(path.name for path in finished.iterdir()) == there, "no folder of another name is made"
    assert respelled(finished, cache="other") != {}, "another folder is another cache"
    assert respelled(finished, cache="link") == {}
    sources = {name: {"manifest": f"raw//{name}.csv", "frames": f"{finished}/raw/{name}/"} for name in NAMES}
    reconfigure(finished, lambda config: config.update(databases=sources))
    assert would_run(finished) == {}


def test_a_cache_elsewhere_keeps_the_name_of_its_first_run(project):
    """As a version that took paths as they are written has recorded it."""
    shared = project.parent / f"{project.name}-shared"
    alias = project.parent / f"{project.name}-alias"
    shared.mkdir()
    alias.symlink_to(shared)
    target = "results/infusenet_resnet18/one/seed0/predictions.csv"
    reconfigure(project, lambda config: config.update(cache=str(alias / "cache")))
    assert snakemake(project, "--", target).returncode == 0
    for cache in (shared / "cache", f"../{shared.name}/cache/", f"{alias}/./cache"):
        assert respelled(project, target, cache=str(cache)) == {}, cache


def test_a_file_of_weights_counts_by_its_bytes(project, monkeypatch):
    """Its name is part of the recipe that a training has; another name of the same file changes nothing."""
    monkeypatch.chdir(project)
    run, method = Path("results/infusenet_resnet18/one/seed0"), "infusenet_resnet18"

    def start_from(weights):
        reconfigure(project, lambda config: config["methods"][method].update(weights=weights))
        return would_run(project, f"{run}/predictions.csv")

    assert start_from("magnifier.pth")["train"] == 1
    assert snakemake(project, "--", f"{run}/predictions.csv").returncode == 0
    recipe = configuration.method_recipe(method, "workflow/config.yaml")
    save_weights(run, torch.nn.Linear(1, 1), {"recipe": recipe.as_dict()})
    Path("link.pth").symlink_to("magnifier.pth")
    for weights in ("./magnifier.pth", f"{project}/magnifier.pth", "link.pth"):
        assert start_from(weights) == {}, weights
    shutil.rmtree(".snakemake")  # without records it is looked at here

    def check(weights):
        reconfigure(project, lambda config: config["methods"][method].update(weights=weights))
        unrecorded_outputs.check(configuration.load("workflow/config.yaml") | {"cache": "none"})

    check("./magnifier.pth")
    Path("copy.pth").write_bytes(b"others")
    with pytest.raises(
        InputError, match="weights is 'magnifier.pth', expected 'copy.pth'; weights_sha256 is"
    ):
        check("copy.pth")
