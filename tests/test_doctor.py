"""`infusenet doctor`: each check meets the trouble that it is there for."""

import copy
import hashlib
import os
from collections import namedtuple
from email.message import Message
from importlib import metadata
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
import yaml
from findings import failures, levels

from infusenet import cli, hashing
from infusenet.config import configuration
from infusenet.config.methods import METHODS
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS, resolve
from infusenet.doctor import machine, software
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess.faces import video
from infusenet.preprocess.latents import encoded, pictures

# --- wheels ----------------------------------------------------------------------------------------


def installed(monkeypatch, **versions):
    """As if these packages were installed, and the tested ones but for OpenCV."""
    packages = {k: v for k, v in software.tested_versions().items() if "opencv" not in k} | {
        name.replace("_", "-"): version for name, version in versions.items()
    }
    Package = namedtuple("Package", "name version")
    packages = [Package(*pair) for pair in packages.items() if pair[1]]
    monkeypatch.setattr(metadata, "distributions", lambda: packages)


def test_the_tested_wheels_are_in_order(monkeypatch):
    installed(monkeypatch, opencv_contrib_python="5.0.0.93")
    assert levels(software.wheels()) == {"opencv": "ok", "dlib": "ok"}


def test_two_opencvs(monkeypatch):
    installed(monkeypatch, opencv_contrib_python="5.0.0.93", opencv_python="5.0.0.93")
    text = failures(software.wheels())
    assert "overwrite each other" in text
    assert "pip uninstall -y opencv-python " in text


def test_opencv_without_optflow(monkeypatch):
    installed(monkeypatch, opencv_python_headless="5.0.0.93")
    monkeypatch.delattr(cv2, "optflow")
    assert "opencv-python-headless 5.0.0.93: no cv2.optflow" in failures(software.wheels())


def test_landmark_model_is_missing(monkeypatch):
    monkeypatch.setattr("infusenet.preprocess.face_detection.find_spec", lambda name: None)
    assert levels(software.wheels())["dlib"] == "fix"


def test_versions_other_than_those_of_make(monkeypatch):
    installed(monkeypatch, opencv_contrib_python="5.0.0.93", torch="99.0")
    (note,) = [diagnosis for diagnosis in software.wheels() if diagnosis.check == "wheels"]
    assert note.level == "note"
    assert note.state == "torch 99.0"
    assert note.expected == f"{software.tested_versions()['torch']}, which make installs"
    installed(monkeypatch, torch="1.9")
    assert "torch 1.9" in failures(software.wheels())
    monkeypatch.setattr(metadata, "distributions", list)
    assert "torch is not installed" in failures(software.wheels())


@pytest.mark.parametrize("name", ["xlwt", "av", "onnx", "onnxscript"])
def test_a_library_of_an_extra_is_absent_or_old(monkeypatch, name):
    installed(monkeypatch, opencv_contrib_python="5.0.0.93", **{name: None})
    (note,) = [diagnosis for diagnosis in software.wheels() if diagnosis.check == "wheels"]
    assert (note.level, note.state) == ("note", f"{name} is not installed")
    assert ", without which `infusenet " in note.expected
    installed(monkeypatch, opencv_contrib_python="5.0.0.93", **{name: "0.1"})
    assert f"{name} 0.1" in failures(software.wheels())


def test_the_python(monkeypatch):
    assert software.interpreter().level == "ok"
    monkeypatch.setattr("platform.python_version", lambda: "3.99.1")
    note = software.interpreter()
    assert (note.level, note.state) == ("note", "3.99.1, with which nothing was tested")
    assert note.expected == "3.11 to 3.14"


