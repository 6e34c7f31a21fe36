"""Models: infusion, presets, parameter counts, initial weights."""

from urllib.error import URLError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from synthetic import RECIPE
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.models import ResNet18_Weights, resnet18

from infusenet import models
from infusenet.errors import InputError
from infusenet.models.infusion import BLOCKS, SCOPES, Infusion, minmax, preset
from infusenet.models.resnet import FrameFlow, FrameMag


def build(seed=0, **changes):
    torch.manual_seed(seed)
    return models.create(RECIPE | changes)


def batch(clips=3, size=64):
    generator = torch.Generator().manual_seed(1)
    return {
        "flow": torch.rand(clips, 3, size, size, generator=generator),
        "latents": torch.rand(clips, 64, size // 4, size // 4, generator=generator),
    }


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_those_of_the_two_published_networks():
    model = build()
    assert count(model.frame_flow) == count(FrameFlow()) == 11_182_668
    assert count(model.frame_mag) == 11_173_132
    assert count(model) == 11_182_668 + 11_173_132
    # One head less: as released, without the magnifier and without the head that is never used.
    assert count(build(preset="released")) == 22_535_804 - 108_336 - 77_824


@given(st.sampled_from(SCOPES), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_minmax_spans_zero_to_one_over_its_scope(scope, seed, scale):
    map = scale * torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(seed))
    dims = {"sample": (1, 2, 3), "channel": (2, 3), "batch": (0, 1, 2, 3)}[scope]
    result = minmax(map, scope)
    assert torch.equal(result.amin(dims), torch.zeros_like(result.amin(dims)))
    torch.testing.assert_close(result.amax(dims), torch.ones_like(result.amax(dims)))
    expected = torch.stack([(m - m.min()) / (m.max() - m.min()) for m in map])
    if scope == "sample":
        torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("scope", SCOPES)
def test_minmax_of_a_constant_map_is_zero_with_finite_gradient(scope):
    map = torch.full((2, 3, 4, 4), 0.7, requires_grad=True)
    result = minmax(map, scope)
    result.sum().backward()
    assert not result.any()
    assert map.grad.isfinite().all()


def test_detach_keeps_the_gradient_out_of_the_flow():
    for detach in (False, True):
        mag, flow = (torch.rand(1, 2, 3, 3, requires_grad=True) for _ in range(2))
        (Infusion(detach=detach)(mag, flow) ** 2).sum().backward()
        assert mag.grad.abs().sum() > 0
        assert (flow.grad is None) == detach


def test_forward_is_the_paper_s_equations_written_out():
    model, inputs = build().eval(), batch()
    flow_net, mag_net = model.frame_flow, model.frame_mag
    flow = flow_net.maxpool(torch.relu(flow_net.bn1(flow_net.conv1(inputs["flow"]))))
    mag = inputs["latents"]
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        flow, mag = getattr(flow_net, layer)(flow), getattr(mag_net, layer)(mag)
        low, high = (f(flow.flatten(1), 1)[:, None, None, None] for f in (torch.amin, torch.amax))
        mag = mag * (flow - low) / (high - low)
    heads = model(**inputs)
    torch.testing.assert_close(heads["mag"], mag_net.fc(mag.mean((2, 3))))
    torch.testing.assert_close(heads["flow"], flow_net.fc(flow.mean((2, 3))))


def test_maps_after_infusion_can_be_hooked():
    model, seen = build().eval(), {}
    for name in BLOCKS:
        module = model.get_submodule(f"infusions.{name}")
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape)}))
    model(**batch(2))
    assert seen == {
        "block1": (2, 64, 16, 16), "block2": (2, 128, 8, 8),
        "block3": (2, 256, 4, 4), "block4": (2, 512, 2, 2),
    }  # fmt: skip


