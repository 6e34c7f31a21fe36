"""A change of the latents' basis, after which the ReLU of the network that reads them loses nothing.

Training without regard to that ReLU ends with one channel of the difference latent that holds most of the
energy and is never positive. No ReLU acts on the latents between encoder, manipulator and decoder, only
on what the layers beside them compute. Another basis of the latents is therefore absorbed exactly by the
weights around them, and every decoded frame stays as it is.
"""

import torch

from infusenet.magnifier.losses import glimpse
from infusenet.magnifier.network import CHANNELS, Magnifier
from infusenet.magnifier.scenes import Batch

CARRIER = 0.1  # share of the dominant channel that every channel gets, with the sign that a ReLU lets through
DOMINANT = 0.5  # share of the energy from which a channel is dominant


@torch.no_grad()
def spread(model: Magnifier, batch: Batch) -> None:
    """Spread a dominant channel of the difference latent evenly and positively over all channels.

    Each channel keeps what does not follow the dominant one and gets `CARRIER` of its absolute value. Without
    a channel of more than `DOMINANT` of the energy on ``batch``, nothing is changed.
    """
    latent = glimpse(model, batch.a, batch.b).transpose(0, 1).flatten(1)
    energy = latent.square().mean(1)
    channel = int(energy.argmax())
    if energy[channel] < DOMINANT * energy.sum():
        return
    slopes = latent @ latent[channel] / latent[channel].square().sum()
    sign = latent[channel].sum().sign()
    matrix = torch.eye(CHANNELS, device=latent.device)
    matrix[:, channel] += CARRIER * sign - slopes
    _change(model, matrix, channel, batch.a)


def _change(model: Magnifier, matrix: torch.Tensor, channel: int, images: torch.Tensor) -> None:
    """Make the latents ``matrix`` times what they were; beside the diagonal, only column ``channel`` is not 0."""
    back = torch.linalg.inv(matrix.double()).float()
    encoder, manipulator, decoder = model.encoder, model.manipulator, model.decoder
    first, second = encoder.resblks_shape

    # The encoder's blocks add to a value behind a ReLU. What the new basis adds to that value is a multiple of
    # one channel, which is never negative and so passes the first block's ReLU by one hidden channel.
    _write(first.conv2, matrix)
    start = torch.relu(
        encoder.conv1_shape(encoder.resblks(torch.relu(encoder.conv2(torch.relu(encoder.conv1(images))))))
    )
    weight = first.conv2.weight.square().sum(dim=(0, 2, 3))
    unused = int((torch.relu(first.conv1(start)).square().mean(dim=(0, 2, 3)) * weight).argmin())
    first.conv1.weight[unused] = 0
    first.conv1.weight[unused, channel, 1, 1] = 1
    first.conv2.weight[:, unused] = 0
    first.conv2.weight[:, unused, 1, 1] = (
        matrix[:, channel] - torch.eye(CHANNELS, device=matrix.device)[channel]
    )

    for block in (second, *manipulator.resblks, *decoder.resblks):
        _read(block.conv1, back)
        _write(block.conv2, matrix)
    _read(manipulator.convblks[0].conv1, back)
    _write(manipulator.convblks_after[0].conv1, matrix)
    _read(decoder.conv1, back)


def _write(layer, matrix: torch.Tensor) -> None:
    layer.weight.copy_(torch.einsum("ij,jkhw->ikhw", matrix, layer.weight))


def _read(layer, matrix: torch.Tensor) -> None:
    layer.weight.copy_(torch.einsum("ijhw,jk->ikhw", layer.weight, matrix))
