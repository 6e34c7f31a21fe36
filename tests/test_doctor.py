"""`infusenet doctor`: each check meets the trouble that it is there for."""

import copy
import hashlib
import os
import re
import subprocess
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
import yaml

from infusenet import cli, doctor
from infusenet.config import configuration
from infusenet.config.methods import METHODS
from infusenet.config.recipes import SHIPPED_WEIGHTS, resolve
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.doctor import machine, slurm, software
from infusenet.doctor.requests import Nodes, minutes, parse_sinfo, requests
from infusenet.doctor.slurm import ask
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess.faces import video
from infusenet.preprocess.latents import latents
from infusenet.protocol import AUS
from infusenet.report.targets import OUTPUTS

ROOT = Path(__file__).parents[1]
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The shipped configuration over two databases of three clips each, that start from scratch."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workflow/profiles").mkdir(parents=True)
    (tmp_path / "workflow/profiles/slurm").symlink_to(ROOT / "workflow/profiles/slurm")
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())
    raw["methods"]["infusenet_resnet18"]["weights"] = "none"
    raw["compute"] |= {"processes": 1, "threads": 1}
    for name in ("one", "two"):
        labels = dict.fromkeys(AUS, 0)
        clips = [Clip(name, "s", f"c{n}", 1, 2, 3, f"s/c{n}", "", "", labels) for n in range(3)]
        (tmp_path / f"{name}.csv").write_text(to_csv(clips))
        raw["databases"][name] = {"manifest": f"{name}.csv", "frames": "."}
    return raw


@pytest.fixture
def config(raw):
    return configuration.settle(raw)


def levels(findings) -> dict[str, str]:
    """{check: its worst level}; every finding that is not ok says what to expect and what to do."""
    findings = list(findings)
    assert all(f.expected and f.remedy for f in findings if f.level != "ok")
    order = ("ok", "note", "fix")
    worst = {}
    for finding in findings:
        worst[finding.check] = max(worst.get(finding.check, "ok"), finding.level, key=order.index)
    return worst


def failures(findings) -> str:
    """The text of all that must be fixed."""
    return "\n".join(str(f) for f in findings if f.level == "fix")


# --- wheels ---------------------------------------------------------------------------------------


def installed(monkeypatch, **versions):
    """As if these packages were installed, and the tested ones but for OpenCV."""
    packages = {k: v for k, v in software.pins().items() if "opencv" not in k} | {
        name.replace("_", "-"): version for name, version in versions.items()
    }
    Package = namedtuple("Package", "name version")
    monkeypatch.setattr(metadata, "distributions", lambda: [Package(*pair) for pair in packages.items()])


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
    monkeypatch.setattr("infusenet.preprocess.alignment.find_spec", lambda name: None)
    assert levels(software.wheels())["dlib"] == "fix"


def test_another_version_is_noted_and_a_missing_package_is_not_let_pass(monkeypatch):
    installed(monkeypatch, opencv_contrib_python="5.0.0.93", torch="2.6.0")
    assert levels(software.wheels())["wheels"] == "note"
    monkeypatch.setattr(metadata, "distributions", list)
    assert "torch is not installed" in failures(software.wheels())


# --- weights --------------------------------------------------------------------------------------


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
    monkeypatch.setattr(
        software.hashing, "file_digest", lambda path: digest if path == file else file_digest(path)
    )
    assert levels(software.weights(config)) == {"weights": "ok"}


