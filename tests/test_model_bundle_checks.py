"""Bundles of models from elsewhere: nothing wrong comes in, and a refused one leaves nothing behind."""

import json
import pickle
import shutil
import tarfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from tar_files import member, tar_of, tar_with
from trained_runs import logits, write_run

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.detection.model_sharing import export_models, import_models
from infusenet.detection.trained_models import load_models
from infusenet.errors import InputError
from infusenet.hashing import canonical, file_digest
from infusenet.training import run_folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory, narrow):
    """A bundle of two folds as a folder; read-only."""
    root = tmp_path_factory.mktemp("runs")
    export_models([write_run(root, "gamma"), write_run(root, "alpha")], root / "models")
    return root / "models"


@pytest.fixture
def folder(shared, tmp_path):
    """A bundle that a test may change."""
    return shutil.copytree(shared, tmp_path / "models")


def reindex(folder, change=lambda index: None):
    """Bring bundle.json's digests up to date, then edit it."""
    path = folder / "bundle.json"
    index = json.loads(path.read_text())
    index["files"] = {name: file_digest(folder / name) for name in index["files"]}
    change(index)
    path.write_text(json.dumps(index))


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


def with_source(facts, **changes):
    source = facts["stores"]["alpha"]["flow"]["source"] | changes
    return facts | {"stores": {"alpha": {"flow": {"content": "", "source": source}}}}


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
        (lambda f: reindex(f, lambda i: i.update(magnifier="0" * 64)), "seed0.safetensors reads latents of the magnifier "),
        (lambda f: reindex(f, lambda i: i["recipes"].update(faces={})), "seed0.safetensors has other recipes"),
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
        (lambda f: resave(f, facts=lambda v: with_source(v, faces_recipe=1)), "no facts of the data that it was"),
        (lambda f: resave(f, facts=lambda v: with_source(v, data=[])), "no facts of the data that it was"),
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
    path = tar_with(bad, shared, tmp_path / "bad.tar")
    with pytest.raises(InputError) as caught:
        import_models(path, tmp_path / "unpacked")
    assert expected in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_newer_pythons_refuse_a_size_below_0_in_the_same_words(shared, tmp_path, monkeypatch):
    """Python 3.13.6 and security releases of others take a member of such a size for the end of the ``.tar``."""

    def block(self, count, block=tarfile.TarInfo._block):
        if count < 0:
            raise tarfile.InvalidHeaderError("invalid offset")
        return block(self, count)

    monkeypatch.setattr(tarfile.TarInfo, "_block", block)
    path = tar_with(member("a_seed0.safetensors", size=-2048), shared, tmp_path / "bad.tar")
    with pytest.raises(InputError, match="'a_seed0.safetensors': a size below 0"):
        import_models(path, tmp_path / "unpacked")


@given(data=st.data())
@settings(max_examples=25)
def test_a_changed_header_is_refused_or_harmless(shared, tmp_path_factory, data):
    path = tar_of(shared, tmp_path_factory.getbasetemp() / "changed.tar")
    with tarfile.open(path) as tar:
        starts = [start for member in tar for start in range(member.offset, member.offset_data, 512)]
    content = bytearray(path.read_bytes())
    place = data.draw(st.sampled_from(starts)) + data.draw(st.integers(0, 511))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        models = load_models([path])
    except InputError:
        return
    assert list(map(logits, models)) == list(map(logits, load_models([shared])))


def test_a_cut_tar_is_refused(shared, tmp_path):
    path = tar_of(shared, tmp_path / "cut.tar")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"no readable .tar|missing|other bytes"):
        load_models([path])
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no readable .tar"):
        load_models([path])
