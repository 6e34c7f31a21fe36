"""Bundles of trained models: the same network comes out, nothing wrong comes in, and no face or folder goes along."""

import json
import pickle
import shutil
import tarfile
from dataclasses import replace

import pytest
import torch
from predictions import edit_facts
from safetensors.torch import save_file
from trained_runs import FACES, logits, recipe_with, write_run

from infusenet import cli
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.detection.model_sharing import describe, export_models, import_models
from infusenet.detection.trained_models import load_model, load_models
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.metrics import f1, positive
from infusenet.hashing import canonical, digest, file_digest
from infusenet.magnifier import load as load_magnifier
from infusenet.models.lbp_top import LBPTOP
from infusenet.training import run_folder

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


@pytest.fixture
def folder(shared, tmp_path):
    """A bundle that a test may change."""
    return shutil.copytree(shared, tmp_path / "models")


def tar_of(folder, path):
    with tarfile.open(path, "w") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    return path


def reindex(folder, change=lambda index: None):
    """Bring bundle.json's digests up to date, then edit it."""
    path = folder / "bundle.json"
    index = json.loads(path.read_text())
    index["files"] = {name: file_digest(folder / name) for name in index["files"]}
    change(index)
    path.write_text(json.dumps(index))


def test_the_networks_that_come_out_are_those_that_went_in(runs, shared, tmp_path):
    tar = tar_of(shared, tmp_path / "models.tar")
    import_models(tar, tmp_path / "unpacked")
    trained = [load_model(runs[1]), load_model(runs[0])]
    for path in (tar, shared, tmp_path / "unpacked"):
        models = load_models([path])
        assert list(map(logits, models)) == list(map(logits, trained))
        for model, original in zip(models, trained, strict=True):
            assert (model.title, model.recipe, model.faces) == (
                original.title,
                original.recipe,
                original.faces,
            )
            assert model.training_databases == original.training_databases
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
        assert [score["f1"] for score in list(figure["f1"].values())[:12]] == pytest.approx(
            expected, abs=1e-4
        )
        average = figure["f1"]["average"]
        assert average["f1"] == pytest.approx(expected.mean(), abs=1e-4)
        assert 0 <= average["low"] < average["f1"] < average["high"] <= 1
        assert (figure["held_out"], figure["clips"], figure["subjects"]) == (fold.held_out, 30, 4)
        assert f"{average['f1']:.3f} ({average['low']:.3f} to {average['high']:.3f})" in text
    assert "**Trained on synthetic stand-ins: no statement about real faces.**" in text
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


def resave(folder, tensors=lambda state: state, facts=lambda facts: facts, name="gamma_seed0.safetensors"):
    """Edit the weights in a bundle, with digests that fit."""
    state, old = run_folder.read_weights(folder / name, "")
    save_file(tensors(state), folder / name, metadata={"infusenet": canonical(facts(old))})
    reindex(folder)


def with_recipe(facts, **changes):
    return facts | {"recipe": facts["recipe"] | changes}


def with_stage(facts, **changes):
    stores = facts["recipe"]["stores"]
    flow = stores["flow"] | {"recipe": stores["flow"]["recipe"] | changes}
    return with_recipe(facts, stores=stores | {"flow": flow})


def rewrite(name, data):
    def change(folder):
        (folder / name).write_bytes(data)
        reindex(folder)

    return change


