"""Two runs are walked from data to metric; each kind of difference is found at its own step."""

import csv
import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from narrow import RECIPE
from synthetic import write_database

from infusenet import cli
from infusenet.errors import InputError
from infusenet.evaluation.run_comparison import STEPS, compare
from infusenet.hashing import file_digest
from infusenet.store import Store, sidecar_of
from infusenet.store.provenance import identity
from infusenet.training.predict import predict
from infusenet.training.trainer import train


def run(root, output, seed=0, **changes):
    places = (root / "cache", root / "manifests")
    train(
        RECIPE.method,
        "gamma",
        *places,
        seed,
        output,
        recipe=replace(RECIPE, **{"epochs": 1} | changes),
        device="cpu",
    )
    predict(output, *places, device="cpu")
    return output


@pytest.fixture(scope="module")
def root(tmp_path_factory, narrow):
    root = tmp_path_factory.mktemp("compare")
    for name in ("alpha", "beta", "gamma"):
        write_database(root, name, count=8)
    run(root, root / "a")
    return root


SOURCE = {"faces": "0" * 64, "faces_recipe": {"size": 224}, "data": "1" * 64}


@pytest.fixture
def other(root, tmp_path):
    """Compare the run with a copy of it whose facts were edited; stores tell where they come from."""

    def edit(run, change):
        facts = json.loads((run / "run.json").read_text())
        change(facts)
        (run / "run.json").write_text(json.dumps(facts))

    def sourced(facts):
        del facts["predicted"]["sha256"]  # predictions are edited here
        for entries in (*facts["stores"].values(), facts["predicted"]["stores"]):
            for entry in entries.values():
                entry["source"] = dict(SOURCE)

    for name in "ab":
        shutil.copytree(root / "a", tmp_path / name)
        edit(tmp_path / name, sourced)

    def compared(change):
        edit(tmp_path / "b", change)
        return compare(tmp_path / "a", tmp_path / "b")

    return compared


def put(*path):
    *keys, last, value = path

    def change(facts):
        for key in keys:
            facts = facts[key]
        facts[last] = value

    return change


def both(*changes):
    def change(facts):
        for each in changes:
            each(facts)

    return change


BETA = ("stores", "beta")
OTHER = "f" * 64


@pytest.mark.parametrize(
    ("change", "step", "expected"),
    [
        (put("standins", True), "data", "B was trained on stand-ins"),
        (
            put(*BETA, "flow", "source", "data", OTHER),
            "data",
            "beta: frames, onset, apex or offset differ (digests 111111111111 and ffffffffffff; 8 clips in A and 8 in B)",
        ),
        (
            both(put("labels", OTHER), put("label_counts", "AU4", 99)),
            "data",
            "training labels: AU4 is ",
        ),
        (put(*BETA, "flow", "source", "faces_recipe", {"size": 112}), "faces", "beta: size is 224 in A and 112 in B"),
        (
            both(put(*BETA, "flow", "content", OTHER), put(*BETA, "flow", "source", "faces", OTHER)),
            "flow",
            "and the crops they were computed from differ too",
        ),
        (put("left_out", ["alpha s1/c1: no_face: none"]), "faces", "1 clips were left out of B alone, first alpha s1"),
        (put("recipe", "stores", "flow", "recipe", "strain", "meb"), "flow", "strain is 'tensor' in A and 'meb' in B"),
        (put("recipe", "stores", "latents", "recipe", "factor", 5), "latents", "factor is 10 in A and 5 in B"),
        (put(*BETA, "flow", "keys", OTHER), "flow", "beta, flow: clips of other names or computed from other data"),
        (put(*BETA, "flow", "clips", 7), "flow", "beta, flow: 8 clips in A and 7 in B"),
        (put(*BETA, "latents", "content", OTHER), "latents", "beta, latents: other values of the same clips"),
        (put("predicted", "stores", "flow", "content", OTHER), "flow", "gamma, flow: other values"),
        (put("train_databases", ["alpha"]), "split", "only A was trained on beta"),
        (put("n_train", 15), "split", "16 training clips in A and 15 in B"),
        (put("recipe", "epochs", 2), "recipe", "epochs is 1 in A and 2 in B"),
        (put("initial_weights", OTHER), "recipe", "initial weights is 'none' in A"),
        (put("predicted", "all_candidates", True), "recipe", "predict --all-candidates is False in A and True in B"),
        (put("seed", 3), "seed", "seed 0 in A and 3 in B"),
        # What is upstream is told first.
        (both(put("seed", 3), put("recipe", "epochs", 2), put(*BETA, "flow", "keys", OTHER)), "flow", "beta"),
    ],
)  # fmt: skip
def test_the_first_difference_is_found_at_its_step(other, change, step, expected):
    found = other(change)
    assert (found.step, expected in found.text) == (step, True), found
    assert found.same == list(STEPS)[: list(STEPS).index(step)]


