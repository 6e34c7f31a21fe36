"""The magnifier: names, shapes, exactness and checkpoints."""

import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.errors import InputError
from infusenet.magnifier import Magnifier, load, quality

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
    """Ten times is near ten times, and a motion doubled doubles its latent."""
    onset = quality.face()
    still, small, large = (onset.displaced(quality.uniform(d)) for d in (0, 0.1, 0.2))
    assert quality.gain(model, onset, quality.uniform(0.1), 10, local=False) == pytest.approx(10, rel=0.15)
    rms = [np.std(quality.difference(model, still, moved)) for moved in (small, large)]
    assert rms[1] / rms[0] == pytest.approx(2, rel=0.1)
    assert SHIPPED_WEIGHTS.stat().st_size <= 1.6e6
    assert all(t.dtype == torch.float32 for t in load_file(SHIPPED_WEIGHTS).values())
    record = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    assert {"command", "steps", "seed", "data", "hardware"} <= set(record)


def test_both_shipped_checkpoints_load_by_name(model):
    same, first = (load(name).state_dict() for name in ("v2", "v1"))
    assert all(torch.equal(tensor, same[name]) for name, tensor in model.state_dict().items())
    assert not torch.equal(first["decoder.conv2.weight"], same["decoder.conv2.weight"])


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
