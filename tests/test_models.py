"""InfuseNet and its ResNets: infusion, presets, FrameMag's inputs; on narrow ResNets where any width will do."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_inputs import batch, build, recipe
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.models import resnet as torchvision_s
from torchvision.models import resnet18

from infusenet import magnifier
from infusenet.errors import InputError
from infusenet.models import infusion, resnet, resnet_blocks
from infusenet.models.backbone_base import LatentEntry
from infusenet.models.infusion import BLOCKS, SCOPES, Infusion, minmax, preset


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_a_seed_starts_from_the_weights_it_always_started_from():
    state = build().state_dict()
    assert len(state) == 238
    for name, first, norm in (
        ("frame_flow.conv1.weight", 0.001470700604841113, 2.4615891783261286),
        ("frame_mag.layer1.0.conv1.weight", -0.1507706642150879, 11.358972587181752),
        ("frame_mag.layer4.1.conv2.weight", -0.00320959254167974, 32.01645984945922),
        ("frame_mag.fc.weight", -0.027891946956515312, 2.001895000703218),
    ):
        assert state[name].flatten()[0].item() == pytest.approx(first)
        assert state[name].double().norm().item() == pytest.approx(norm)


@pytest.mark.parametrize("block", ["BasicBlock", "Bottleneck"])
def test_resnets_are_torchvision_s(block, monkeypatch):
    """A seed's weights, and the bits of outputs, gradients and running statistics."""
    layers = [1, 2, 1, 1]
    monkeypatch.setitem(resnet.DEPTHS, 18, (getattr(resnet_blocks, block), layers, None))

    def values(make, outputs_of):
        torch.manual_seed(3)
        network = make()
        outputs = outputs_of(network, torch.rand(2, 3, 40, 40))
        outputs.square().sum().backward()
        gradients = {f"gradient of {name}": value.grad for name, value in network.named_parameters()}
        return {"outputs": outputs, **network.state_dict(), **gradients}

    ours = values(resnet.Trunk, lambda network, images: network(image=images)["flow"])
    theirs = values(
        lambda: torchvision_s.ResNet(getattr(torchvision_s, block), layers, num_classes=12),
        lambda network, images: network(images),
    )
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("variant", ["infusenet_decoded", "infusenet_finetuned"])
def test_ablations_start_from_the_same_weights(variant, narrow_resnets):
    other = build(variant).state_dict()
    same = [name for name, value in build().state_dict().items() if torch.equal(value, other[name])]
    assert len(same) == 238


def test_released_preset_has_one_head():
    # As published, without the magnifier and without the second head, which is never used.
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


def test_minmax_of_a_vector_keeps_clips_apart_in_every_scope_but_batch():
    vectors = torch.tensor([[0.0, 1, 2], [10, 20, 30]])
    expected = torch.tensor([[0, 0.5, 1]] * 2)
    assert torch.equal(minmax(vectors, "sample"), expected)
    assert torch.equal(minmax(vectors, "channel"), expected)
    assert torch.equal(minmax(vectors, "batch"), vectors / 30)


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


def test_forward_is_the_paper_s_equations_written_out(narrow_resnets):
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


@pytest.mark.parametrize(
    ("case", "shapes"),
    [
        ({"model": "infusenet_resnet18"}, [(64, 16), (128, 8), (256, 4), (512, 2)]),
        ({"model": "infusenet_vit", "variant": "tinyvit_5m"}, [(64, 16), (128, 8), (160, 4), (320, 2)]),
        ({"model": "infusenet_vit", "variant": "patch16", "form": "raw"}, [(192, 4)] * 4),
    ],
    ids=["resnet18", "tinyvit_5m", "patch16"],
)
def test_maps_after_infusion_can_be_hooked(case, shapes):
    model, seen = build(**case).eval(), {}
    for name in BLOCKS:
        module = model.get_submodule(f"infusions.{name}")
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    heads = model(**batch(case["model"], 2, case.get("form", "pooled")))
    assert [tuple(seen[name].shape) for name in BLOCKS] == [(2, c, side, side) for c, side in shapes]
    gradients = torch.autograd.grad(heads["mag"].sum(), [seen[name] for name in BLOCKS])
    assert all(gradient.any() for gradient in gradients)


