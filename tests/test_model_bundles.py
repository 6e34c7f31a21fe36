"""Bundles of trained models: the same network comes out, nothing wrong comes in, and no face or folder goes along."""

import json
import shutil
import tarfile
from dataclasses import replace

import pytest
import torch
from predictions import edit_facts
from tar_files import tar_of
from trained_runs import FACES, logits, recipe_with, write_run

from infusenet import cli
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.detection.model_sharing import describe, export_models, import_models
from infusenet.detection.trained_models import load_model, load_models
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.metrics import f1, positive
from infusenet.hashing import digest, file_digest
from infusenet.magnifier import load as load_magnifier
from infusenet.models.lbp_top import LBPTOP
from infusenet.protocol import AUS

NAMES = {"alpha_seed0.safetensors", "gamma_seed0.safetensors", "magnifier.safetensors", "model_card.json",
         "model_card.md", "bundle.json"}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory, narrow):
    """Two folds, as users have them; read-only."""
    root = tmp_path_factory.mktemp("runs")
    return [write_run(root, "gamma"), write_run(root, "alpha")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory, runs):
    """Their bundle as a folder; read-only."""
    output = tmp_path_factory.mktemp("shared") / "models"
    export_models(runs, output, licence="For members of the project.")
    return output


def test_the_networks_that_come_out_are_those_that_went_in(runs, shared, tmp_path):
    tar = tar_of(shared, tmp_path / "models.tar")
    import_models(tar, tmp_path / "unpacked")
    trained = [load_model(runs[1]), load_model(runs[0])]
    for path in (tar, shared, tmp_path / "unpacked"):
        models = load_models([path])
        assert list(map(logits, models)) == list(map(logits, trained))
        for model, original in zip(models, trained, strict=True):
            for name in ("title", "facts", "recipe", "faces", "training_databases"):
                assert getattr(model, name) == getattr(original, name)
            assert model.on_standins is True
            assert model.magnifier.read_bytes() == SHIPPED_WEIGHTS.read_bytes()
            assert not model.network.training
            assert model.card["licence"] == "For members of the project."
    assert trained[1].title == "InfuseNet (ResNet18), gamma held out, seed 0"
    assert trained[1].training_databases == {name: digest([name]) for name in ("alpha", "beta")}
    with pytest.raises(InputError, match="a bundle of 2 models, expected one"):
        load_model(tar)


def test_a_bundle_has_the_same_bytes_whatever_the_order_of_its_runs(runs, shared, tmp_path):
    for name, order in (("one.tar", runs), ("two.tar", runs[::-1])):
        export_models(order, tmp_path / name, licence="For members of the project.")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar}
    assert content == {path.name: path.read_bytes() for path in shared.iterdir()}
    assert content.keys() == NAMES


def test_a_bundle_names_no_folder_of_its_maker(narrow, tmp_path):
    initial = tmp_path / "private" / "start.safetensors"
    initial.parent.mkdir()
    initial.write_bytes(b"weights")
    recipe = replace(recipe_with(), weights=str(initial), weights_sha256=file_digest(initial))
    run = write_run(tmp_path, recipe=recipe)
    export_models([run], tmp_path / "models.tar")
    data = (tmp_path / "models.tar").read_bytes()
    assert str(tmp_path).encode() not in data
    assert b"start.safetensors" in data
    assert logits(load_model(tmp_path / "models.tar")) == logits(load_model(run))


def test_the_card_has_the_figures_of_the_predictions(runs, shared):
    card = json.loads((shared / "model_card.json").read_text())
    text = (shared / "model_card.md").read_text()
    for figure, run in zip(card["figures"], runs[::-1], strict=True):
        fold = read_run(run)
        expected = f1(fold.labels, positive(fold.score))
        assert [figure["f1"][f"AU{n}"]["f1"] for n in AUS] == pytest.approx(expected.tolist(), abs=1e-4)
        average = figure["f1"]["average"]
        assert average["f1"] == pytest.approx(expected.mean(), abs=1e-4)
        assert 0 <= average["low"] < average["f1"] < average["high"] <= 1
        assert (figure["held_out"], figure["clips"], figure["subjects"]) == (fold.held_out, 30, 4)
        assert f"{average['f1']:.3f} ({average['low']:.3f} to {average['high']:.3f})" in text
    assert "**Trained on synthetic stand-ins: says nothing about real faces.**" in text
    for words in (
        "Protocol: stand-ins, not CD6ME.",
        digest(["beta"]),
        "## Not for",
        "For members of the project.",
    ):
        assert words in text