def test_weights_of_timm_are_sought_where_they_are_kept(config, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "infusenet.models.weights.try_to_load_from_cache", lambda *name: asked.append(name), raising=True
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


# --- disk, cache, device --------------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["pairs", "first10", "tim10", "span"])
def test_estimate_of_faces(keep):
    recipe = resolve("faces", {"keep": keep, "size": 48})
    length = {"span": 32}.get(keep, 10)
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
    made = latents(load(SHIPPED_WEIGHTS), np.zeros((7, 32, 32, 3), np.uint8), range(7), recipe, "cpu")
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


# --- SLURM ----------------------------------------------------------------------------------------

SINFO = "main*|idle|infinite|64|250000|gpu:a100:4\n"
SCONTROL = """Configuration data as of today
AccountingStorageType   = accounting_storage/none
MinJobAge               = 300 sec
SLURM_VERSION           = 22.05.8
"""


@pytest.fixture
def answers(monkeypatch):
    """What the cluster's commands print; an exception is raised instead."""
    answers = {"sinfo": SINFO, "scontrol": SCONTROL, "sacct": ""}

    def run(command, **_):
        answer = answers[command[0]]
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(slurm.subprocess, "run", run)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None if name == "nvidia-smi" else name)
    monkeypatch.setattr(metadata, "version", lambda name: software.pins("slurm")[name])
    return answers


@pytest.fixture
def ready(config, answers):
    config["compute"]["gpu"] = True
    return config


def test_a_cluster_in_order(ready, answers):
    all_ok = dict.fromkeys(("plugin", "slurm", "states", "gpu", "sizes"), "ok")
    assert levels(slurm.cluster(ready)) == all_ok


def test_no_plugin_or_another_one(ready, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "1.0")
    assert levels(slurm.cluster(ready))["plugin"] == "note"

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    assert ".[slurm]" in failures(slurm.cluster(ready))


def test_a_machine_without_slurm(ready, monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None)
    assert "no sinfo, sbatch, squeue, scontrol here" in failures(slurm.cluster(ready))


def test_a_controller_that_is_down(ready, answers, monkeypatch):
    answers["sinfo"] = subprocess.TimeoutExpired("sinfo", 5)
    assert "nothing within 5 s" in failures(slurm.cluster(ready))
    monkeypatch.undo()
    with pytest.raises(slurm.Silent, match="cannot open"):
        ask("sh", "-c", "echo cannot open >&2; exit 1")
    monkeypatch.setattr(slurm, "PATIENCE", 0.1)
    with pytest.raises(slurm.Silent, match=r"nothing within 0\.1 s"):
        ask("sleep", "5")


@pytest.mark.parametrize("state", ["down", "drained", "idle*", "inval"])
def test_nodes_that_cannot_be_used(ready, answers, state):
    answers["sinfo"] = SINFO.replace("idle", state)
    assert f"no usable node: main {state}" in failures(slurm.cluster(ready))
    answers["sinfo"] += SINFO.replace("idle", "mixed-")
    assert "fix" not in levels(slurm.cluster(ready)).values()


ON = SCONTROL.replace("/none", "/slurmdbd")


@pytest.mark.parametrize(
    ("status", "scontrol", "sacct", "told"),
    [
        ("squeue", SCONTROL, "", None),
        ("squeue", ON, "", None),
        ("sacct", ON, "", None),
        # Without accounting sacct answers nothing, and Snakemake waits for ever.
        ("sacct", SCONTROL, "", "finished jobs are never seen"),
        (None, SCONTROL, "", "finished jobs are never seen"),
        ("squeue", SCONTROL.replace("300", "60"), "", "forgets a finished job after 60 s"),
        ("squeue", ON.replace("300", "60"), "", "slurm-status-command: sacct"),
        ("sacct", ON, subprocess.TimeoutExpired("sacct", 5), "accounting is on but silent"),
        # What newer releases say instead of accounting_storage/none.
        ("sacct", SCONTROL.replace("accounting_storage/none", "(null)"), "", "finished jobs are never seen"),
    ],
)
def test_where_job_states_are_asked_for(answers, status, scontrol, sacct, told):
    answers["sacct"] = sacct
    profile = PROFILE | {"slurm-status-command": status}
    if status is None:
        del profile["slurm-status-command"]
    settings = dict(line.split(" = ") for line in scontrol.splitlines() if "=" in line)
    finding = slurm.accounting({key.strip(): value for key, value in settings.items()}, profile)
    assert (told in str(finding) and finding.level == "fix") if told else finding.level == "ok"


