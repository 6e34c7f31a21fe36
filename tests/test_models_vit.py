"""ViTs against timm's own forward pass, at the sizes that they are used at, and files of weights."""

import pytest
import timm
import torch
from model_inputs import batch, build
from safetensors.torch import save_file

from infusenet.errors import InputError


@pytest.mark.parametrize("size", [64, 224])
def test_tinyvit_on_flow_is_timm_s_network_from_a_file_of_its_weights(size, tmp_path):
    torch.manual_seed(4)
    other = timm.create_model("tiny_vit_5m_224", num_classes=12).eval()
    for parameter in other.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    save_file(other.state_dict(), tmp_path / "tiny.safetensors")
    model = build("vit_tiny_flow", size=size, weights=str(tmp_path / "tiny.safetensors")).eval()
    model.fc.load_state_dict(other.head.fc.state_dict())
    flow = torch.rand(2, 3, size, size)
    with torch.no_grad():
        logits, expected = model(flow=flow)["flow"], other(flow)
    if size == 224:
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    else:  # smaller windows and interpolated biases: near, but no attention to padding
        assert not torch.allclose(logits, expected, rtol=1e-4, atol=1e-5)
        windows = [stage.blocks[0].window_size for stage in list(model.net.stages)[1:]]
        assert windows == [7, 4, 2]
        own, table = model.net.stages[3].blocks[0].attn, other.stages[3].blocks[0].attn
        assert own.attention_biases.shape == (10, 4)
        assert table.attention_biases.shape == (10, 49)
        assert own.attention_biases.std() > 0


@pytest.mark.parametrize("size", [64, 224])
def test_patch16_takes_a_file_s_weights_at_any_size(size, tmp_path):
    torch.manual_seed(4)
    other = timm.create_model("vit_tiny_patch16_224", global_pool="avg", fc_norm=False).eval()
    save_file(other.state_dict(), tmp_path / "vit.safetensors")
    weights = str(tmp_path / "vit.safetensors")
    model = build("vit_tiny_flow", variant="patch16", size=size, weights=weights).eval()
    flow = torch.rand(2, 3, size, size)
    other.reset_classifier(12)
    model.fc.load_state_dict(other.head.state_dict())
    other.set_input_size(img_size=(size, size))
    with torch.no_grad():
        torch.testing.assert_close(model(flow=flow)["flow"], other(flow), rtol=1e-4, atol=1e-5)


def test_latents_enter_tinyvit_s_first_stage_unchanged():
    model, inputs, seen = build("vit_tiny_mag").eval(), batch("vit_tiny_mag"), []
    model.net.stages[0].register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    model(**inputs)
    assert torch.equal(seen[0], inputs["latents"])


@pytest.mark.parametrize(
    ("variant", "name", "form"),
    [("tinyvit_21m", "tiny_vit_21m_224", "pooled"), ("patch16", "vit_tiny_patch16_224", "raw")],
)
def test_both_networks_start_from_a_file(variant, name, form, tmp_path):
    torch.manual_seed(8)
    state, path = timm.create_model(name).state_dict(), tmp_path / "file.safetensors"
    save_file(state, path)
    model = build("infusenet_vit", variant=variant, form=form, weights=str(path))
    for network, fresh in ((model.frame_flow, ()), (model.frame_mag, ("patch_embed.",))):
        # Tables of positions are resized to the image.
        own = {
            key: value
            for key, value in network.net.state_dict().items()
            if not key.endswith(("attention_biases", "pos_embed"))
        }
        kept = {key for key, value in own.items() if key in state and torch.equal(value, state[key])}
        assert set(own) - kept == {key for key in own if key.startswith(fresh)}
        assert len(kept) > 100


@pytest.mark.parametrize(("variant", "form"), [("tinyvit_5m", "pooled"), ("patch16", "raw")])
def test_infusion_is_the_paper_s_equations_on_maps_and_on_patches(variant, form):
    model = build("infusenet_vit", variant=variant, form=form).eval()
    inputs = batch("infusenet_vit", form=form)
    flow_net, mag_net = model.frame_flow, model.frame_mag
    flow, mag = flow_net.stem(inputs["flow"]), mag_net.stem(inputs["latents"])
    first = 1 if variant == "patch16" else 0  # the class token, before the patches, is not infused
    for flow_block, mag_block in zip(flow_net.blocks, mag_net.blocks, strict=True):
        flow, mag = flow_block(flow), mag_block(mag)
        seen = flow[:, first:].flatten(1)
        low, high = (extreme(1).view(-1, *[1] * (flow.dim() - 1)) for extreme in (seen.amin, seen.amax))
        mask = (flow[:, first:] - low) / (high - low)
        mag = torch.cat([mag[:, :first], mag[:, first:] * mask], 1)
    expected = {"mag": mag_net.fc(mag_net.pool(mag)), "flow": flow_net.fc(flow_net.pool(flow))}
    for head, logits in model(**inputs).items():
        torch.testing.assert_close(logits, expected[head])


def test_weights_of_another_vit_are_refused(tmp_path):
    save_file(timm.create_model("tiny_vit_21m_224").state_dict(), tmp_path / "other.safetensors")
    for variant in ("tinyvit_5m", "patch16"):
        with pytest.raises(InputError, match=r"not the weights of \w+ViT(.|\n)*(has shape|missing)"):
            build("vit_tiny_flow", variant=variant, weights=str(tmp_path / "other.safetensors"))


def test_unfit_settings_are_refused():
    with pytest.raises(InputError, match="unknown ViT variant 'tinyvit' .*tinyvit_21m, tinyvit_5m"):
        build("vit_tiny_flow", variant="tinyvit")
    with pytest.raises(InputError, match="patch16: latents of form 'pooled', expected raw"):
        build("vit_tiny_mag", variant="patch16", form="pooled")
    with pytest.raises(InputError, match="size is 72, expected a multiple of 16"):
        build("vit_tiny_flow", variant="patch16", size=72)
