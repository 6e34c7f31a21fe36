"""Every registered model: parameters, heads, gradients, independence of batch-mates, reloading."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from model_inputs import batch, build, recipe
from narrow import narrow_resnets
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from infusenet import models
from infusenet.errors import InputError
from infusenet.models.unfilled_parameters import UnfilledParameters

MAGNIFIER = 108_336 + 77_824  # encoder and manipulator: published counts hold them, cached latents do not
COUNTS = {
    ("lbp_top",): 0,
    ("off_apexnet",): 817_134,
    ("sssnet",): 1_351_564,
    ("resnet10",): 4_928_644,
    ("resnet18_flow",): 11_182_668,
    ("resnet18_mag",): 11_359_292 - MAGNIFIER,
    ("resnet34",): 21_290_828,
    ("resnet50",): 23_532_620,
    ("led",): 2_695_503,
    ("vit_tiny_flow", "tinyvit_5m"): 5_075_616,
    ("vit_tiny_flow", "tinyvit_21m"): 20_628_492,
    ("vit_tiny_flow", "patch16"): 5_526_732,
    ("vit_tiny_mag", "tinyvit_5m"): 5_242_288 - MAGNIFIER,
    ("vit_tiny_mag", "tinyvit_21m"): 20_777_740 - MAGNIFIER,
    ("vit_tiny_mag", "patch16"): 6_351_868 - MAGNIFIER,
    ("late_fusion",): 22_541_948 - MAGNIFIER,
    ("infusenet_vit", "tinyvit_5m"): 10_317_904 - MAGNIFIER,
    ("infusenet_vit", "tinyvit_21m"): 41_406_232 - MAGNIFIER,
    ("infusenet_vit", "patch16"): 11_878_600 - MAGNIFIER,
    ("infusenet_resnet18",): 22_541_960 - MAGNIFIER,
    ("infusenet_decoded",): 2 * 11_182_668 + 64 * 3 * 7 * 7,  # two ResNet18, one with six channels
    ("infusenet_finetuned",): 22_541_960,
}
# The 21M differs from the 5M in widths only; its parameters are counted, its runs would be slow.
CASES = [case for case in COUNTS if "tinyvit_21m" not in case]


def changes(case) -> dict:
    model, *variant = case
    form = "raw" if "patch16" in case else "pooled"
    return {"model": model, "form": form} | ({"variant": variant[0]} if variant else {})


def inputs_of(case, clips=3):
    return batch(case[0], clips, changes(case)["form"])


@pytest.fixture(scope="module")
def network(case):
    """The model of a case, away from its start, where some layers are zero and so stop a gradient.

    It is made once, because the tests of a case follow one another; none of them changes its parameters. A ResNet is
    narrow: at full width its parameters are counted here, and test_models.py and test_training.py run it.
    """
    with narrow_resnets():
        network = build(**changes(case))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def over(cases):
    return pytest.mark.parametrize("case", cases, ids="-".join, scope="module")


def test_every_model_is_tested():
    assert {model for model, *_ in COUNTS} == set(models.MODELS)


@over(COUNTS)
def test_parameters_are_those_published(case):
    size = {"size": 224} if "vit" in case[0] else {}  # its tables of positions grow with the image
    with UnfilledParameters():
        model = build(**changes(case), **size)
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[case]


@over(CASES)
def test_logits_of_each_head_do_not_depend_on_batch_mates(case, network):
    model, inputs = network.eval(), inputs_of(case)
    if hasattr(model, "fit"):
        model.fit(inputs, torch.eye(3, 12))
    alone = {name: value[:1] for name, value in inputs.items()}
    with torch.no_grad():
        together, single = model(**inputs), model(**alone)
    assert model.heads == tuple(together) == tuple(head.name for head in models.MODELS[case[0]].heads)
    for head, logits in together.items():
        assert logits.shape == (3, 12)
        assert logits.dtype == torch.float32
        assert logits.std(0).min() > 0 or case == ("lbp_top",)
        torch.testing.assert_close(logits[:1], single[head], rtol=1e-3, atol=1e-5)


@over([case for case in CASES if case != ("lbp_top",)])
def test_gradients_reach_every_parameter(case, network):
    model = deepcopy(network).train()
    heads = model(**inputs_of(case, clips=4))
    sum(binary_cross_entropy_with_logits(h, torch.ones_like(h)) for h in heads.values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@over(CASES)
def test_saved_weights_give_the_same_logits_in_a_new_model(case, network, tmp_path, narrow_resnets):
    model, inputs = network, inputs_of(case)
    if hasattr(model, "fit"):
        model.fit(inputs, torch.eye(3, 12))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    generator = torch.get_rng_state()
    with UnfilledParameters():
        other = models.create(recipe(**changes(case)))
    assert torch.equal(torch.get_rng_state(), generator), "a restored model draws nothing"
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        logits, reloaded = model.eval()(**inputs), other.eval()(**inputs)
    assert all(torch.equal(logits[head], reloaded[head]) for head in model.heads)


BACKBONES = [case for case in CASES if case[0].startswith(("resnet", "vit"))]


@over(BACKBONES)
def test_blocks_of_a_backbone_can_be_hooked(case, network):
    model, seen = network.eval(), []
    hooks = [block.register_forward_hook(lambda _, __, out: seen.append(out)) for block in model.blocks]
    logits = model(**inputs_of(case))[model.heads[0]]
    for hook in hooks:
        hook.remove()
    assert len(seen) == 4
    assert torch.equal(model.fc(model.pool(seen[3])), logits)


@over([("resnet10",)])
def test_resnet10_is_timm_s(network):
    model, inputs = network.eval(), batch("resnet10")
    assert torch.equal(model(**inputs)["flow"], model.net(inputs["flow"]))


@pytest.mark.parametrize("model", ["off_apexnet", "sssnet", "led"])
def test_networks_of_one_size_refuse_another(model):
    with pytest.raises(InputError, match=f"{model}: size is 32, expected (28|64)"):
        build(model, size=32)
    with pytest.raises(InputError, match=f"{model}: weights is 'imagenet', expected none"):
        build(model, weights="imagenet")


def test_off_apexnet_ignores_the_strain():
    model, inputs = build("off_apexnet").eval(), batch("off_apexnet")
    other = inputs["flow"].clone()
    other[:, 2] = 0
    assert torch.equal(model(**inputs)["flow"], model(flow=other)["flow"])


def test_unknown_models_list_the_known_ones():
    with pytest.raises(InputError, match="did you mean 'infusenet_resnet18'"):
        models.create(replace(recipe("infusenet_resnet18"), model="infusenet_resnet"))
