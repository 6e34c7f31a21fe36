"""Training and prediction: learning, resume, reproducibility, isolation of the held-out database."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from narrow import RECIPE
from synthetic import RECIPES, SIZE, clips_of, write_database

from infusenet.errors import InputError
from infusenet.hashing import digest
from infusenet.protocol import AUS
from infusenet.store import Store
from infusenet.store.lock import Lock
from infusenet.training import run_folder
from infusenet.training import trainer as training
from infusenet.training.dataset import ClipDataset
from infusenet.training.predict import predict
from infusenet.training.pseudo_apex import PREDICTION, pseudo_apex
from infusenet.training.trained_run import network
from infusenet.training.trainer import train

METHOD, REAL_EPOCH = RECIPE.method, training.run_epoch
RESNETS = {"model": "infusenet_resnet18"}  # in place of the narrow networks of the other tests


@pytest.fixture(scope="module")
def root(tmp_path_factory, narrow):
    """Three databases and a finished run without the third."""
    root = tmp_path_factory.mktemp("train")
    for name in ("alpha", "beta", "gamma"):
        write_database(root, name)
    run(root, root / "run")
    predict(root / "run", root / "cache", root / "manifests")
    return root


def run(root, output, held_out="gamma", seed=0, databases=None, precision="auto", **changes):
    train(
        METHOD, held_out, root / "cache", root / "manifests", seed, output,
        recipe=replace(RECIPE, **changes), databases=databases, device="cpu", precision=precision,
    )  # fmt: skip


def content(folder, *names):
    return [(folder / name).read_bytes() for name in names or ("weights.safetensors", "log.csv")]


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_run_folder_holds_weights_facts_and_log(root):
    state, facts = run_folder.load_weights(root / "run")
    assert {name.split(".")[0] for name in state} == {"frame_flow", "frame_mag"}
    assert (facts["recipe"], facts["held_out"], facts["seed"]) == (RECIPE.as_dict(), "gamma", 0)
    assert facts["train_databases"] == ["alpha", "beta"]
    clips = [clip for name in ("alpha", "beta") for clip in clips_of(name, 10)]
    assert facts["label_counts"] == {f"AU{n}": sum(clip.labels[n] for clip in clips) for n in AUS}
    assert (facts["n_train"], facts["threads"]) == (20, 1)
    log = rows_of(root / "run" / "log.csv")
    assert list(log[0]) == ["epoch", "rate", "loss_mag", "loss_flow", "f1"]
    assert [float(row["rate"]) for row in log] == pytest.approx([1e-3, 9e-4])
    assert list((root / "run" / "tensorboard").iterdir())
    assert not (root / "run" / "checkpoint.pt").exists()


def test_facts_alone_are_those_beside_the_weights(root, tmp_path):
    assert run_folder.load_facts(root / "run") == run_folder.load_weights(root / "run")[1]
    shutil.copytree(root / "run", tmp_path / "copy")
    path = tmp_path / "copy" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    for load in (run_folder.load_facts, run_folder.load_weights):
        with pytest.raises(InputError, match="damaged, or a copy that broke off"):
            load(tmp_path / "copy")
    path.unlink()
    with pytest.raises(InputError, match="no such file; train this run first"):
        run_folder.load_facts(tmp_path / "copy")


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_weight_that_is_not_finite_is_refused(root, value):
    state = run_folder.load_weights(root / "run")[0]
    state["frame_mag.blocks.2.0.weight"][5, 3, 1] = value
    with pytest.raises(InputError, match="a run: damaged weights: frame_mag.blocks.2.0.weight is not finite"):
        network(RECIPE, state, "a run")


def test_predictions_and_facts_of_a_run(root):
    predictions, clips = rows_of(root / "run" / "predictions.csv"), clips_of("gamma", 10)
    assert [(row["database"], row["subject"], row["clip"]) for row in predictions] == [
        ("gamma", clip.subject, clip.clip) for clip in clips
    ]
    columns = [f"{head}AU{n}" for head in ("mag_", "flow_", "") for n in AUS]
    assert list(predictions[0]) == ["database", "subject", "clip", "method", "seed", *columns]
    assert {(row["method"], row["seed"]) for row in predictions} == {(METHOD, "0")}
    assert [[int(row[f"AU{n}"]) for n in AUS] for row in predictions] == [
        [clip.labels[n] for n in AUS] for clip in clips
    ]
    facts = json.loads((root / "run" / "run.json").read_text())
    assert facts["held_out"] == "gamma"
    assert set(facts["predicted"]) >= {"threads", "cpu_capability", "versions", "stores", "left_out"}
    store = Store(root / "cache/gamma/latents.h5", "latents")
    slots = [
        (clip.key, k)
        for clip in clips
        for k in (0, pseudo_apex(RECIPE.pseudo_apex, 0, PREDICTION, "gamma", clip.key))
    ]
    pairs = [store.read("latents", *slot).astype(float) for slot in slots]
    assert facts["predicted"]["latents_rms"] == pytest.approx(np.sqrt(np.mean(np.square(pairs))), rel=1e-3)
    assert run_folder.load_weights(root / "run")[1].items() <= facts.items()


def test_training_learns(tmp_path, narrow_resnets):
    """Loss falls, and unseen clips of another database are scored well above always-one's F1.

    At a higher rate and over more epochs the narrow ResNets learn what those of full width would in six.
    """
    for name in ("alpha", "beta", "gamma"):
        write_database(tmp_path, name, count=30)
    run(tmp_path, tmp_path, epochs=10, rate=5e-3, **RESNETS)
    log = rows_of(tmp_path / "log.csv")
    for head in ("loss_mag", "loss_flow"):
        assert float(log[-1][head]) < 0.5 * float(log[0][head])
    assert float(log[-1]["f1"]) > 0.8 > float(log[0]["f1"])
    predict(tmp_path, tmp_path / "cache", tmp_path / "manifests")
    predictions = rows_of(tmp_path / "predictions.csv")
    truth = np.array([[int(row[f"AU{n}"]) for n in AUS] for row in predictions])
    positive = np.array([[float(row[f"mag_AU{n}"]) > 0 for n in AUS] for row in predictions])
    f1 = 2 * (truth * positive).sum() / (truth.sum() + positive.sum())
    assert f1 > 2 * truth.sum() / (truth.sum() + truth.size) + 0.1


def test_same_seed_same_bytes_another_seed_others(root, tmp_path):
    torch.rand(3)  # the state of torch's generator before a training is of no consequence
    run(root, tmp_path / "again")
    assert content(tmp_path / "again") == content(root / "run")
    run(root, tmp_path / "seed1", seed=1)
    assert content(tmp_path / "seed1")[1] != content(root / "run")[1]


def test_a_quarter_of_the_memory_changes_no_bit(root, tmp_path, monkeypatch):
    """Clips beyond the share of the memory are read ahead from the stores, in each epoch again."""
    held = []
    real = ClipDataset.hold

    def hold(self, device):
        real(self, device)
        held.append((self.held_count, len(self)))

    monkeypatch.setattr(ClipDataset, "hold", hold)
    clip_bytes = 3 * SIZE**2 * 4 + 6 * 32 * (SIZE // 4) ** 2 * 2
    monkeypatch.setattr("infusenet.devices.room", lambda device: 5 * clip_bytes + 1)
    run(root, tmp_path)
    assert held == [(5, 20)]
    assert content(tmp_path) == content(root / "run")


def test_resumed_training_equals_an_uninterrupted_one(root, tmp_path, monkeypatch):
    def dies_in_second_epoch(*args):
        if (tmp_path / "checkpoint.pt").exists():
            raise KeyboardInterrupt
        return REAL_EPOCH(*args)

    with monkeypatch.context() as patch:
        patch.setattr(training, "run_epoch", dies_in_second_epoch)
        patch.setattr(training, "CHECKPOINT_EVERY", 0)
        with pytest.raises(KeyboardInterrupt):
            run(root, tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()
    run(root, tmp_path)
    assert content(tmp_path) == content(root / "run")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("weights.safetensors", "log.csv", "tensorboard"),
        *(".weights.safetensors.sizes", ".weights.safetensors.sha256"),
    }


def interrupted(root, output, monkeypatch, **changes):
    """A run folder as a kill right after the first epoch leaves it, with an orphaned part file."""

    def killed(*args):
        raise KeyboardInterrupt

    def epoch(step, *args):
        step.optimizer.step()
        return {"loss_mag": 0.5, "loss_flow": 0.5, "f1": 0.0}

    with monkeypatch.context() as patch:
        patch.setattr(training, "run_epoch", epoch)
        patch.setattr(training, "write_log", killed)
        patch.setattr(training, "CHECKPOINT_EVERY", 0)
        with pytest.raises(KeyboardInterrupt):
            run(root, output, **changes)
    (output / ".checkpoint.pt.1.tmp").write_bytes(b"half")
    return output / "checkpoint.pt"


@pytest.mark.parametrize("wrote_precision", [True, False], ids=["this version", "the one before precisions"])
def test_the_epochs_before_a_checkpoint_are_not_trained_again(root, tmp_path, monkeypatch, wrote_precision):
    path = interrupted(root, tmp_path, monkeypatch)
    facts = run_folder.load_weights(root / "run")[1]
    if not wrote_precision:
        del facts["precision"]
        torch.save(torch.load(path, weights_only=True) | {"facts": digest(facts)}, path)
    assert torch.load(path, weights_only=True)["facts"] == digest(facts)
    run(root, tmp_path)
    assert {row["loss_mag"] for row in rows_of(tmp_path / "log.csv")} == {"0.5"}, "as made up above"


def test_a_checkpoint_of_other_settings_is_not_used(root, tmp_path, monkeypatch, capsys):
    interrupted(root, tmp_path, monkeypatch, rate=0.5)
    run(root, tmp_path)
    assert "made by another recipe, other inputs" in capsys.readouterr().err
    assert content(tmp_path) == content(root / "run")
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_precision_is_recorded_and_a_checkpoint_of_another_one_is_not_used(
    root, tmp_path, monkeypatch, capsys
):
    assert run_folder.load_weights(root / "run")[1]["precision"] == "float32", "auto on the CPU"
    run(root, tmp_path / "half", precision="bfloat16")
    predict(tmp_path / "half", root / "cache", root / "manifests")
    facts = json.loads((tmp_path / "half" / "run.json").read_text())
    assert (facts["precision"], facts["predicted"]["precision"]) == ("bfloat16", "float32")
    losses = [rows_of(folder / "log.csv")[-1]["loss_mag"] for folder in (root / "run", tmp_path / "half")]
    assert losses[0] != losses[1]
    assert float(losses[1]) == pytest.approx(float(losses[0]), rel=0.05)
    interrupted(root, tmp_path / "other", monkeypatch, precision="bfloat16")
    run(root, tmp_path / "other")
    assert "made by another recipe, other inputs or another environment" in capsys.readouterr().err
    assert content(tmp_path / "other") == content(root / "run")
    with pytest.raises(InputError, match="precision is tf32, which only CUDA has"):
        run(root, tmp_path, precision="tf32")


def test_a_damaged_checkpoint_is_not_used(root, tmp_path, monkeypatch, capsys):
    path = interrupted(root, tmp_path, monkeypatch)
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    run(root, tmp_path)
    assert "damaged, training starts from the first epoch" in capsys.readouterr().err
    assert content(tmp_path) == content(root / "run")


def held(output):
    """The lock of another training, alive, in the same folder."""
    output.mkdir(exist_ok=True)
    other = Lock(output / "weights.safetensors")
    other.acquire()
    return other


def test_a_training_waits_for_another_one_in_its_folder(root, tmp_path, monkeypatch, capsys):
    """It takes what the other one made if that is the same, and else trains over it."""
    other = held(tmp_path)

    def waits(seconds):
        for path in (root / "run/weights.safetensors", root / "run/log.csv"):
            shutil.copy2(path, tmp_path)
        other.release()

    monkeypatch.setattr("infusenet.store.lock.time.sleep", waits)
    run(root, tmp_path)
    assert "being built by pid" in capsys.readouterr().err
    times = [(folder / "log.csv").stat().st_mtime_ns for folder in (tmp_path, root / "run")]
    assert times[0] == times[1], "the other one's, and no curves of a training beside it"
    assert not (tmp_path / "tensorboard").exists()
    other = held(tmp_path)
    run(root, tmp_path, epochs=1)
    assert len(rows_of(tmp_path / "log.csv")) == 1
    assert run_folder.load_weights(tmp_path)[1]["recipe"]["epochs"] == 1


@pytest.mark.parametrize("every", [0, 1000], ids=["before a checkpoint", "before the weights"])
def test_a_training_that_lost_its_lock_publishes_nothing(root, tmp_path, monkeypatch, every):
    def robbed(*args):
        Lock(tmp_path / "weights.safetensors").path.unlink()
        held(tmp_path)
        return REAL_EPOCH(*args)

    monkeypatch.setattr(training, "run_epoch", robbed)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", every)
    with pytest.raises(InputError, match="lost its lock to pid"):
        run(root, tmp_path, epochs=1)
    assert {path.name for path in tmp_path.iterdir()} == {".weights.safetensors.lock", "tensorboard"}


def test_training_never_opens_the_held_out_database(root, tmp_path):
    for part in ("cache", "manifests"):
        shutil.copytree(root / part, tmp_path / part)
    for path in (tmp_path / "cache" / "gamma").glob("*.h5"):
        path.write_bytes(b"not a store")
    (tmp_path / "manifests" / "gamma.csv").write_text("not a manifest")
    run(tmp_path, tmp_path / "corrupt")
    assert content(tmp_path / "corrupt") == content(root / "run")
    shutil.rmtree(tmp_path / "cache" / "gamma")
    (tmp_path / "manifests" / "gamma.csv").unlink()
    run(tmp_path, tmp_path / "absent", databases=["beta", "alpha", "gamma"])
    assert content(tmp_path / "absent") == content(root / "run")
    with pytest.raises(InputError, match="gamma/flow.h5: no such store"):
        predict(tmp_path / "absent", tmp_path / "cache", tmp_path / "manifests")


def test_a_clip_s_score_does_not_depend_on_the_other_clips(root, tmp_path):
    """Scored among six clips, a clip has the logits that it has among ten."""
    write_database(tmp_path, "gamma", count=6)
    predict(root / "run", tmp_path / "cache", tmp_path / "manifests", tmp_path / "predictions.csv")
    few, all_of_them = rows_of(tmp_path / "predictions.csv"), rows_of(root / "run" / "predictions.csv")
    logits = [name for name in few[0] if "_AU" in name]
    assert [[row[n] for n in logits] for row in few] == [[row[n] for n in logits] for row in all_of_them[:6]]


def test_released_preset_trains_and_predicts(root, tmp_path):
    run(root, tmp_path, preset="released", epochs=1, **RESNETS)
    predict(tmp_path, root / "cache", root / "manifests")
    assert len(rows_of(tmp_path / "predictions.csv")) == 10
    assert "frame_flow.fc.weight" not in run_folder.load_weights(tmp_path)[0]


def test_stores_of_another_recipe_are_refused_by_both(root, tmp_path):
    write_database(tmp_path, "gamma", recipes=RECIPES | {"latents": RECIPES["latents"] | {"factor": 20}})
    write_database(tmp_path, "alpha")
    with pytest.raises(InputError, match="latents.h5: factor is 20, expected 10"):
        run(tmp_path, tmp_path / "run", held_out="alpha", databases=["gamma"])
    with pytest.raises(InputError, match="latents.h5: factor is 20, expected 10"):
        predict(root / "run", tmp_path / "cache", tmp_path / "manifests")


def test_user_errors(root, tmp_path):
    with pytest.raises(InputError, match="train this run first"):
        predict(tmp_path, root / "cache", root / "manifests")
    (tmp_path / "weights.safetensors").write_bytes(content(root / "run")[0][:1000])
    with pytest.raises(InputError, match="weights.safetensors: damaged"):
        predict(tmp_path, root / "cache", root / "manifests")
    with pytest.raises(InputError, match="training diverged"):
        run(root, tmp_path / "wild", rate=1e30)
    with pytest.raises(InputError, match="the recipe is for method 'late_fusion'"):
        run(root, tmp_path, method="late_fusion")