def test_files_machines_and_paths_that_change_no_value_are_no_difference(other):
    def change(facts):
        facts["stores"]["beta"]["flow"]["sha256"] = OTHER
        facts["stores"]["beta"]["flow"]["source"] = {}
        facts["recipe"]["weights"] = "/elsewhere/weights.pth"
        facts["recipe"]["threads"] = facts["threads"] = 4
        facts["predicted"]["versions"]["torch"] = "9.9"

    found = other(change)
    assert found.step == ""
    assert found.same == list(STEPS)
    assert "every logit of 8 clips is the same" in found.text
    assert "trained where threads is 1 in A and 4 in B" in found.text
    assert "and '9.9' in B" in found.text


def test_another_precision_is_no_difference_but_named(other):
    def change(facts):
        del facts["precision"]  # an older version
        facts["predicted"]["precision"] = "tf32"

    found = other(change)
    assert found.step == ""
    assert "trained where" not in found.text
    assert "scored where precision is 'float32' in A and 'tf32' in B" in found.text


def test_predictions_that_differ_are_measured(root, other, tmp_path):
    path = tmp_path / "b/predictions.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    rows[2]["mag_AU4"] = str(-float(rows[2]["mag_AU4"]))
    moved = 2 * abs(float(rows[2]["mag_AU4"]))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = other(lambda facts: facts["versions"].update(torch="9.9"))
    assert found.step == "metric"
    assert f"1 of 96 decisions differ, logits by at most {moved:.4g}" in found.text
    assert "; trained where torch is " in found.text


def test_labels_of_scored_clips(root, other, tmp_path):
    path = tmp_path / "b/predictions.csv"
    lines = path.read_text().splitlines()
    last = lines[3][-1]
    path.write_text("\n".join([*lines[:3], lines[3][:-1] + str(1 - int(last)), *lines[4:]]) + "\n")
    found = other(lambda facts: None)
    assert found.step == "data"
    assert f"labels of 1 of 8 scored clips, first gamma/s2/c2: AU17 is {last} in A" in found.text
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert other(lambda facts: None).text == "scored clips: 1 only in A and 0 only in B, first gamma/s3/c7"


def test_real_runs_by_the_command(root, tmp_path, capsys):
    again = run(root, tmp_path / "again")
    assert cli.main(["compare", str(root / "a"), str(again)]) == 0
    assert "no difference" in capsys.readouterr().out
    assert (again / "run.json").read_bytes() == (root / "a/run.json").read_bytes()
    seed = run(root, tmp_path / "seed", seed=1)
    assert cli.main(["compare", str(root / "a"), str(seed)]) == 1
    out = capsys.readouterr().out
    assert (
        out == "seed: seed 0 in A and 1 in B\nthe same in both: data, faces, flow, latents, split, recipe\n"
    )


def test_an_older_run_is_refused(other):
    with pytest.raises(InputError, match="older version noted too little"):
        other(put("stores", {"alpha": {"flow": "f" * 64}}))


def test_identity_follows_values_not_files(root, tmp_path):
    path = tmp_path / "flow.h5"
    shutil.copy(root / "cache/alpha/flow.h5", path)
    sidecar_of(path).write_text(f"{file_digest(path)}\n")
    before = identity(Store(path))
    with h5py.File(path, "a") as file:
        file.attrs["package"] = "another"
    sidecar_of(path).write_text(f"{file_digest(path)}\n")
    renamed = identity(Store(path))
    assert renamed["sha256"] != before["sha256"]
    assert renamed | {"sha256": before["sha256"]} == before
    with h5py.File(path, "a") as file:
        file["items/flow"][3, 1, 2, 3] += np.float16(0.25)
    sidecar_of(path).write_text(f"{file_digest(path)}\n")
    assert identity(Store(path))["content"] != before["content"]
    assert identity(Store(path))["keys"] == before["keys"]