def test_only_the_released_preset_lets_batch_mates_change_a_score():
    inputs = batch(4)
    inputs["flow"][1:] *= 10
    alone = {name: value[:1] for name, value in inputs.items()}
    for name, depends in (("paper", False), ("released", True)):
        model = build(preset=name).eval()
        with torch.no_grad():
            difference = (model(**inputs)["mag"][:1] - model(**alone)["mag"]).abs().max().item()
        assert (difference > 1e-4) == depends
        assert (model.scoring_batch == 1) != depends


def test_released_preset_shares_one_head_and_infuses_the_pooled_vector():
    model, inputs = build(preset="released").eval(), batch()
    pooled = {}
    for name in ("frame_flow", "frame_mag"):
        getattr(model, name).avgpool.register_forward_hook(
            lambda _, __, out, name=name: pooled.update({name: out.flatten(1)})
        )
    heads = model(**inputs)
    flow, mag, head = pooled["frame_flow"], pooled["frame_mag"], model.frame_mag.fc
    torch.testing.assert_close(heads["flow"], head(flow))
    torch.testing.assert_close(heads["mag"], head(mag * (flow - flow.min()) / (flow.max() - flow.min())))


@pytest.mark.parametrize("name", ["paper", "released"])
def test_gradients_reach_every_parameter(name):
    model = build(preset=name).train()
    heads = model(**batch())
    sum(binary_cross_entropy_with_logits(h, torch.ones_like(h)) for h in heads.values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_raw_latents_are_pooled_by_the_model_as_the_store_would():
    torch.manual_seed(0)
    raw, pooled = FrameMag("raw").eval(), FrameMag("pooled").eval()
    pooled.load_state_dict(raw.state_dict())
    latents = torch.randn(2, 64, 32, 32)
    stored = torch.nn.functional.max_pool2d(torch.relu(latents), 3, 2, 1)
    assert torch.equal(raw(latents), pooled(stored))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_file_start_both_networks(tmp_path, suffix):
    torch.manual_seed(5)
    state, path = resnet18().state_dict(), tmp_path / f"resnet18{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    model = build(weights=str(path))
    for network, skipped in ((model.frame_flow, ()), (model.frame_mag, ("conv1", "bn1"))):
        loaded = network.state_dict()
        for name, value in state.items():
            if name.split(".")[0] not in ("fc", *skipped):
                assert torch.equal(loaded[name], value), name
    assert model.frame_mag.fc.out_features == 12


def test_imagenet_weights_come_from_torchvision_s_enum(monkeypatch):
    torch.manual_seed(6)
    state = resnet18().state_dict()
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda self, **_: state)
    model = build(weights="imagenet")
    assert torch.equal(model.frame_flow.conv1.weight, state["conv1.weight"])
    assert torch.equal(model.frame_mag.layer1[0].conv1.weight, state["layer1.0.conv1.weight"])


def test_imagenet_without_a_network_says_what_to_do(monkeypatch):
    def offline(self, **_):
        raise URLError("no network")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", offline)
    with pytest.raises(InputError, match="resnet18-f37072fd.pth could not be fetched.*weights: FILE"):
        build(weights="imagenet")


def test_unfit_weights_are_refused(tmp_path):
    other, text = tmp_path / "other.pth", tmp_path / "text.pth"
    torch.save({"conv1.weight": torch.zeros(2, 2)}, other)
    text.write_text("not weights")
    with pytest.raises(InputError, match=r"not the weights of FrameFlow(.|\n)*missing layer4.1.bn2.bias"):
        build(weights=str(other))
    with pytest.raises(InputError, match="not a plain file of weights"):
        build(weights=str(text))
    with pytest.raises(InputError, match="no such file"):
        build(weights=str(tmp_path / "none.pth"))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match="did you mean 'infusenet_resnet18'"):
        build(method="infusenet_resnet")
    with pytest.raises(InputError, match="known: paper, released"):
        preset("papers")
    with pytest.raises(InputError, match="expected one of sample, channel, batch"):
        Infusion("clip")