def test_seeds_of_one_fold_and_runs_without_predictions(narrow, tmp_path):
    seeds = [write_run(tmp_path, seed=seed) for seed in (0, 1)]
    other = write_run(tmp_path, "alpha")
    (other / "predictions.csv").unlink()
    export_models([*seeds, other], tmp_path / "models")
    card = load_models([tmp_path / "models"])[0].card
    (figure,) = card["figures"]
    assert (figure["held_out"], figure["seeds"]) == ("gamma", [0, 1])
    assert len(card["models"]) == 3
    text = (tmp_path / "models/model_card.md").read_text()
    assert "To be filled in by the lab" in text
    (other / "run.json").unlink()
    export_models([other], tmp_path / "claimed", standins=True)
    assert "Not measured: no run had predictions." in (tmp_path / "claimed/model_card.md").read_text()
    with pytest.raises(InputError, match=r"nothing says .* synthetic stand-ins; run `infusenet predict`"):
        export_models([other], tmp_path / "unclaimed.tar")


def test_what_does_not_go_together_is_not_exported(runs, shared, tmp_path, narrow):
    with pytest.raises(InputError, match="models exists"):
        export_models(runs, shared)
    with pytest.raises(InputError, match=r"expected run folders: .*models is a bundle"):
        export_models([shared], tmp_path / "again")
    with pytest.raises(InputError, match=r"2 runs of gamma_seed0"):
        export_models([runs[0], shutil.copytree(runs[0], tmp_path / "copy")], tmp_path / "twice")
    real = write_run(tmp_path, "beta")
    edit_facts(real, standins=False)
    with pytest.raises(InputError, match="some of the runs were trained on synthetic stand-ins and some not"):
        export_models([runs[0], real], tmp_path / "mixed")
    unlabelled = write_run(tmp_path / "unlabelled", labels=1)
    with pytest.raises(InputError, match="no facts of its training clips and labels"):
        export_models([unlabelled], tmp_path / "unlabelled.tar")
    other = write_run(tmp_path, "alpha", recipe=recipe_with(preset="released"))
    with pytest.raises(
        InputError, match=r"models of different recipes.*: .*alpha/seed0: infusenet_resnet18 of another"
    ):
        export_models([runs[0], other], tmp_path / "other")
    assert not list(tmp_path.glob("*.tar"))


def test_a_magnifier_saved_by_torch_travels_as_safetensors(narrow, tmp_path):
    path = tmp_path / "magnifier.pth"
    torch.save({f"module.{name}": value for name, value in load_magnifier().state_dict().items()}, path)
    run = write_run(tmp_path, recipe=recipe_with(path))
    with pytest.raises(
        InputError, match=f"magnifier with sha256 {file_digest(path)}; give its file with --magnifier"
    ):
        load_model(run)
    with pytest.raises(InputError, match=f"expected {file_digest(path)}, the magnifier of "):
        load_model(run, magnifier=SHIPPED_WEIGHTS)
    export_models([run], tmp_path / "models.tar", magnifier=path)
    model = load_model(tmp_path / "models.tar")
    assert logits(model) == logits(load_model(run, magnifier=path))
    tensors = load_magnifier(model.magnifier).state_dict()
    assert all(torch.equal(value, tensors[name]) for name, value in load_magnifier(path).state_dict().items())
    assert model.magnifier.suffix == ".safetensors"


def test_a_run_of_other_facts_is_refused(narrow, tmp_path):
    run = write_run(tmp_path)
    edit_facts(run, labels="other")
    with pytest.raises(InputError, match=r"run.json: not of the training in weights.safetensors"):
        load_model(run)
    stores = {"alpha": {"flow": {"content": "", "source": {"faces_recipe": FACES}}}}
    stores["beta"] = {"flow": {"content": "", "source": {"faces_recipe": FACES | {"ecc": True}}}}
    other = write_run(tmp_path, seed=1, stores=stores)
    with pytest.raises(InputError, match=r"made from faces of different recipes.*: ecc is True and False"):
        load_model(other)


def test_support_vectors_of_another_number_than_their_weights_are_refused():
    state = {
        "support": torch.zeros(5, 11328, dtype=torch.int16),
        "dual": torch.zeros(4, 12, dtype=torch.float64),
    }
    with pytest.raises(RuntimeError, match="size mismatch for dual"):
        LBPTOP().load_state_dict(LBPTOP().state_dict() | state)


def test_from_the_command_line(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LICENCE").write_text("Ask us.\n")
    words = ["model", "export", *map(str, runs), "--output", "ours.tar", "--licence", "LICENCE"]
    assert cli.main(words) == 0
    assert cli.main([*words, "--onnx", "ours.onnx"]) == 1
    assert "--onnx takes one classifier, 2 runs are named" in capsys.readouterr().err
    assert cli.main(["model", "import", "ours.tar"]) == 0
    assert cli.main(["model", "info", "ours"]) == 0
    screen = capsys.readouterr().out
    for line in (
        "InfuseNet (ResNet18), alpha held out, seed 0",
        "ours: sound; give it to --model",
        f"database gamma{' ' * 13}{digest(['gamma'])}",
        "Trained on synthetic stand-ins: says nothing about real faces.",
        "licence                    Ask us.",
    ):
        assert f"{line}\n" in screen
    assert cli.main(["model", "import", "ours.tar"]) == 1
    assert capsys.readouterr().err == "infusenet: ours exists; remove it or give another name\n"
    assert f"\ndatabase alpha             {digest(['alpha'])}\n" in describe(runs[0])
