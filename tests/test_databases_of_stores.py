"""Databases whose stores were made elsewhere: no frames, no faces, nothing built, nothing written there."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from projects import ROOT, STAND_IN_COMMAND, environment, reconfigure, snakemake, would_run
from synthetic import RECIPES, SIZE, write_database

from infusenet.config import configuration
from infusenet.databases import sync
from infusenet.doctor.machine import disk
from infusenet.doctor.software import weights
from infusenet.errors import InputError
from infusenet.training.folds import Folders

REAL_COMMAND = """#!{python}
import sys
from infusenet.cli import main
sys.exit(main())
"""
NAMES = ("alpha", "beta")
ALL = {"train": 2, "predict": 2, "evaluate": 1}


@pytest.fixture(scope="module")
def made_elsewhere(tmp_path_factory):
    """Another lab's folder: for each database flow, latents, manifest; not even its faces."""
    root = tmp_path_factory.mktemp("lab")
    for name in NAMES:
        write_database(root, name)
        shutil.move(root / "manifests" / f"{name}.csv", root / "cache" / name / "manifest.csv")
        for left in (root / "cache" / name).glob("*.failures.csv"):
            left.unlink()
    return root / "cache"


@pytest.fixture
def project(tmp_path, made_elsewhere):
    """A checkout's workflow on a read-only copy of that folder; the command only writes its outputs."""
    shutil.copy(ROOT / "Snakefile", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    shutil.copytree(made_elsewhere, tmp_path / "shared")
    for path in (tmp_path / "shared").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    config = yaml.safe_load((tmp_path / "workflow/config.yaml").read_text())
    config["databases"] = {
        name: {"manifest": f"shared/{name}/manifest.csv", "stores": f"shared/{name}"} for name in NAMES
    }
    config["latents"] |= {"weights": RECIPES["latents"]["weights"], "size": SIZE}
    config["every_method"] = {"weights": "none", "size": SIZE, "epochs": 1, "batch": 8}
    config["compute"] |= {"device": "cpu", "threads": 1}
    (tmp_path / "workflow/config.yaml").write_text(yaml.safe_dump(config))
    environment(tmp_path)
    command(tmp_path, STAND_IN_COMMAND)
    yield tmp_path
    for path in (tmp_path / "shared").rglob("*"):
        path.chmod(0o755)


def command(project, text):
    path = project / "bin" / "infusenet"
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)


