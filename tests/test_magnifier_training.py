"""Training the magnifier: its scenes, its losses, and a training that resumes bit for bit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from skimage import data

from infusenet.errors import InputError
from infusenet.experiments import magnifier_bench
from infusenet.hashing import file_digest
from infusenet.magnifier import Magnifier, basis, load, losses, scenes, textures, training
from infusenet.magnifier.initialisation import start
from infusenet.magnifier.nuisances import Light
from infusenet.magnifier.random_draws import Draw

torch.set_num_threads(1)


def test_every_photograph_is_free_of_rights_and_none_is_a_face_of_the_bench():
    for name in textures.PHOTOGRAPHS:
        words = " ".join(getattr(data, name).__doc__.split())
        assert any(free in words for free in ("CC0", "public domain")), name
        assert name in scenes.DESCRIPTION
    assert not {"astronaut", "grace_hopper"} & set(textures.PHOTOGRAPHS)
    assert not set(magnifier_bench.known_motion.PHOTOGRAPHS) & set(textures.PHOTOGRAPHS)


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
    batch = supply.batch(0, 8, 32, reach=0.5, nuisance=0)
    linear = batch.a + batch.factor * (batch.b - batch.a)
    error, motion = ((x - batch.magnified).abs().mean() for x in (linear, batch.a))
    assert motion > 1e-4
    assert error < 0.2 * motion
    # So is the derivative: all of the motion is one unit of it.
    along = batch.a + batch.slope
    assert (along - batch.magnified).abs().mean() < 0.2 * motion


def test_light_is_in_the_answer_once_and_not_in_the_clean_frames(supply):
    """Where nothing moves, the frame to be learnt is the changed frame b, not its magnification."""
    batch = supply.batch(0, 64, 16)
    still = (batch.clean_a == batch.clean_b).flatten(1).all(1)
    assert 0 < still.sum() < 64
    change = (batch.magnified - batch.clean_a)[still].mean(dim=(1, 2, 3))
    assert change.abs().max() > 0.01
    assert (batch.b - batch.clean_b)[still].mean(dim=(1, 2, 3)) == pytest.approx(change, abs=0.01)


def test_light_stays_what_it_is_where_its_amount_is_zero():
    frames = torch.rand(4, 3, 8, 8)
    assert torch.allclose(Light(Draw(0, 0), 4, 8, 0.0)(frames), frames)
    changed = Light(Draw(0, 0), 64, 8, 1.0)(frames[:1].expand(64, 3, 8, 8))
    share = (changed != frames[:1]).flatten(1).any(1).float().mean()
    assert 0.3 < share < 0.7


def test_the_right_answer_has_no_loss(supply):
    batch = supply.batch(1, 8, 32)
    assert losses.frame(batch.magnified, batch).max() == 0
    assert losses.gain(batch.magnified, batch).max() == 0
    trivial = losses.frame(batch.b, batch)
    assert ((trivial > 0) & (trivial <= np.log(2) + 1e-6)).any()


def test_the_gain_loss_reads_missing_and_surplus_motion(supply):
    batch = supply.batch(2, 8, 32, nuisance=0)
    moving = losses.gain(batch.magnified - batch.slope, batch) > 0.6
    assert moving.any()
    for share in (0.3, -0.3):
        found = losses.gain(batch.magnified + share * batch.slope, batch)[moving]
        assert found == pytest.approx(0.3 * np.ones(len(found)), abs=0.15)


def test_fidelity_counts_what_is_not_motion(supply):
    """Blind to motion itself and to the latents' scale; noise, and energy where nothing moves, count."""
    batch = supply.batch(0, 64, 32, nuisance=0)
    change = batch.clean_b - batch.clean_a
    latent = torch.nn.functional.max_pool2d(change.abs(), 4).repeat(1, 11, 1, 1)[:, :32]
    noise = 0.01 * torch.randn(latent.shape, generator=torch.Generator().manual_seed(0))
    right = losses.fidelity(latent, latent, batch)
    wrong = losses.fidelity(latent + noise, latent, batch)
    assert right.max() < 0.05
    assert (wrong > right).all()
    assert torch.allclose(losses.fidelity(7 * (latent + noise), 7 * latent, batch), wrong, atol=1e-3)
    still = (change == 0).flatten(1).all(1)
    assert wrong[still].min() > wrong[~still].median()