def flip(folder):
    data = bytearray((folder / "gamma_seed0.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "gamma_seed0.safetensors").write_bytes(data)


def link(folder):
    (folder / "magnifier.safetensors").unlink()
    (folder / "magnifier.safetensors").symlink_to(SHIPPED_WEIGHTS)


def truncate(folder):
    path = folder / "gamma_seed0.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    reindex(folder)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (flip, "gamma_seed0.safetensors: other bytes than were exported"),
        (truncate, "gamma_seed0.safetensors: damaged ("),
        (link, "magnifier.safetensors: a link, expected a plain file"),
        (lambda f: (f / "model_card.md").unlink(), "model_card.md: missing"),
        (lambda f: (f / "run.py").write_text("pass"), "run.py: not listed in bundle.json"),
        (lambda f: reindex(f, lambda i: i["files"].update({"../x": ""})), "bundle.json is not one that"),
        (lambda f: reindex(f, lambda i: i.update(models=[])), "bundle.json is not one that"),
        (lambda f: reindex(f, lambda i: i.update(standins="no")), "bundle.json is not one that"),
        (lambda f: reindex(f, lambda i: i.update(version=9)), "version 9, expected infusenet-model version 1"),
        (lambda f: reindex(f, lambda i: i.update(magnifier="0" * 64)), "not of the one inside"),
        (lambda f: reindex(f, lambda i: i["recipes"].update(faces={})), "has other recipes than bundle.json says"),
        (lambda f: (f / "bundle.json").write_text("[" * 100_000), "bundle.json is not one that"),
        (rewrite("model_card.json", b"null"), "model_card.json: not one that"),
        (rewrite("model_card.md", bytes(1 << 21)), "model_card.md: 2097152 bytes, expected at most 1048576"),
        (rewrite("gamma_seed0.safetensors", pickle.dumps(print)), "gamma_seed0.safetensors: damaged ("),
        (rewrite("magnifier.safetensors", pickle.dumps(print)), "magnifier.safetensors: not a plain file of weights"),
        (lambda f: resave(f, facts=lambda v: v | {"seed": 1}), "is of another held-out database or seed"),
        (lambda f: resave(f, facts=lambda v: {}), "no facts of a training inside"),
        (lambda f: resave(f, facts=lambda v: with_recipe(v, model="other")), "unknown model 'other'"),
        (lambda f: resave(f, facts=lambda v: with_recipe(v, threads="1")), "recipe.threads is '1', expected"),
        (lambda f: resave(f, facts=lambda v: with_recipe(v, threads=10**9)), "recipe.threads is 1000000000, expected"),
        (lambda f: resave(f, facts=lambda v: with_recipe(v, revision=7)), "revision 7 of infusenet_resnet18, here 1"),
        (lambda f: resave(f, facts=lambda v: with_stage(v, revision=7)), "revision 7 of flow, here 1"),
        (lambda f: resave(f, facts=lambda v: with_stage(v, stage=[])), "unknown stage '[]'"),
        (lambda f: resave(f, facts=lambda v: v | {"stores": {}}), "do not tell the recipe of their faces"),
        (lambda f: resave(f, lambda s: s | {"frame_mag.fc.bias": torch.zeros(3)}), "size mismatch for frame_mag.fc.bias"),
        (lambda f: resave(f, lambda s: s | {"more": torch.zeros(3)}), 'Unexpected key(s) in state_dict: "more"'),
        (lambda f: resave(f, lambda s: s | {"frame_mag.fc.bias": torch.full((12,), torch.nan)}), "bias is not finite"),
    ],
)  # fmt: skip
def test_nothing_wrong_comes_in(folder, damage, expected, narrow):
    damage(folder)
    before = set(folder.parent.rglob("*"))
    for path in (folder, tar_of(folder, folder.parent.parent / f"{folder.parent.name}.tar")):
        if path.is_file() and damage is link:
            expected = "'magnifier.safetensors': expected a plain file"
        if path.is_file() and expected.startswith("run.py"):
            expected = "'run.py': expected the files of a bundle"
        with pytest.raises(InputError) as caught:
            import_models(path, folder.parent / "unpacked")
        assert expected in str(caught.value)
    assert set(folder.parent.rglob("*")) == before


def member(name, **changes):
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (member("../x.safetensors"), "'../x.safetensors': expected the files of a bundle"),
        (member("/etc/a_seed0.safetensors"), "'/etc/a_seed0.safetensors': expected the files of a bundle"),
        (member("\x1b[2Ja_seed0.safetensors"), r"'\x1b[2Ja_seed0.safetensors': expected the files"),
        (member("model_card.md"), "'model_card.md': expected the files of a bundle, without folders, each once"),
        (member("a_seed0.safetensors", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "expected a plain file"),
        (member("a_seed0.safetensors", type=tarfile.FIFOTYPE), "'a_seed0.safetensors': expected a plain file"),
        (member("a_seed0.safetensors", size=5 << 30), "5368709120 bytes, expected at most 4294967296"),
        (member("a_seed0.safetensors", pax_headers={"size": "-2048"}), "'a_seed0.safetensors': a size below 0"),
    ],
)  # fmt: skip
def test_a_tar_cannot_reach_out(shared, tmp_path, bad, expected):
    path = tar_of(shared, tmp_path / "bad.tar")
    with tarfile.open(path, "a") as tar:
        tar.addfile(bad)
    with pytest.raises(InputError) as caught:
        import_models(path, tmp_path / "unpacked")
    assert expected in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_cut_tar_is_refused(shared, tmp_path):
    path = tar_of(shared, tmp_path / "cut.tar")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"no readable .tar|missing|other bytes"):
        load_models([path])
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no readable .tar"):
        load_models([path])


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
    assert cli.main(["model", "import", "ours.tar"]) == 0
    assert cli.main(["model", "info", "ours"]) == 0
    screen = capsys.readouterr().out
    for line in (
        "InfuseNet (ResNet18), alpha held out, seed 0",
        "ours: sound; give it to --model",
        f"database gamma{' ' * 13}{digest(['gamma'])}",
        "Trained on synthetic stand-ins: no statement about real faces.",
        "licence                    Ask us.",
    ):
        assert f"{line}\n" in screen
    assert cli.main(["model", "import", "ours.tar"]) == 1
    assert capsys.readouterr().err == "infusenet: ours exists; remove it or give another name\n"
    assert "trained on                 real databases\n" not in describe(runs[0])
