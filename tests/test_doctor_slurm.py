"""`infusenet doctor --slurm`: what the cluster answers, and what the profile asks of it."""

import copy
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from findings import PROFILE, ROOT, failures, levels

from infusenet import doctor
from infusenet.doctor import slurm, software
from infusenet.doctor.slurm import ask
from infusenet.doctor.slurm_requests import Nodes, minutes, parse_sinfo, requests
from infusenet.report.tables_and_figures import TARGETS

SINFO = "main*|idle|infinite|64|250000|gpu:a100:4\n"
SCONTROL = """Configuration data as of today
AccountingStorageType   = accounting_storage/none
MinJobAge               = 300 sec
SLURM_VERSION           = 22.05.8
"""


@pytest.fixture
def answers(monkeypatch):
    """The output of the cluster's commands; an exception is raised instead."""
    answers = {"sinfo": SINFO, "scontrol": SCONTROL, "sacct": ""}

    def run(command, **_):
        answer = answers[command[0]]
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(slurm.subprocess, "run", run)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None if name == "nvidia-smi" else name)
    monkeypatch.setattr(metadata, "version", software.tested_versions().get)
    return answers


@pytest.fixture
def ready(config, answers):
    config["compute"]["gpu"] = True
    return config


def test_a_cluster_in_order(ready, answers):
    all_ok = dict.fromkeys(("plugin", "slurm", "states", "gpu", "sizes"), "ok")
    assert levels(slurm.cluster(ready)) == all_ok


def test_no_plugin_or_another_one(ready, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "99.0")
    assert levels(slurm.cluster(ready))["plugin"] == "note"
    monkeypatch.setattr(metadata, "version", lambda name: "1.0")
    assert "snakemake-executor-plugin-slurm>=" in failures(slurm.cluster(ready))

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
    assert "faces (" not in text
    assert "flow (" in text
    assert "flow (" not in failures(slurm.cluster(ready | {"flow": {"solver": "opencv_tvl1"}}))
    profile = copy.deepcopy(PROFILE)
    for rule in ("flow", "latents", "train", "predict"):
        profile["set-resources"][rule]["slurm_partition"] = "gpu"
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile))
    monkeypatch.setattr(slurm, "PROFILE", tmp_path / "profile.yaml")
    assert levels(slurm.cluster(ready))["sizes"] == "ok"


def test_sinfo_in_words():
    (kind,) = parse_sinfo("gpu*|mixed~|2-12:30:00|48+|96000+|gpu:1\n")
    assert kind == Nodes("gpu", True, True, "mixed~", 3630.0, 48, 96000, True)
    assert minutes("30:00") == 30
    assert minutes("infinite") == float("inf")


def test_slurm_is_asked_only_when_wanted(raw, answers):
    Path("config.yaml").write_text(yaml.safe_dump(raw))
    checks = {finding.check for finding in doctor.examine(Path("config.yaml"))}
    more = {finding.check for finding in doctor.examine(Path("config.yaml"), slurm=True)}
    assert more - checks == {"plugin", "slurm", "states", "gpu", "sizes"}


def test_the_profile_names_rules_that_there_are():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = {*re.findall(r"^rule (\w+):", text, re.M), *TARGETS}
    for option in ("set-resources", "groups"):
        assert set(PROFILE[option]) <= rules
    threaded = {part.partition(":")[0] for part in text.split("\nrule ") if "\n    threads:" in part}
    assert threaded <= set(PROFILE["set-resources"]), "for all others one core is asked"
