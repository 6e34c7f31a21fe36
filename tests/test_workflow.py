"""What reruns after which change, and which sentences a user meets first.

The stages are replaced by a command that only writes its outputs, so that Snakemake's decisions on
the real rules are tested in seconds; the stages themselves have tests of their own.
"""

import csv
import logging
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import NAMES, ran, reconfigure, snakemake, would_run
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, ResourceSettings

from infusenet.config.methods import METHODS
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.report.tables_and_figures import RELEASED_FACTOR10, TARGETS
from infusenet.snakemake_state import gpu_sharing


def test_everything_then_nothing(project):
    jobs = {"faces": 3, "flow": 3, "latents": 3, "train": 3, "predict": 3, "evaluate": 1}
    assert would_run(project) == jobs
    assert ran(project) == jobs
    assert would_run(project) == {}


def test_what_reruns(finished):
    """One project, change after change, each made good by a run before the next: what that leaves
    undone the next one would run."""

    def after(change) -> dict[str, int]:
        change()
        return ran(finished)

    def touch_all():
        for frame in (finished / "raw").rglob("*.jpg"):
            os.utime(frame)

    def recopy_stores():
        for store in (finished / "cache").rglob("*.h5"):
            shutil.copy(store, store.with_suffix(".copy"))
            store.with_suffix(".copy").replace(store)

    def resave_manifest():
        source = finished / "raw/one.csv"
        rows = list(csv.reader(source.read_text().splitlines()))
        with open(source, "w", encoding="utf-8-sig", newline="") as file:  # as spreadsheets write it
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)

    for harmless in (touch_all, recopy_stores, resave_manifest):
        harmless()
        assert would_run(finished) == {}, harmless.__name__

    def edit_label():
        source = finished / "raw/one.csv"
        source.write_text(source.read_text().replace('"4","0","0","1"', '"1+4","1","0","1"'))

    assert after(edit_label) == {"train": 2, "predict": 3, "evaluate": 1}

    def replace_frame():
        frame = finished / "raw/two/s1/c1/5.jpg"
        stat = frame.stat()
        frame.write_bytes(b"new")
        os.utime(frame, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    stages = {"faces": 1, "flow": 1, "latents": 1}
    assert after(replace_frame) == stages | {"train": 2, "predict": 3, "evaluate": 1}

    def other_strain():
        reconfigure(finished, lambda config: config["flow"].update(strain="meb"))

    assert after(other_strain) == {"flow": 3, "train": 3, "predict": 3, "evaluate": 1}

    def more_epochs():
        reconfigure(finished, lambda c: c["methods"]["infusenet_resnet18"].update(epochs=51))

    assert after(more_epochs) == {"train": 3, "predict": 3, "evaluate": 1}

    def another_seed():
        reconfigure(finished, lambda config: config.update(seeds=[0, 1]))

    assert after(another_seed) == {"train": 3, "predict": 3, "evaluate": 1}
    assert would_run(finished) == {}


def test_a_clip_that_one_method_lacks_is_left_out_of_all(project):
    reconfigure(project, lambda config: config.update(failed_clips="skip"))
    done = snakemake(project, "all_folds")
    assert done.returncode == 0, done.stderr
    assert would_run(project) == {}

    def add_method():
        reconfigure(project, lambda config: config["methods"].update(lbp_top={}))

    add_method()
    done = snakemake(project, "all_folds")
    assert done.returncode == 0, done.stderr
    assert trained(done) == {"lbp_top"}, "the lists are made again, with the same content"
    (project / "union.txt").write_text("one,s1/c1")
    done = snakemake(project, "--forcerun", "left_out", "--", "all_folds")
    assert done.returncode == 0, done.stderr
    assert trained(done) == {"lbp_top", "infusenet_resnet18"}
    assert would_run(project) == {}


def trained(done) -> set[str]:
    return set(re.findall(r"output: results/(\w+)/\w+/seed0/weights", done.stderr + done.stdout))


def test_single_stages_and_folds_are_addressable(project):
    run = "results/infusenet_resnet18/two/seed0/predictions.csv"
    assert snakemake(project, "-n", "--", run).returncode == 0
    assert snakemake(project, "--", "cache/one/flow.h5").returncode == 0
    assert not (project / "cache/two/faces.h5").exists()
    reconfigure(project, lambda config: config.update(variants={"flow.meb": {"strain": "meb"}}))
    assert snakemake(project, "--", "cache/one/flow.meb.h5").returncode == 0
    assert (project / "cache/one/flow.meb.h5").is_file()


def test_a_table_trains_what_it_needs(project):
    assert would_run(project, "table2") == {
        "faces": 3, "flow": 3, "latents": 3, "train": 12, "predict": 12, "table2": 1,
    }  # fmt: skip
    done = snakemake(project, "table2")
    assert done.returncode == 0, done.stderr
    assert (project / "results/table2.tex").is_file()
    assert would_run(project, "table2") == {}
    assert would_run(project) == {"evaluate": 1}, "InfuseNet's folds are there"


def test_a_method_that_is_not_configured_stands_in_no_one_s_way(project):
    def other_methods(config):
        config["methods"] = {"resnet18_flow": {}, "lbp_top": {}}
        config["latents"]["size"] = 64  # InfuseNet, at 224, could not be trained on these

    reconfigure(project, other_methods)
    assert would_run(project)["train"] == 6
    done = snakemake(project, "-n", "--", "figure2")
    assert "both maps must show the same geometry" in done.stderr + done.stdout


def test_all_of_the_paper_in_one_target(project):
    planned = would_run(project, "paper")
    assert planned["train"] == planned["predict"] == 3 * len(set(METHODS) - {RELEASED_FACTOR10})
    assert planned["faces"] == 3 * 3, "for pairs, for LBP-TOP and for LED"
    assert planned["latents"] == 3 * 6, "difference, decoded and four factors of magnified ones"
    assert set(TARGETS) <= set(planned)
    reconfigure(project, lambda config: config["databases"].popitem())
    done = snakemake(project, "--", "paper")
    assert done.returncode == 0, done.stderr
    assert would_run(project, "paper") == {}
    page = (project / "results/paper.html").read_text()
    assert [name for target in TARGETS.values() for name in target.files if name not in page] == []


def test_figure4_s_difference_line_is_all_of_the_released_weights_where_they_are_configured(project):
    assert would_run(project, "figure4")["train"] == 3 * 8
    weights = {"weights": str(SHIPPED_WEIGHTS)}
    reconfigure(project, lambda config: config["variants"].update({"latents.released": weights}))
    planned = would_run(project, "figure4")
    assert planned["train"] == 3 * 9, "InfuseNet at factor 10 on these latents too"
    assert planned["latents"] == 3 * 6, "difference, that of the released weights and four factors"


def test_clips_cannot_be_left_out_of_methods_that_are_not_configured(project):
    reconfigure(project, lambda config: config.update(failed_clips="skip"))
    done = snakemake(project, "-n", "--", "table1")
    assert done.returncode != 0
    assert "`lbp_top: {}`: lbp_top, led" in done.stderr + done.stdout
    reconfigure(project, lambda config: config["methods"].update(lbp_top={}, led={}))
    assert snakemake(project, "-n", "--", "table1").returncode == 0


def test_without_data_the_first_sentence_says_what_to_run(project):
    reconfigure(project, lambda config: config.update(databases={}))
    done = snakemake(project)
    assert done.returncode != 0
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_typo_in_the_configuration(project):
    reconfigure(project, lambda config: config["flow"].update(strian="meb"))
    done = snakemake(project)
    assert done.returncode != 0
    assert "did you mean 'strain'" in done.stderr


def test_a_database_that_stands_twice_in_the_file(project):
    path = project / "workflow/config.yaml"
    path.write_text(path.read_text() + "databases: {one: {manifest: raw/one.csv, frames: raw/one}}\n")
    done = snakemake(project, "-n")
    assert done.returncode != 0
    assert "duplicate key 'databases' in lines" in done.stderr + done.stdout


def test_beside_a_live_run_nothing_that_it_reads_is_rewritten(project):
    assert snakemake(project, "-n").returncode == 0
    table = project / "data_manifests/one.csv"
    before = table.read_bytes()
    source = project / "raw/one.csv"
    source.write_text(source.read_text().replace(",4,0,0,1,", ",1+4,1,0,1,"))
    locks = project / ".snakemake/locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.input.lock").touch()
    with subprocess.Popen(["snakemake", "600"], executable=shutil.which("sleep"), cwd=project) as run:
        try:
            done = snakemake(project, "-n")
        finally:
            run.kill()
    assert f"left as they are: pid {run.pid} runs here" in done.stderr + done.stdout
    assert table.read_bytes() == before
    snakemake(project, "-n")
    assert table.read_bytes() != before, "a dead run's lock holds nothing"


