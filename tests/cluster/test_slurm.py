"""`all_folds` on the demo through sbatch, with the project's profile. Run by `make test-cluster`.

One real run on a real (single-node) cluster: the doctor finds it in order, a training is killed by
scancel on the way, the run goes on without it, and the next one makes good what is missing.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).parents[2]
PATIENCE = 4 * 3600
EPOCHS = 12  # of the stand-ins' 8 the last may be over before a checkpoint is due


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The workflow on the stand-ins with empty caches; jobs ask for the node's one GPU (which is none)."""
    lab = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "Snakefile", lab)
    shutil.copytree(ROOT / "workflow", lab / "workflow")
    (lab / "standins").symlink_to(ROOT / "standins")
    path = lab / "workflow/config.yaml"
    config = yaml.safe_load(path.read_text())
    config["standins"]["settings"]["compute"] |= {"device": "cpu", "gpu": True}
    config["standins"]["settings"]["every_method"] |= {"epochs": EPOCHS}
    path.write_text(yaml.safe_dump(config))
    return lab


def start(lab: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm", *words]
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=lab, env=os.environ | paths, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def jobs(state: str = "all") -> dict[str, str]:
    """{job id: its comment, in which the plugin names rule and wildcards, and what it asked for}."""
    command = ["squeue", "--noheader", f"--states={state}", "-O", "JobID:|,Comment:|,tres-per-job:|"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {job: text for job, _, text in (line.partition("|") for line in lines)}


def wait_for(what, run: subprocess.Popen):
    """What ``what()`` returns once that is something."""
    while not (found := what()):
        assert run.poll() is None, run.stdout.read()
        time.sleep(0.1)
    return found


def test_the_doctor_finds_the_cluster_in_order(lab):
    done = subprocess.run(
        [sys.executable, "-m", "infusenet.cli", "doctor", "--slurm"],
        cwd=lab, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    for check in ("plugin", "slurm", "states", "gpu", "sizes"):
        assert re.search(rf"^ok +{check} ", done.stdout, re.M), done.stdout + done.stderr


def test_a_run_through_sbatch_and_a_killed_job_that_resumes(lab):
    run = start(lab, "--", "all_folds")
    checkpoint = wait_for(lambda: next(lab.glob("results/*/*/seed0/checkpoint.pt"), None), run)
    # One GPU: only one fold trains at a time.
    (job,) = [job for job, text in jobs("running").items() if "train" in text or "fold" in text]
    subprocess.run(["scancel", job], check=True)
    output = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode != 0, output
    folder = checkpoint.parent
    assert not (folder / "weights.safetensors").exists(), "a half training must leave no result"
    others = [path for path in lab.glob("results/*/*/seed0/predictions.csv") if path.parent != folder]
    assert len(others) == 5, "the other folds do not depend on the killed one"
    epochs = len(torch.load(checkpoint, weights_only=True)["rows"])
    assert epochs > 0

    asked = jobs()
    assert len([text for text in asked.values() if "gpu:1" in text]) == 6 + 6, "latents and folds"
    assert not [text for text in asked.values() if "gpu" in text and ("faces" in text or "flow" in text)]

    run = start(lab, "--", "all_folds")
    output = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 0, output
    assert len(jobs()) == len(asked) + 2, "the killed fold (training and prediction together) and the table"
    assert (lab / "results/metrics.csv").is_file()
    board = EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    computed = [event.step for event in board.Scalars("clips_per_second")]
    assert computed == list(range(epochs + 1, EPOCHS + 1)), "the epochs before the kill are not trained again"

    run = start(lab, "--dry-run", "--", "all_folds")
    assert "Nothing to be done" in run.communicate(timeout=PATIENCE)[0]