def test_an_installed_wheel_says_itself_what_it_needs(monkeypatch, tmp_path):
    """There is no checkout with pyproject.toml and constraints.txt beside it."""
    extras = {name: software.requirements(name) for name in ("", "standins", "slurm")}
    lines = [str(requirement) for requirement in extras[""].values()]
    lines += [f'{r}; extra == "{name}"' for name in ("standins", "slurm") for r in extras[name].values()]
    monkeypatch.setattr(software, "PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(software, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(metadata, "requires", {"infusenet": lines}.__getitem__)
    assert {name: software.requirements(name) for name in extras} == extras
    installed_torch = str(extras[""]["torch"].specifier).removeprefix(">=")
    assert software.version_fault(extras[""]["torch"], installed_torch, software.tested_versions()) is None
    assert software.version_fault(extras[""]["torch"], "1.9", software.tested_versions()).level == "fix"
    headers = Message()
    headers["Classifier"] = "Programming Language :: Python :: 3.1"
    headers["Classifier"] = "Programming Language :: Python :: 3.2"
    monkeypatch.setattr(metadata, "metadata", {"infusenet": headers}.__getitem__)
    assert software.interpreter().expected == "3.1 to 3.2"


# --- weights ---------------------------------------------------------------------------------------


def test_damaged_magnifier(config, tmp_path):
    assert levels(software.weights(config)) == {"weights": "ok"}
    half = tmp_path / "half.safetensors"
    half.write_bytes(SHIPPED_WEIGHTS.read_bytes()[:1000])
    config["latents"]["weights"] = str(half)
    assert "half.safetensors" in failures(software.weights(config))


def test_imagenet_weights_absent_present_and_damaged(config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    config["methods"]["infusenet_resnet18"]["weights"] = "imagenet"
    (absent,) = [f for f in software.weights(config) if f.level == "note"]
    assert "resnet18-f37072fd.pth is not on this machine yet" in absent.state

    file = tmp_path / "hub/checkpoints/resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not what was published")
    assert "a cut or damaged file, expected sha256 f37072fd" in failures(software.weights(config))
    digest = "f37072fd" + hashlib.sha256().hexdigest()[8:]
    monkeypatch.setattr(hashing, "file_digest", lambda path: digest if path == file else file_digest(path))
    assert levels(software.weights(config)) == {"weights": "ok"}


def test_weights_of_timm_are_sought_where_they_are_kept(config, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda *name: asked.append(name), raising=True
    )
    config["methods"] = {"resnet10": {}}
    assert levels(software.weights(config)) == {"weights": "note"}
    assert asked == [("timm/resnet10t.c3_in1k", "model.safetensors")]


def test_a_methods_own_file_is_missing(config):
    config["methods"]["infusenet_resnet18"]["weights"] = "mine.pth"
    assert "mine.pth: no such file" in failures(software.weights(config))
    Path("mine.pth").write_text("<html>")
    assert "mine.pth: not a plain file of weights" in failures(software.weights(config))
    torch.save({}, "mine.pth")
    assert levels(software.weights(config)) == {"weights": "ok"}


# --- disk, cache, device ---------------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["pairs", "first10", "tim10", "span"])
def test_estimate_of_faces(keep):
    recipe = resolve("faces", {"keep": keep, "size": 48})
    length = {"span": 144}.get(keep, 10)
    arrays = [np.zeros((68, 2), np.float32)]
    if keep == "pairs":
        arrays += [np.zeros((7, 48, 48, 3), np.uint8), np.zeros(7, np.int32), np.zeros((7, 2, 3))]
    else:
        arrays += [video(np.zeros((length, 48, 48), np.uint8), keep), np.zeros((48, 48, 3), np.uint8)]
    assert machine.item_bytes(recipe, 48) == sum(array.nbytes for array in arrays)


@pytest.mark.parametrize(
    "settings",
    [{}, {"form": "raw"}, {"latent": "decoded", "form": "raw"}, {"latent": "magnified"}],
)
def test_estimate_of_latents(settings):
    from infusenet.magnifier import load

    recipe = resolve("latents", {"size": 32, **settings})
    clip = pictures(np.zeros((7, 32, 32, 3), np.uint8), range(7), recipe)
    (made,) = encoded(load(SHIPPED_WEIGHTS), [clip], recipe, torch.device("cpu"))
    assert machine.item_bytes(recipe, 99) == made.nbytes


def test_a_full_disk(config, monkeypatch):
    sizes = {name: 6 * machine.item_bytes(r, 224) for name, r in machine.stores_read(config).items()}
    needed = sum(sizes.values()) + max(sizes.values())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage(0, 0, needed))
    assert levels(machine.disk(config)) == {"disk": "ok"}
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage(0, 0, needed - 1))
    assert "6 clips in 2 databases" in failures(machine.disk(config))
    for database in ("one", "two"):
        store = Path("cache", database, "latents.h5")
        store.parent.mkdir(parents=True)
        store.touch()
    assert levels(machine.disk(config)) == {"disk": "ok"}, "what is there needs no more room"


def test_a_database_that_cannot_be_read(config):
    Path("one.csv").write_text("clip\n1\n")
    assert "columns missing" in failures(machine.disk(config))


def test_a_cache_without_locks(config, monkeypatch):
    assert levels(machine.cache(config)) == {"cache": "ok"}
    assert not list(Path().glob(".doctor*")), "the trial leaves nothing"

    def refuse(*_, **__):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(h5py, "File", refuse)
    (found,) = machine.cache(config)
    assert found.level == "note", "stores are written and read without locks"
    assert "No locks available" in found.state
    assert "HDF5_USE_FILE_LOCKING=FALSE" in found.remedy


def test_a_cache_that_may_not_be_written(config, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.tempfile, "mkdtemp", refuse)
    assert "Permission denied" in failures(machine.cache(config))


def test_device_and_settings_from_outside(config, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert levels(machine.device(config)) == {"device": "ok"}
    config["compute"] |= {"device": "cuda", "threads": os.cpu_count() + 1}
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    assert levels(machine.device(config)) == {"device": "fix", "threads": "note", "bits": "fix"}
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    assert "bits" not in levels(machine.device(config))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert "full float32" in failures(machine.device(config))
    monkeypatch.setattr(machine.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    config["compute"]["device"] = "auto"
    assert levels(machine.device(config))["device"] == "note"


# --- the command -----------------------------------------------------------------------------------


def test_command_fails_if_something_must_be_fixed(raw, monkeypatch, capsys):
    Path("config.yaml").write_text(yaml.safe_dump(raw))
    installed(monkeypatch, opencv_contrib_python="5.0.0.93")
    assert cli.main(["doctor", "--config", "config.yaml"]) == 0
    assert capsys.readouterr().out.count("\nok ") >= 4
    raw["flow"]["strian"] = "meb"
    Path("config.yaml").write_text(yaml.safe_dump(raw))
    assert cli.main(["doctor", "--config", "config.yaml"]) == 1
    printed = capsys.readouterr()
    assert "did you mean 'strain'" in printed.out
    assert "1 of 4 checks failed and must be fixed" in printed.err


def test_stores_that_methods_read(raw):
    raw["methods"] = {name: copy.deepcopy(None) for name in METHODS}
    assert set(machine.stores_read(configuration.settle(raw))) >= {
        "faces",
        "flow",
        "faces.span",
        "latents.decoded",
    }
    raw["methods"] = {"lbp_top": None}
    assert set(machine.stores_read(configuration.settle(raw))) == {"faces.first10"}
    with pytest.raises(InputError):
        machine.stores_read({**configuration.settle(raw), "methods": {"no_such": None}})