def test_only_the_released_preset_lets_batch_mates_change_a_score(narrow_resnets):
    inputs = batch(clips=4)
    inputs["flow"][1:] *= 10
    alone = {name: value[:1] for name, value in inputs.items()}
    for name, depends in (("paper", False), ("released", True)):
        model = build(preset=name).eval()
        with torch.no_grad():
            difference = (model(**inputs)["mag"][:1] - model(**alone)["mag"]).abs().max().item()
        assert (difference > 1e-4) == depends
        assert (model.scoring_batch == 1) != depends


@pytest.mark.parametrize("model", ["infusenet_resnet18", "infusenet_vit"])
def test_gradients_reach_every_parameter_of_the_released_preset(model, narrow_resnets):
    network = build(model, preset="released").train()
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    heads = network(**batch(model, 4))
    sum(binary_cross_entropy_with_logits(h, torch.ones_like(h)) for h in heads.values()).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_recipe_overrides_single_settings_of_its_preset(narrow_resnets):
    given = infusion.settings(recipe("infusenet_resnet18", scope="channel", places=["block4"], detach=None))
    assert (given.scope, tuple(given.places), given.detach) == ("channel", ("block4",), False)
    assert infusion.settings(recipe("infusenet_resnet18", preset="released")) == preset("released")
    model = build(preset="released", scope="sample", detach=True)
    assert list(model.infusions) == [*BLOCKS, "pooled"]
    assert model.scoring_batch == 1
    assert {(i.scope, i.detach) for i in model.infusions.values()} == {("sample", True)}
    with pytest.raises(InputError, match="'block5' .did you mean 'block"):
        build(places=["block5"])


@pytest.mark.parametrize(
    "case",
    [
        {"model": "resnet18_mag"},
        {"model": "infusenet_resnet18", "form": "raw"},
        {"model": "vit_tiny_mag"},
        {"model": "vit_tiny_mag", "variant": "patch16", "form": "raw"},
    ],
    ids=["resnet18", "infusenet", "tinyvit_5m", "patch16"],
)
def test_latents_are_normalised_over_the_batch_when_asked(case, narrow_resnets):
    model, inputs = (
        build(latent_norm=True, **case).train(),
        batch(case["model"], 4, case.get("form", "pooled")),
    )
    assert count(model) - count(build(**case)) == 2 * 64
    scaled = inputs | {"latents": 100 * inputs["latents"] + 7}
    torch.testing.assert_close(model(**inputs)["mag"], model(**scaled)["mag"], rtol=1e-2, atol=1e-3)


def test_finetuned_magnifier_s_latents_are_normalised_when_asked(narrow_resnets):
    model, frames = build("infusenet_finetuned", latent_norm=True).train(), batch("infusenet_finetuned")
    before = model.frame_mag.entry.latents.norm.running_mean.clone()
    model(**frames)
    assert not torch.equal(model.frame_mag.entry.latents.norm.running_mean, before)


def test_raw_latents_are_pooled_by_the_model_as_the_store_would():
    latents = batch(form="raw")["latents"]
    stored = torch.nn.functional.max_pool2d(torch.relu(latents), 3, 2, 1)
    assert torch.equal(LatentEntry("raw")(latents), LatentEntry("pooled")(stored))


def test_magnifier_inside_gives_the_latents_that_a_store_holds(narrow_resnets):
    frames = batch("infusenet_finetuned")["frames"]
    model, cached = build("infusenet_finetuned").eval(), build(form="raw").eval()
    net = magnifier.load()
    onset, apex, pseudo_apex = (net.encoder(frames[:, n]) for n in range(3))
    latents = torch.cat([net.manipulator(onset, moved, 10) for moved in (apex, pseudo_apex)], 1)
    flow = batch()["flow"]
    for head, logits in model(flow=flow, frames=frames).items():
        torch.testing.assert_close(logits, cached(flow=flow, latents=latents)[head], rtol=1e-4, atol=1e-5)


def test_two_equal_decoded_images_count_as_one():
    torch.manual_seed(3)
    image, network = torch.rand(2, 3, 64, 64), build("infusenet_decoded").eval().frame_mag
    plain = resnet18(num_classes=12).eval()
    state = network.state_dict()
    plain.load_state_dict(state | {"conv1.weight": 2 * state["conv1.weight"][:, :3]})
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = plain((image - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(
        network(decoded=image.repeat(1, 2, 1, 1))["mag"], expected, rtol=1e-4, atol=1e-5
    )


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match="known: paper, released"):
        preset("papers")
    with pytest.raises(InputError, match="expected one of sample, channel, batch"):
        Infusion("clip")
