"""Grad-CAM: against the formula written out, on a network whose answer is known, and its share in a region."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_inputs import batch, build
from narrow import narrow_resnets
from synthetic import RECIPE, SIZE
from torch import nn
from torch.nn import functional

from infusenet import models
from infusenet.errors import InputError
from infusenet.models.infusion import minmax
from infusenet.protocol import AUS
from infusenet.report.gradcam import cam, cam_layers, inside_share, resolving_block

# By head and block. After the last one Grad-CAM's weights, the mean gradients, give the same map.
LAYERS = {
    ("mag", 4): "infusions.block4", ("flow", 4): "frame_flow.layer4",
    ("mag", 2): "infusions.block2", ("flow", 2): "frame_flow.layer2",
}  # fmt: skip


@pytest.fixture(scope="module")
def infusenet():
    """InfuseNet of narrow ResNets: the formula is that of any width."""
    torch.manual_seed(0)
    with narrow_resnets():
        return models.create(RECIPE).eval()


def inputs(size=SIZE):
    generator = torch.Generator().manual_seed(1)
    shapes = {"flow": (3, size, size), "latents": (64, size // 4, size // 4)}
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}


class Patch(nn.Module):
    """Its AU12 is what the image holds, its AU4 the opposite, all else is blank."""

    heads = ("flow",)

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(1, 1, 1, bias=False)])
        nn.init.ones_(self.blocks[0].weight)
        self.weights = torch.zeros(len(AUS)).scatter(0, torch.tensor([AUS.index(12), AUS.index(4)]), 1)
        self.weights[AUS.index(4)] = -1

    def forward(self, flow):
        return {"flow": self.blocks[0](flow).mean((2, 3)) * self.weights}


def test_map_lies_where_the_evidence_is():
    model = Patch()
    image = torch.zeros(1, 8, 8)
    image[:, 2:4, 4:6] = 1
    region = np.zeros((64, 64), bool)
    region[16:32, 32:48] = True
    found = cam(model, {"flow": image}, 12, cam_layers(model, 1), 64)
    assert found.shape == (64, 64)
    assert found.dtype == np.float32
    assert region[np.unravel_index(found.argmax(), found.shape)]
    assert inside_share(found, region) > 0.6
    # Evidence against an AU, and none at all, leave the map empty.
    assert not cam(model, {"flow": image}, 4, cam_layers(model, 1), 64).any()
    assert not cam(model, {"flow": image}, 1, cam_layers(model, 1), 64).any()


def definition(model, clip, layers, head, au, size, mean_weights):
    """ReLU of the sum over channels of map times gradient, from 0 to 1 and resized; of several layers the mean."""
    kept, hooks = [], []
    for layer in layers:
        hooks.append(layer.register_forward_hook(lambda module, args, output: kept.append(output)))
    logits = model(**{name: value[None] for name, value in clip.items()})[head]
    for hook in hooks:
        hook.remove()
    parts = []
    for output, weight in zip(kept, torch.autograd.grad(logits[0, AUS.index(au)], kept), strict=True):
        weight = weight.mean((2, 3), keepdim=True) if mean_weights else weight
        support = minmax(functional.relu((weight * output).sum(1, keepdim=True)), "sample")
        parts.append(functional.interpolate(support, (size, size), mode="bilinear"))
    return minmax(sum(parts) / len(parts), "sample")[0, 0].detach()


@pytest.mark.parametrize(("head", "block"), LAYERS)
def test_map_is_that_of_the_formula(infusenet, head, block):
    layers, clip, empty = [infusenet.get_submodule(LAYERS[head, block])], inputs(64), []
    for au in AUS:
        found = cam(infusenet, clip, au, layers, 20, head)
        expected = definition(infusenet, clip, layers, head, au, 20, mean_weights=block == 4)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        empty.append(not found.any())
    assert not all(empty)


def test_maps_of_two_networks_are_averaged_each_from_0_to_1(narrow_resnets):
    model = build("late_fusion").eval()
    clip = {name: values[0] for name, values in batch("late_fusion").items()}
    layers = cam_layers(model, 2)
    assert len(layers) == 2
    expected = definition(model, clip, layers, "fused", 12, 20, mean_weights=False)
    found = cam(model, clip, 12, layers, 20)
    assert found.any()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_tokens_are_no_map():
    model = build("vit_tiny_flow", variant="patch16")
    clip = {"flow": batch("vit_tiny_flow")["flow"][0]}
    with pytest.raises(InputError, match=r"shape \(1, 17, 192\), expected \(1, channels, height, width\)"):
        cam(model, clip, 12, cam_layers(model), 20)


def test_layers_by_kind_of_model(infusenet):
    """InfuseNet is hooked after the product: the map before it does not know the flow."""
    assert cam_layers(infusenet) == [infusenet.infusions["block4"]]
    flow, mag = infusenet.frame_flow, infusenet.frame_mag
    assert cam_layers(flow) == [flow.layer4]
    fused = nn.Module()
    fused.frame_flow, fused.frame_mag = flow, mag
    assert cam_layers(fused) == [flow.layer4, mag.layer4]
    fused.infusions = nn.ModuleDict({"block1": nn.Identity()})
    assert cam_layers(fused) == [mag.layer4]
    assert cam_layers(fused, 1) == [fused.infusions["block1"]]
    assert cam_layers(mag, 2) == [mag.layer2]


def test_the_last_block_that_resolves_a_face():
    assert [resolving_block(size) for size in (224, 223, 112, 64, 28)] == [4, 3, 3, 2, 1]


def test_a_map_leaves_no_gradient_and_no_hook(infusenet):
    cam(infusenet, inputs(), 12, cam_layers(infusenet), SIZE)
    assert all(parameter.grad is None for parameter in infusenet.parameters())
    assert not any(module._forward_hooks for module in infusenet.modules())


@given(arrays(np.float32, (6, 6), elements=st.floats(0, 1, width=32)), arrays(bool, (6, 6)))
def test_shares_of_a_region_and_of_the_rest_sum_to_one(values, region):
    share, rest = inside_share(values, region), inside_share(values, ~region)
    assert 0 <= share <= 1
    assert share + rest == (pytest.approx(1) if values.any() else 0)