def test_ids_cannot_carry_commands(project):
    source = project / "raw/one.csv"
    source.write_text(source.read_text().replace("s1,c1", "s1,$(touch pwned)"))
    done = snakemake(project)
    assert done.returncode != 0
    assert "characters outside" in done.stderr
    assert not (project / "pwned").exists()


@pytest.mark.parametrize("words", [["--profile", "workflow/profiles/local"], ["--resources", "gpu=0"]])
def test_gpu_jobs_take_turns(project, words):
    """gpu=0 is no limit to Snakemake; three jobs of one thread each would start together."""

    def edit(config):
        config["compute"].update(gpu=True, threads=1, processes=1)

    reconfigure(project, edit)
    command = project / "bin" / "infusenet"
    turns = "import time\nif words[0] == 'latents':\n    log = open('turns.txt', 'a', buffering=1)\n"
    turns += "    log.write('in\\n')\n    time.sleep(.3)\n    log.write('out\\n')\n"
    command.write_text(command.read_text().replace("output =", f"{turns}output =", 1))
    words = ["--cores", "4", "--scheduler", "ilp", *words]  # the default
    done = snakemake(project, *words, "--", *(f"cache/{name}/latents.h5" for name in NAMES))
    assert done.returncode == 0, done.stderr
    assert (project / "turns.txt").read_text().split() == ["in", "out"] * 3


