"""Initial weights of the magnifier's training: a linear magnifier.

From random weights, on a CPU's budget, the network settles at the trivial answer "output = frame b"
and its latents collapse. Training starts instead from a Haar pyramid of one level. The encoder
computes the four coefficients of every colour; each passes the ReLUs as a positive and a negative
part, which the encoder's last block joins again. The manipulator passes what is not smooth in the
difference of two frames: a change of brightness is mostly smooth, a motion is not. The decoder
rebuilds the image from the coefficients. All other channels and the residual branches start small
and random.
"""

import torch

from infusenet.magnifier.network import CHANNELS, Magnifier, Residual

COEFFICIENTS = 12
SMALL = 0.1


@torch.no_grad()
def start(model: Magnifier) -> None:
    """Overwrite the default initial weights of ``model``, whose random part keeps its draw."""
    for module in model.modules():
        if isinstance(module, Residual):
            module.conv2.weight *= SMALL
    encoder, manipulator, decoder = model.encoder, model.manipulator, model.decoder

    for colour in range(3):
        _centre(encoder.conv1.weight, colour)[colour] = 1
        _centre(encoder.conv1.weight, 3 + colour)[colour] = -1
    for k, haar in enumerate(_haar()):
        for sign, channel in ((1, k), (-1, COEFFICIENTS + k)):
            encoder.conv2.weight[channel] = 0
            # The 2x2 block of an output pixel lies under taps 1 and 2 of the kernel.
            encoder.conv2.weight[channel, k // 4, 1:, 1:] = sign * haar
            encoder.conv2.weight[channel, 3 + k // 4, 1:, 1:] = -sign * haar
    for channel in range(CHANNELS):
        _centre(encoder.conv1_shape.weight, channel)[channel] = 1

    smooth = _smooth()
    join, split = encoder.resblks_shape[1], (manipulator.convblks[0].conv1, decoder.conv1)
    after = manipulator.convblks_after[0].conv1
    after.weight *= SMALL
    for k in range(COEFFICIENTS):
        minus = COEFFICIENTS + k
        _centre(join.conv1.weight, minus)[minus] = 1
        join.conv2.weight[[k, minus]] = 0
        join.conv2.weight[[k, minus], minus, 1, 1] = -1
        for layer in split:
            _centre(layer.weight, k)[k] = 1
            _centre(layer.weight, minus)[k] = -1
        manipulator.convblks[0].conv1.weight[k, k] -= smooth
        manipulator.convblks[0].conv1.weight[minus, k] += smooth
        for channel in (k, minus):
            # Once onto the image's coefficients, once where the encoder leaves zeros: there the
            # decoder finds the motion by itself and can learn where a sum of both is not enough.
            centre = _centre(after.weight, channel)
            centre[k], centre[minus] = 1, -1

    decoder.conv2.weight *= SMALL
    for k, haar in enumerate(_haar()):
        kernel = _upsampling(haar)
        decoder.conv2.weight[k // 4, k] = kernel
        decoder.conv2.weight[k // 4, COEFFICIENTS + k] = -kernel


def _centre(weight: torch.Tensor, channel: int) -> torch.Tensor:
    """Clear one output channel; the view (inputs,) of its central tap."""
    weight[channel] = 0
    return weight[channel, :, weight.shape[2] // 2, weight.shape[3] // 2]


def _smooth() -> torch.Tensor:
    """A 7x7 Gaussian of unit sum."""
    line = torch.exp(-(torch.arange(-3, 4) ** 2) / (2 * 2.0**2))
    return torch.outer(line, line) / line.sum() ** 2


def _haar() -> list[torch.Tensor]:
    """Twelve 2x2 analysis filters, colour by colour: mean, horizontal, vertical, diagonal."""
    low, high = torch.tensor([0.5, 0.5]), torch.tensor([0.5, -0.5])
    return 3 * [torch.outer(y, x) for y in (low, high) for x in (low, high)]


def _upsampling(haar: torch.Tensor) -> torch.Tensor:
    """A 7x7 kernel that synthesises one coefficient from its nearest-neighbour enlargement.

    After that enlargement a convolution cannot tell even from odd pixels at a constant input, so
    the high-pass kernel is right at edges only; the autoencoder stage of training does the rest.
    """
    low = torch.tensor([0, 0, 0.25, 0.5, 0.25, 0, 0])
    high = torch.tensor([0, 0, -0.5, 0, 0.5, 0, 0])
    rows = high if haar[0, 0] * haar[1, 0] < 0 else low
    columns = high if haar[0, 0] * haar[0, 1] < 0 else low
    return torch.outer(rows, columns)
