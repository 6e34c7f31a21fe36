"""The magnifier: names, shapes, exactness, checkpoints, training data and training."""

import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from infusenet.errors import InputError
from infusenet.magnifier import Magnifier, load, quality, scenes
from infusenet.magnifier import train as training
from infusenet.recipe import SHIPPED_WEIGHTS

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.fixture
def images():
    return 2 * torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0)) - 1


def test_names_and_shapes_are_the_released_checkpoints():
    weights = Magnifier().state_dict()
    residual = [f"{i}.conv{j}" for i in range(9) for j in (1, 2)]
    names = ["encoder.conv1", "encoder.conv2", "encoder.conv1_shape", "decoder.conv1", "decoder.conv2"]
    names += [f"encoder.resblks.{name}" for name in residual[:6]]
    names += [f"encoder.resblks_shape.{name}" for name in residual[:4]]
    names += [f"decoder.resblks.{name}" for name in residual]
    names += [f"manipulator.{name}.0.conv1" for name in ("convblks", "convblks_after", "resblks")]
    names += ["manipulator.resblks.0.conv2"]
    assert set(weights) == {f"{name}.weight" for name in names}
    special = {
        "encoder.conv1.weight": (16, 3, 7, 7),
        "encoder.conv2.weight": (32, 16, 3, 3),
        "manipulator.convblks.0.conv1.weight": (32, 32, 7, 7),
        "decoder.conv2.weight": (3, 32, 7, 7),
    }
    assert all(tuple(t.shape) == special.get(name, (32, 32, 3, 3)) for name, t in weights.items())


def test_parts_have_the_published_sizes(model, images):
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert counts == {"encoder": 108_336, "manipulator": 77_824, "decoder": 179_808}
    assert model.encoder(images).shape == (2, 32, 16, 20)
    assert model(images, images.flip(0), 10).shape == images.shape


@given(factor=st.floats(1, 50))
@settings(max_examples=20, deadline=None)
def test_the_difference_is_exactly_linear_in_factor_minus_one(model, factor):
    a, b = torch.randn(2, 1, 32, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.manipulator(a, b, factor), (factor - 1) * model.manipulator(a, b, 2))


def test_identical_frames_differ_by_exactly_zero(model, images):
    latents = model.encoder(images)
    assert not model.manipulator(latents, latents, 10).any()
    assert torch.equal(model(images, images, 10), model.decoder(latents))


def test_the_shipped_checkpoint_magnifies(model):
    """The training record's figures hold, and a motion doubled doubles its latent."""
    record = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    stated = record["figures"]["displacement px"]["0.25"]["gain uniform"]
    onset = quality.face()
    still, small, large = (onset.displaced(quality.uniform(d)) for d in (0, 0.1, 0.2))
    assert quality.gain(model, onset, quality.uniform(0.25), 10, local=False) == pytest.approx(
        stated, abs=0.1
    )
    assert stated > 7
    rms = [np.std(quality.difference(model, still, moved)) for moved in (small, large)]
    assert rms[1] / rms[0] == pytest.approx(2, rel=0.1)
    assert SHIPPED_WEIGHTS.stat().st_size <= 1.6e6
    assert all(t.dtype == torch.float32 for t in load_file(SHIPPED_WEIGHTS).values())


def test_the_gain_estimator_reads_true_displacements():
    onset = quality.face()
    still = onset.displaced(quality.uniform(0))
    uniform, bump = quality.uniform(0.25), quality.bump(0.25)
    assert quality.gains(still, onset.displaced(7 * uniform), uniform, 16, local=False) == pytest.approx(
        [7], rel=0.01
    )
    brighter = 0.9 * onset.displaced(7 * bump) + 0.02
    assert quality.gains(still, brighter, bump, 16, local=True) == pytest.approx(4 * [7], rel=0.02)


@pytest.mark.parametrize("form", ["safetensors", "pth", "module.pth"])
def test_every_form_of_checkpoint_loads(tmp_path, model, form):
    weights = model.state_dict()
    path = tmp_path / f"weights.{form}"
    if form == "safetensors":
        save_file(weights, path)
    else:
        prefix = "module." if form == "module.pth" else ""
        torch.save({prefix + name: tensor for name, tensor in weights.items()}, path)
    assert all(torch.equal(t, weights[name]) for name, t in load(path).state_dict().items())


class Payload:
    def __reduce__(self):
        return (open, ("ran", "w"))