def test_the_workflow_needs_no_number_of_cores(project, monkeypatch):
    """A cluster's executor has none while the rules are read."""
    monkeypatch.chdir(project)
    with SnakemakeApi(OutputSettings(log_level_override=logging.ERROR)) as api:
        api.workflow(ResourceSettings(nodes=2), snakefile=Path("Snakefile")).dag()


@pytest.mark.parametrize(("free", "count"), [("143000", 3), ("40000\n9", 2), ("9000", 1), ("no devices", 1)])
def test_jobs_share_a_card_while_its_memory_allows(tmp_path, monkeypatch, free, count):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_sharing.job_count() == 1, "no nvidia-smi"
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\necho '{free}'\n")
    command.chmod(0o755)
    assert gpu_sharing.job_count() == count


def test_a_gpu_is_asked_for_by_what_uses_one(project):
    reconfigure(project, lambda config: config["compute"].update(gpu=True))
    asked = {}
    for method in ("lbp_top", "infusenet_resnet18"):
        done = snakemake(project, "-n", "--", f"results/{method}/one/seed0/predictions.csv")
        rules = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", done.stdout, re.M)
        asked[method] = {rule for rule, resources in rules if "gpu=1" in resources}
    assert asked == {"lbp_top": set(), "infusenet_resnet18": {"flow", "latents", "train", "predict"}}
    reconfigure(project, lambda config: config["flow"].update(solver="opencv_tvl1"))
    done = snakemake(project, "-n", "--", "cache/one/flow.h5")
    assert "gpu=1" not in done.stdout
