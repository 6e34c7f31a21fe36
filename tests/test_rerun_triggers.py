"""Triggers that a run leaves out, and files with times of a wrong clock."""

import os
import time

import pytest
from projects import NAMES, reconfigure, snakemake, would_run

from infusenet.errors import InputError
from infusenet.snakemake_state import unrecorded_outputs

RUN = "results/infusenet_resnet18/{}/seed0"


@pytest.mark.parametrize("lacking", [["params"], ["input"], ["code"], ["params", "input", "code"]])
def test_every_trigger_that_sees_what_times_do_not(lacking):
    rest = {"mtime", "software_env", *unrecorded_outputs.TRIGGERS} - set(lacking)
    with pytest.raises(InputError) as caught:
        unrecorded_outputs.check_triggers(rest)
    said = str(caught.value)
    assert [
        name for name, missed in unrecorded_outputs.TRIGGERS.items() if f"{name} ({missed})" in said
    ] == lacking


def test_overlooked_changes_are_refused_however_they_are_asked_for(project):
    def said(*words, **env):
        done = snakemake(project, "-n", *words, env=env)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr + done.stdout
        return done.stderr + done.stdout

    (project / "lab").mkdir()
    (project / "lab/config.yaml").write_text("rerun-triggers: mtime\n")
    sentence = "--rerun-triggers leaves out params (other settings and changed clips), input"
    assert sentence in said("--rerun-triggers", "mtime", "--", "all_folds")
    assert sentence in said("--profile", "lab")
    assert sentence in said(SNAKEMAKE_PROFILE=str(project / "lab"))
    assert "leaves out code (edited rules): " in said("--rerun-triggers", "mtime", "params", "input")
    done = snakemake(project, "-n", "--rerun-triggers", "params", "input", "code", "--", "all_folds")
    assert done.returncode == 0, "times are looked at in any case"


def test_a_clock_that_is_ahead_deletes_nothing_and_reruns_nothing(finished):
    """As a file server whose clock differs dates what it holds: digests, stores, lists and tables."""
    ahead = time.time() + 3600
    for path in [*finished.glob("cache/*/*"), *finished.glob("data_manifests/*.csv")]:
        os.utime(path, (ahead, ahead))
    assert would_run(finished) == {}
    reconfigure(finished, lambda c: c["methods"]["infusenet_resnet18"].update(epochs=51))
    reconfigure(finished, lambda c: c["flow"].update(strain="meb"))
    done = snakemake(finished, "--cores", "2", "--", "all_folds")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Removing output files" not in done.stdout + done.stderr
    assert all((finished / RUN.format(name) / "weights.safetensors").is_file() for name in NAMES)
    assert would_run(finished) == {}