def test_the_login_node_has_no_gpu_but_the_cluster_does(config, answers):
    assert "the cluster has GPUs" in failures(slurm.cluster(config))
    config["compute"]["device"] = "cpu"
    assert levels(slurm.cluster(config))["gpu"] == "ok"


def test_jobs_ask_for_gpus_that_nobody_has(ready, answers):
    answers["sinfo"] = SINFO.replace("gpu:a100:4", "(null)")
    assert "stay pending" in failures(slurm.cluster(ready))


@pytest.mark.parametrize("node", ["1|250000", "64|500"])
def test_jobs_that_fit_no_node(ready, answers, node):
    ready["compute"]["threads"] = 2
    answers["sinfo"] = SINFO.replace("64|250000", node)
    assert "no node fits" in failures(slurm.cluster(ready))
    answers["sinfo"] = SINFO.replace("infinite", "1-00:00:00")
    text = failures(slurm.cluster(ready))
    assert "train + predict (2 cores" in text, "a group takes the time of both"
    assert "faces (" not in text


def test_memory_follows_the_number_of_processes(ready, answers):
    asked = {request.rules: request for request in requests(ready, PROFILE)}
    ready["compute"]["processes"] = 8
    more = {request.rules: request for request in requests(ready, PROFILE)}
    scaled = {rules for rules in asked if more[rules].memory_mb == 8 * asked[rules].memory_mb}
    assert scaled == {"faces", "flow", "nuisance_bench"}
    assert {rules for rules in asked if more[rules] != asked[rules]} == scaled
    answers["sinfo"] = SINFO.replace("250000", "20000")
    text = failures(slurm.cluster(ready))
    assert "nuisance_bench (8 cores, 24000 MB" in text
    assert "faces (" not in text


def test_rules_that_the_profile_does_not_name_are_looked_at_too(ready, answers):
    answers["sinfo"] = SINFO.replace("infinite", "20:00")
    assert "all other rules (1 cores, 2000 MB, 30 min" in failures(slurm.cluster(ready))


def test_jobs_go_to_one_partition(ready, answers, monkeypatch, tmp_path):
    """A GPU elsewhere is of no use to jobs that go to the default partition."""
    answers["sinfo"] = "cpu*|idle|infinite|64|250000|(null)\n" + SINFO.replace("main*", "gpu")
    text = failures(slurm.cluster(ready))
    assert "latents (1 cores, 3000 MB, 240 min, GPU in the default partition)" in text
    assert "flow (" not in text
    profile = copy.deepcopy(PROFILE)
    for rule in ("latents", "train", "predict"):
        profile["set-resources"][rule]["slurm_partition"] = "gpu"
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile))
    monkeypatch.setattr(slurm, "PROFILE", tmp_path / "profile.yaml")
    assert levels(slurm.cluster(ready))["sizes"] == "ok"


def test_sinfo_in_words():
    (kind,) = parse_sinfo("gpu*|mixed~|2-12:30:00|48+|96000+|gpu:1\n")
    assert kind == Nodes("gpu", True, True, "mixed~", 3630.0, 48, 96000, True)
    assert minutes("30:00") == 30
    assert minutes("infinite") == float("inf")


# --- the command ----------------------------------------------------------------------------------


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
    assert "1 of 3 checks failed and must be fixed" in printed.err


def test_slurm_is_asked_only_when_wanted(raw, answers):
    Path("config.yaml").write_text(yaml.safe_dump(raw))
    checks = {finding.check for finding in doctor.examine(Path("config.yaml"))}
    more = {finding.check for finding in doctor.examine(Path("config.yaml"), slurm=True)}
    assert more - checks == {"plugin", "slurm", "states", "gpu", "sizes"}


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


def test_the_profile_names_rules_that_there_are():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = {*re.findall(r"^rule (\w+):", text, re.M), *OUTPUTS}
    for option in ("set-resources", "groups"):
        assert set(PROFILE[option]) <= rules
    threaded = {part.partition(":")[0] for part in text.split("\nrule ") if "\n    threads:" in part}
    assert threaded <= set(PROFILE["set-resources"]), "for all others one core is asked"