def state(folder):
    """All files but the stamps, which note beside a store that its digests were right."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".stamp")
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def error_of(project, *words):
    done = snakemake(project, *words)
    assert done.returncode != 0
    assert "Traceback (most recent" not in done.stdout + done.stderr
    return done.stdout + done.stderr  # a dry run complains on stdout


def test_all_folds_start_from_what_was_given(project):
    before = state(project / "shared")
    assert would_run(project) == ALL
    assert would_run(project, "ledger") == {"ledger": 1}
    assert snakemake(project, "all_folds").returncode == 0
    assert would_run(project) == {}
    assert state(project / "shared") == before
    assert not (project / "cache").exists(), "nothing is built, scanned or listed"
    assert "cache/alpha/faces.h5" in error_of(project, "-n", "--", "cache/alpha/faces.h5")


def test_clips_that_failed_elsewhere_are_left_out_of_all_methods(project):
    reconfigure(project, lambda config: config.update(failed_clips="skip"))
    before = state(project / "shared")
    done = snakemake(project, "all_folds")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (project / "cache/alpha").iterdir()} == {"left_out.csv"}
    assert state(project / "shared") == before


def test_a_real_fold_is_trained_and_scored(project):
    command(project, REAL_COMMAND)
    before = state(project / "shared")
    target = "results/infusenet_resnet18/beta/seed0/predictions.csv"
    done = snakemake(project, "--", target)
    assert done.returncode == 0, done.stderr
    assert len((project / target).read_text().splitlines()) == 11
    assert state(project / "shared") == before


def test_other_bytes_retrain_what_read_them(project):
    assert snakemake(project, "all_folds").returncode == 0
    for path in (project / "shared").rglob("*"):
        path.chmod(0o755)
    sidecar = project / "shared/alpha/flow.h5.sha256"
    os.utime(sidecar)
    assert would_run(project) == {}, "the same bytes copied again"
    sidecar.write_text("0" * 64 + "\n")
    os.utime(sidecar, (0, 0))  # a copy keeps the time at which the other lab made it
    assert would_run(project) == {"train": 1, "predict": 2, "evaluate": 1}
    weights = "results/infusenet_resnet18/beta/seed0/weights.safetensors"
    assert snakemake(project, "--", weights).returncode == 0
    assert would_run(project) == {"predict": 2, "evaluate": 1}, "trained again, with an equal log"


def test_given_and_built_side_by_side(project):
    folder = project / "raw" / "gamma" / "s0" / "c0"
    folder.mkdir(parents=True)
    for number in range(1, 10):
        (folder / f"{number}.jpg").write_bytes(b"frame")
    write_database(project / "raw", "gamma", count=1)

    def add(config):
        config["databases"]["gamma"] = {"manifest": "raw/manifests/gamma.csv", "frames": "raw/gamma"}
        config["latents"]["weights"] = None

    reconfigure(project, add)
    assert would_run(project) == {
        "faces": 1, "flow": 1, "latents": 1, "train": 3, "predict": 3, "evaluate": 1,
    }  # fmt: skip


def test_a_store_that_is_missing_is_named(project):
    for path in (project / "shared").rglob("*"):
        path.chmod(0o755)
    (project / "shared/beta/latents.h5").unlink()
    text = error_of(project, "-n")
    assert "shared/beta/latents.h5: no such file" in text
    assert "none is made" in text


def test_pictures_of_faces_need_faces(project):
    assert "figure1 shows faces" in error_of(project, "-n", "--", "figure1")
    for path in (project / "shared").rglob("*"):
        path.chmod(0o755)
    for name in ("faces.h5", "faces.h5.sha256"):
        (project / "shared/alpha" / name).write_text("faces")
    assert would_run(project, "figure1") == {"train": 1, "predict": 1, "figure1": 1}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"stores": "shared/alpha"}, "has stores, expected either annotations"),
        ({"manifest": "m.csv", "stores": "s", "frames": "f"}, "has manifest, stores, frames, expected"),
        ({"manifest": "m.csv", "store": "s"}, "did you mean 'stores'"),
        ({"manifest": "shared/alpha/manifest.csv", "stores": "nowhere"}, "nowhere: no such folder"),
        ({"manifest": "shared/beta/manifest.csv", "stores": "shared/alpha"}, "database column holds beta"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(project, entry, expected, monkeypatch):
    monkeypatch.chdir(project)
    config = yaml.safe_load(Path("workflow/config.yaml").read_text())
    config["databases"]["alpha"] = entry
    with pytest.raises(InputError) as caught:
        sync.sync(configuration.settle(config), "data_manifests")
    assert expected in str(caught.value)


def test_without_frames_there_is_nothing_to_audit(project, monkeypatch):
    monkeypatch.chdir(project)
    config = configuration.load("workflow/config.yaml")
    with pytest.raises(InputError, match="no frames here to audit"):
        sync.examine_database("alpha", config)
    (found,) = disk(config)
    assert "still needed: 0.0 GiB" in found.state
    told = next(weights(config))
    assert (told.level, "sha256 alone" in told.state) == ("ok", True)


def test_given_stores_may_not_lie_in_the_cache(project, monkeypatch):
    monkeypatch.chdir(project)
    source = {"manifest": "shared/alpha/manifest.csv", "stores": "shared/alpha"}
    with pytest.raises(InputError, match="lies in the cache"):
        sync.sync({"databases": {"alpha": source}, "cache": "shared"}, "data_manifests")


def test_folders_by_name():
    folders = Folders(["cache", "samm=/srv/a=b"])
    assert (folders / "samm", folders / "casme") == (Path("/srv/a=b"), Path("cache/casme"))
    for words in ([], ["samm=/srv"], ["one", "two"]):
        with pytest.raises(InputError, match="expected one cache folder"):
            Folders(words)
