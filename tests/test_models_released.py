"""The preset ``released``, from the frames to the logits, against plain torch operations."""

import pytest
import torch
import torch.nn.functional as F
from model_inputs import batch, build
from narrow import narrow_resnets


class Written:
    """The released InfuseNet, row by row, on a state dict of `infusenet_finetuned`."""

    def __init__(self, state, training):
        self.state, self.training = state, training

    def conv(self, x, name, stride=1, padding=0):
        return F.conv2d(x, self.state[f"{name}.weight"], stride=stride, padding=padding)

    def norm(self, x, name):
        mean, variance, weight, bias = (
            self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        if self.training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        scale = weight / torch.sqrt(variance + 1e-5)
        return x * scale[:, None, None] + (bias - mean * scale)[:, None, None]

    def reflected(self, x, name, kernel, stride=1):
        return self.conv(F.pad(x, [kernel // 2] * 4, mode="reflect"), name, stride)

    def residual(self, x, name):
        inner = F.relu(self.reflected(x, f"{name}.conv1", 3))
        return x + self.reflected(inner, f"{name}.conv2", 3)

    def encode(self, image):
        part = "frame_mag.entry.encoder"
        x = F.relu(self.reflected(image, f"{part}.conv1", 7))
        x = F.relu(self.reflected(x, f"{part}.conv2", 3, stride=2))
        for n in range(3):
            x = self.residual(x, f"{part}.resblks.{n}")
        x = F.relu(self.reflected(x, f"{part}.conv1_shape", 3))
        for n in range(2):
            x = self.residual(x, f"{part}.resblks_shape.{n}")
        return x

    def manipulate(self, a, b, factor):
        """The difference alone, not added to b; the factor scales it after the first ReLU."""
        part = "frame_mag.entry.manipulator"
        x = (factor - 1) * F.relu(self.reflected(b - a, f"{part}.convblks.0.conv1", 7))
        x = self.reflected(x, f"{part}.convblks_after.0.conv1", 3)
        return self.residual(x, f"{part}.resblks.0")

    def latents(self, frames, factor=10):
        onset, apex, pseudo_apex = (self.encode(frames[:, n]) for n in range(3))
        return torch.cat([self.manipulate(onset, moved, factor) for moved in (apex, pseudo_apex)], 1)

    def basic(self, x, name, stride):
        y = F.relu(self.norm(self.conv(x, f"{name}.conv1", stride, 1), f"{name}.bn1"))
        y = self.norm(self.conv(y, f"{name}.conv2", 1, 1), f"{name}.bn2")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.norm(self.conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
        return F.relu(x + y)

    def layer(self, x, name, stride):
        return self.basic(self.basic(x, f"{name}.0", stride), f"{name}.1", 1)

    def logits(self, flow, latents):
        flow = F.relu(self.norm(self.conv(flow, "frame_flow.conv1", 2, 3), "frame_flow.bn1"))
        flow = F.max_pool2d(flow, 3, 2, 1)
        # Latents enter without a convolution or a norm; ReLU drops their negative half.
        mag = F.max_pool2d(F.relu(latents), 3, 2, 1)
        for n, stride in ((1, 1), (2, 2), (3, 2), (4, 2)):
            flow = self.layer(flow, f"frame_flow.layer{n}", stride)
            mag = self.layer(mag, f"frame_mag.layer{n}", stride)
            mag = mag * (flow - flow.min()) / (flow.max() - flow.min())
        flow, mag = flow.mean((2, 3)), mag.mean((2, 3))
        mag = mag * (flow - flow.min()) / (flow.max() - flow.min())
        weight, bias = self.state["frame_mag.fc.weight"], self.state["frame_mag.fc.bias"]
        return {"mag": mag @ weight.T + bias, "flow": flow @ weight.T + bias}


def leaves(model):
    """A model's state, its parameters as fresh leaves that collect gradients."""
    parameters = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
    return {name: value.clone() for name, value in model.state_dict().items()} | parameters


def loss(heads):
    return sum(F.binary_cross_entropy_with_logits(h, torch.ones_like(h)) for h in heads.values())


@pytest.fixture(scope="module", params=[False, True], ids=["eval", "train"])
def released(request):
    """Whether it trains, the whole network, inputs, and written out: latents, logits and all gradients.

    The networks are narrow until the last test: the operations are those of any width.
    """
    with narrow_resnets():
        inputs = {name: value.double() for name, value in batch("infusenet_finetuned", 2).items()}
        whole = build("infusenet_finetuned", preset="released").double()
        written = Written(leaves(whole), request.param)
        latents = written.latents(inputs["frames"])
        expected = written.logits(inputs["flow"], latents)
        loss(expected).backward()
        logits = {head: values.detach() for head, values in expected.items()}
        gradients = {name: value.grad for name, value in written.state.items()}
        yield request.param, whole, inputs, latents.detach(), logits, gradients


@pytest.mark.parametrize("model", ["infusenet_resnet18", "infusenet_finetuned"])
def test_released_preset_is_the_map_written_out(model, released):
    training, network, inputs, latents, expected, gradients = released
    if model == "infusenet_resnet18":
        state = {name: value for name, value in network.state_dict().items() if ".entry." not in name}
        network = build(preset="released", form="raw", seed=1).double()
        network.load_state_dict(state)
        inputs = {"flow": inputs["flow"], "latents": latents}
    heads = network.train(training)(**inputs)
    assert set(heads) == {"mag", "flow"}
    for head, logits in heads.items():
        torch.testing.assert_close(logits, expected[head], rtol=1e-8, atol=1e-10)

    # Nothing is detached: both losses reach both networks.
    loss(heads).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-6, atol=1e-10, msg=name)