def test_training_starts_as_a_magnifier_whose_difference_leaves_light_out():
    """The start passes motion's detail and little of a brightness change, before any step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Magnifier()
    start(model)
    photograph = torch.from_numpy(data.chelsea()[60:124, 120:184] / 127.5 - 1).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        a, lit, moved = (
            model.encoder(x) for x in (photograph, photograph + 0.1, photograph.roll(1, dims=-1))
        )
        light, motion = (model.manipulator(a, b, 2)[..., 8:-8, 8:-8] for b in (lit, moved))
    assert light.std() < 0.1 * motion.std()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(training, "SIZES", {"cpu": (5, 2, 32), "cuda": (5, 2, 32)})
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setattr(training, "LOG_EVERY", 2)
    monkeypatch.setattr(training, "LINEAR", replace(training.LINEAR, autoencoder=0.3))
    monkeypatch.setattr(training, "READING_BATCHES", 4)
    monkeypatch.setattr(basis, "FIT_STEPS", 3)
    monkeypatch.setattr(basis, "MIX_STEPS", 3)
    monkeypatch.setattr(scenes.Scenes.__init__, "__defaults__", ("cpu", 3))


def record(model):
    """In place of the bench, which takes minutes."""
    assert not model.training
    return magnifier_bench.nested([magnifier_bench.Figure("Gain", "0.1 px", "factor 10", 9.87654)])


def test_training_is_deterministic_and_resumes_bit_for_bit(tmp_path, small, monkeypatch):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    training.train(one, record, seed=3, device="cpu")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        calls = iter([training._magnify] * 2 + [killed])
        patch.setattr(training, "_magnify", lambda *args: next(calls)(*args))
        with pytest.raises(KeyboardInterrupt):
            training.train(two, record, seed=3, device="cpu")
    assert not two.exists()
    training.train(two, record, seed=3, device="cpu")
    weights = [load(path).state_dict() for path in (one, two)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    assert sorted(path.suffix for path in tmp_path.iterdir()) == 2 * [".json"] + 2 * [".safetensors"] + 2 * [
        ".tensorboard"
    ]

    three = tmp_path / "three.safetensors"
    training.train(three, record, seed=4, device="cpu")
    other = load(three).state_dict()
    assert not all(torch.equal(tensor, other[name]) for name, tensor in weights[0].items())


def test_tuning_resumes_bit_for_bit_and_says_what_it_started_from(tmp_path, small, monkeypatch):
    """The decoder alone is trained, and the difference latent is made readable at the end."""
    initial, one, two = (tmp_path / f"{name}.safetensors" for name in ("initial", "one", "two"))
    training.train(initial, record, seed=3, device="cpu")
    training.train(one, record, seed=4, device="cpu", initial=initial)
    tune, calls = training._tune, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return tune(*args)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_tune", killed)
        with pytest.raises(KeyboardInterrupt):
            training.train(two, record, seed=4, device="cpu", initial=initial)
    training.train(two, record, seed=4, device="cpu", initial=initial)
    first, second, before = (load(path).state_dict() for path in (one, two, initial))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert torch.equal(first["encoder.conv1.weight"], before["encoder.conv1.weight"])
    assert not torch.equal(first["decoder.conv2.weight"], before["decoder.conv2.weight"])
    written = json.loads(one.with_suffix(".json").read_text())
    assert written["command"].startswith(
        "infusenet magnifier train --initial initial.safetensors --output one."
    )
    assert written["initial"] == file_digest(initial)
    assert written["initial_record"]["seed"] == 3


def test_weights_carry_their_training_record(tmp_path, small):
    path = tmp_path / "x.safetensors"
    training.train(path, record, steps=2, seed=7, device="cpu")
    with safe_open(path, "pt") as file:
        written = json.loads(file.metadata()["record"])
    assert written == json.loads(path.with_suffix(".json").read_text())
    assert written["command"] == "infusenet magnifier train --output x.safetensors --steps 2 --seed 7"
    assert (written["steps"], written["batch"], written["data"]) == (2, 2, scenes.DESCRIPTION)
    assert written["hardware"].startswith("cpu")
    assert written["bench"] == {"Gain": {"0.1 px": {"factor 10": 9.877}}}


def test_training_refuses_what_it_cannot_do(tmp_path, small):
    with pytest.raises(InputError, match="safetensors"):
        training.train(tmp_path / "x.pth", record, steps=1)
    with pytest.raises(InputError, match="device is 'tpu'"):
        training.train(tmp_path / "x.safetensors", record, steps=1, device="tpu")
    torch.save({"settings": {"steps": 9}}, tmp_path / "x.resume.pt")
    with pytest.raises(InputError, match="another training|training with"):
        training.train(tmp_path / "x.safetensors", record, steps=1, device="cpu")