def test_malformed_checkpoints_are_refused_by_name(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = model.state_dict()
    first, *rest = weights

    def refused(content, match, name="x.pth"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            torch.save(content, path)
        with pytest.raises(InputError, match=match) as error:
            load(path)
        assert str(path) in str(error.value)

    refused({name: weights[name] for name in rest}, f"missing {first}")
    refused(weights | {"texture.weight": weights[first]}, "unexpected texture.weight")
    refused(weights | {first: torch.zeros(16, 1, 7, 7)}, rf"{first} has shape \(16, 1, 7, 7\), expected")
    refused(weights | {first: weights[first] * float("nan")}, f"{first} is not finite")
    refused([1, 2], "no state dict")
    refused(weights | {"payload": Payload()}, "not a plain file of weights")
    refused(pickle.dumps(Payload(), protocol=2), "not a plain file of weights")
    refused(b"", "not a plain file of weights")
    refused(b"\x00" * 40, "not a plain file of weights", name="x.safetensors")
    refused(None, "not found", name="absent.pth")
    assert not (tmp_path / "ran").exists()


def test_the_two_faces_are_not_in_the_training_data():
    assert not {"astronaut", "grace_hopper"} & set(scenes.PHOTOGRAPHS)
    assert all(name in scenes.DESCRIPTION for name in scenes.PHOTOGRAPHS)


@pytest.fixture(scope="module")
def supply():
    return scenes.Scenes(0, textures=5)


def test_scenes_follow_from_seed_and_step(supply):
    again = scenes.Scenes(0, textures=5)
    one, same, other = supply.batch(3, 2, 32), again.batch(3, 2, 32), supply.batch(4, 2, 32)
    assert torch.equal(one.a, same.a)
    assert torch.equal(one.magnified, same.magnified)
    assert not torch.equal(one.a, other.a)
    assert one.a.shape == (2, 3, 32, 32)
    assert one.magnified.abs().max() <= 1


def test_small_scene_motion_is_linear_in_the_factor(supply):
    """a + factor (b - a) is the magnified frame to first order: the motions are the same, scaled."""
    batch = supply.batch(0, 8, 32, reach=0.3, nuisance=0)
    linear = batch.a + batch.factor * (batch.b - batch.a)
    error, motion = ((x - batch.magnified).abs().mean() for x in (linear, batch.a))
    assert motion > 1e-4
    assert error < 0.2 * motion


def test_brightness_changes_are_in_the_answer_once(supply):
    """Where nothing moves, the frame to be learnt is the changed frame b, not its magnification."""
    batch = supply.batch(0, 64, 16)
    clean = supply.batch(0, 64, 16, nuisance=0)
    still = (clean.a == clean.magnified).flatten(1).all(1)
    assert still.any()
    change = (batch.magnified - clean.magnified)[still].mean(dim=(1, 2, 3))
    assert change.abs().max() > 0.01
    assert (batch.b - clean.b)[still].mean(dim=(1, 2, 3)) == pytest.approx(change, abs=0.01)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(training, "BATCH", 2)
    monkeypatch.setattr(training, "SIZE", 16)
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setattr(training, "AUTOENCODER", 0.3)
    monkeypatch.setattr(training, "LATENT", 0.6)
    monkeypatch.setattr(scenes.Scenes.__init__, "__defaults__", (3,))
    monkeypatch.setattr(quality, "figures", lambda model: {"measured": "elsewhere"})


def test_training_is_deterministic_and_resumes_bit_for_bit(tmp_path, small, monkeypatch):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    training.train(one, steps=5, seed=3, device="cpu")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        calls = iter([training._loss] * 4 + [killed])
        patch.setattr(training, "_loss", lambda *args: next(calls)(*args))
        with pytest.raises(KeyboardInterrupt):
            training.train(two, steps=5, seed=3, device="cpu")
    assert not two.exists()
    training.train(two, steps=5, seed=3, device="cpu")
    assert one.read_bytes() == two.read_bytes()
    load(two)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == 2 * [".json"] + 2 * [".safetensors"] + 2 * [
        ".tensorboard"
    ]

    three = tmp_path / "three.safetensors"
    training.train(three, steps=5, seed=4, device="cpu")
    assert one.read_bytes() != three.read_bytes()


def test_training_refuses_what_it_cannot_do(tmp_path, small):
    with pytest.raises(InputError, match="safetensors"):
        training.train(tmp_path / "x.pth", steps=1)
    with pytest.raises(InputError, match="device is 'tpu'"):
        training.train(tmp_path / "x.safetensors", steps=1, device="tpu")
    torch.save({"settings": {"steps": 9}}, tmp_path / "x.resume.pt")
    with pytest.raises(InputError, match="another training|training with"):
        training.train(tmp_path / "x.safetensors", steps=1, device="cpu")
