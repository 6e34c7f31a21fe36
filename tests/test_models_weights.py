"""Initial weights: of a file, of torchvision, of timm; refusals."""

from urllib.error import URLError

import pytest
import timm
import torch
from model_inputs import build
from safetensors.torch import save_file
from torchvision.models import ResNet18_Weights, resnet18

from infusenet.errors import InputError


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


def test_six_channels_take_the_weights_of_three(tmp_path):
    state, path = resnet18().state_dict(), tmp_path / "resnet18.pth"
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, path)
    loaded = build("infusenet_decoded", weights=str(path)).frame_mag.conv1.weight
    assert torch.equal(loaded, torch.cat([state["conv1.weight"]] * 2, 1) / 2)


TIMM = {
    "resnet10": "resnet10t.c3_in1k",
    "vit_tiny_flow": "tiny_vit_5m_224.dist_in22k_ft_in1k",
    "infusenet_vit": "tiny_vit_5m_224.dist_in22k_ft_in1k",
}


@pytest.mark.parametrize(("model", "name"), TIMM.items())
def test_imagenet_weights_of_timm_without_a_network_say_what_to_do(model, name, monkeypatch):
    def create(asked, pretrained=False, create=timm.create_model, **arguments):
        if pretrained:
            raise OSError("no network")
        return create(asked, **arguments)

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(InputError, match=f"timm/{name}/.* could not be fetched .no network.*weights: FILE"):
        build(model, weights="imagenet")


@pytest.mark.parametrize(("model", "name"), TIMM.items())
def test_imagenet_weights_of_timm_are_loaded(model, name, monkeypatch):
    published = timm.create_model(name)

    def create(asked, pretrained=False, create=timm.create_model, **arguments):
        return published if (asked, pretrained) == (name, True) else create(asked, **arguments)

    monkeypatch.setattr(timm, "create_model", create)
    network = build(model, weights="imagenet")
    network = network.frame_mag if model == "infusenet_vit" else network
    deep = "layer4.0.conv2.weight" if model == "resnet10" else "stages.3.blocks.1.mlp.fc2.weight"
    assert torch.equal(network.net.state_dict()[deep], published.state_dict()[deep])


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
