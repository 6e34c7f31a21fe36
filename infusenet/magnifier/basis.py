"""A change of the difference latent for the network that reads it, whose first operation is a ReLU.

Training without regard to that ReLU ends with one channel that holds most of the energy and is never positive.
No ReLU acts on the latents between encoder, manipulator and decoder, only on what the layers beside them
compute. Another basis of the latents is therefore absorbed exactly by the weights around them.

`make_readable` shrinks the dominant channel, and adds to all channels a map that follows the motion's size and
that the decoder takes out again: the ReLU then lets the details of all channels through. The map has the place
of the direction of the latents that matters least, so that frames change by less than a gray level. That map
alone would hide the direction of the motion, so at last all channels are mixed by a matrix that is fitted to
what is read, with a bound on how much a motion and the motion back may look alike.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from infusenet.magnifier import losses
from infusenet.magnifier.network import CHANNELS, Encoder, Magnifier, as_read
from infusenet.magnifier.scenes import Batch

CARRIER = 0.1  # rms of the map that is added, as a share of the dominant channel's
KEPT = 0.1  # what is left of the dominant channel
FIT_STEPS, FIT_RATE = 1500, 0.06
FIDELITY = 0.1  # weight of that loss beside `losses.following`
MIX_STEPS, MIX_RATE, MIX_FIDELITY = 400, 0.02, 0.2  # the same for the matrix that mixes channels
ALIKE, ALIKE_WEIGHT = 0.91, 4  # cosine of a motion and the motion back from which on it is a loss
SCALE = 0.036  # rms of what is read of the training scenes at factor 2; of faces it is then that of v1


def make_readable(model: Magnifier, batches: list[Batch]) -> None:
    """Change ``model`` so that a ReLU passes its difference latent, which follows motion more closely."""
    model.requires_grad_(False)
    latent = _flat(torch.cat([losses.unit_difference(model, batch.a, batch.b) for batch in batches[:4]]))
    target = CARRIER * _shrink(model, latent, batches[0].a)
    _add_map(model, batches, _fit_map(model, batches, target))
    _mix(model, _fit_mixture(model, batches), torch.cat([batch.a for batch in batches[:4]]))


def _shrink(model: Magnifier, latent: torch.Tensor, images: torch.Tensor) -> float:
    """Keep a positive tenth of the dominant channel, and of the others what does not follow it; its rms."""
    energy = latent.square().mean(dim=1)
    channel = int(energy.argmax())
    column = -latent @ latent[channel] / latent[channel].square().sum()
    column[channel] += KEPT * latent[channel].sum().sign()
    _change(model, column, torch.eye(CHANNELS, device=column.device)[channel], images)
    return float(energy[channel].sqrt())


def _fit_map(model: Magnifier, batches: list[Batch], target: float) -> torch.Tensor:
    """Weights (1, 64, 3, 3) of the map, of rms ``target``, on the manipulator's values behind its two ReLUs.

    Fitted by the losses on what is read, with the map added to every channel.
    """
    data = [
        (_hidden(model, batch.a, batch.b), _hidden(model, batch.clean_a, batch.clean_b), batch)
        for batch in batches
    ]
    size = torch.cat([hidden for (hidden, _), _, _ in data]).square().mean(dim=(0, 2, 3)).sqrt()
    unit = 1 / size.clamp(min=1e-3 * size.max())[:, None, None]
    free = torch.zeros(1, 2 * CHANNELS, 3, 3, device=size.device)
    free[..., 1, 1] = 1
    free.requires_grad_(True)

    def scaled() -> torch.Tensor:
        weight = free * unit
        rms = torch.stack([_convolve(data[i][0][0], weight).square().mean() for i in range(4)]).mean().sqrt()
        return target / rms * weight

    def loss(step: int) -> torch.Tensor:
        (hidden, latent), (clean_hidden, clean_latent), batch = data[step % len(data)]
        weight = scaled()
        noisy = as_read(latent + _convolve(hidden, weight))
        clean = as_read(clean_latent + _convolve(clean_hidden, weight))
        return losses.following(noisy, batch).mean() + FIDELITY * losses.fidelity(noisy, clean, batch).mean()

    _minimise(free, loss, FIT_STEPS, FIT_RATE)
    return scaled().detach()


def _minimise(free: torch.Tensor, loss: Callable[[int], torch.Tensor], steps: int, rate: float) -> None:
    """Adam on ``free``; the rate falls to 0 in the second half of the steps."""
    optimizer = torch.optim.Adam([free], lr=rate, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, 2 - 2 * step / steps)
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()


@torch.no_grad()
def _hidden(model: Magnifier, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The manipulator's values behind its two ReLUs (N, 64, h, w), and the unit difference latent."""
    a, b = model.encoder(torch.cat([a, b])).chunk(2)
    part = model.manipulator
    first = functional.relu(part.convblks(b - a))
    x = part.convblks_after(first)
    return torch.cat([first, functional.relu(part.resblks[0].conv1(x))], 1), part.resblks(x)


def _convolve(hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(functional.pad(hidden, (1, 1, 1, 1), mode="reflect"), weight)


@torch.no_grad()
def _add_map(model: Magnifier, batches: list[Batch], weight: torch.Tensor) -> None:
    """Write the map along the latents' least direction, take it out in the decoder, and add it to all channels."""
    batch = batches[0]
    a, b = model.encoder(batch.a), model.encoder(batch.b)
    latents = b + (batch.factor - 1) * model.manipulator(a, b, 2)
    part = model.manipulator
    inner = part.convblks_after(functional.relu(part.convblks(b - a)))
    flat = _flat(torch.cat([latents, (batch.factor - 1) * inner])).double()
    least = torch.linalg.eigh(flat @ flat.T)[1][:, 0].float()
    least *= least.sum().sign()
    without = torch.eye(CHANNELS, device=least.device) - torch.outer(least, least)
    for layer, share in (
        (part.convblks_after[0].conv1, weight[:, :CHANNELS]),
        (part.resblks[0].conv2, weight[:, CHANNELS:]),
    ):
        _write(layer, without)
        layer.weight += least[:, None, None, None] * share
    _read(part.resblks[0].conv1, without)

    first = model.decoder.resblks[0]
    _read(first.conv1, without)
    for unit, sign in zip(_unused(first, latents, 2), (1, -1), strict=True):
        _pass(first, unit, sign * least, -sign * least)
    _change(model, torch.ones_like(least), least, batch.a)


@torch.no_grad()
def _change(model: Magnifier, column: torch.Tensor, row: torch.Tensor, images: torch.Tensor) -> None:
    """Make the latents x to x + column (row x), without a change of the frames."""
    matrix = torch.eye(CHANNELS, device=column.device) + torch.outer(column, row)
    encoder = model.encoder
    first = encoder.resblks_shape[0]

    # The encoder's blocks start from a value behind a ReLU. The positive and the negative part of ``row`` give
    # from it two values that pass the first block's ReLU, through hidden channels that nothing else needs.
    _write(first.conv2, matrix)
    x = _before_latents(encoder, images)
    parts = [(sign, (sign * row).relu()) for sign in (1, -1) if (sign * row).max() > 0]
    units = _unused(first, x, len(parts))
    for unit, (sign, part) in zip(units, parts, strict=True):
        _pass(first, unit, part, sign * column)
    _absorb(model, matrix)


def _absorb(model: Magnifier, matrix: torch.Tensor) -> None:
    """Let every layer behind the encoder's first block of latents read and write them in the basis ``matrix``."""
    back = torch.linalg.inv(matrix.double()).float()
    encoder, manipulator, decoder = model.encoder, model.manipulator, model.decoder
    for block in (encoder.resblks_shape[1], *manipulator.resblks, *decoder.resblks):
        _read(block.conv1, back)
        _write(block.conv2, matrix)
    _read(manipulator.convblks[0].conv1, back)
    _write(manipulator.convblks_after[0].conv1, matrix)
    _read(decoder.conv1, back)


def _fit_mixture(model: Magnifier, batches: list[Batch]) -> torch.Tensor:
    """The matrix (32, 32) that mixes the channels, fitted by the losses on what is read."""
    data = [
        (
            losses.unit_difference(model, batch.a, batch.b),
            losses.unit_difference(model, batch.clean_a, batch.clean_b),
            losses.unit_difference(model, batch.clean_b, batch.clean_a),
        )
        for batch in batches
    ]
    size = _flat(torch.cat([noisy for noisy, _, _ in data])).square().mean(dim=1).sqrt()
    free = torch.eye(CHANNELS, device=size.device).requires_grad_(True)  # in units of each channel's size

    def loss(step: int) -> torch.Tensor:
        batch = batches[step % len(data)]
        latents = [_mixed(free / size, x) for x in data[step % len(data)]]
        noisy, clean, back = (as_read(x) for x in latents)
        total = losses.following(noisy, batch).mean() + losses.spread(latents[0])
        total += MIX_FIDELITY * losses.fidelity(noisy, clean, batch).mean()
        return total + ALIKE_WEIGHT * functional.relu(losses.likeness(clean, back, batch) - ALIKE)

    _minimise(free, loss, MIX_STEPS, MIX_RATE)
    matrix = (free / size).detach()
    energy = torch.stack([as_read(_mixed(matrix, noisy)).square().mean() for noisy, _, _ in data]).mean()
    return SCALE / energy.sqrt() * matrix


def _mixed(matrix: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ij,njhw->nihw", matrix, latents)


@torch.no_grad()
def _mix(model: Magnifier, matrix: torch.Tensor, images: torch.Tensor) -> None:
    """Make the latents x to ``matrix`` x.

    The encoder's blocks of latents start from values behind a ReLU, which another ReLU does not change. In trained
    weights the first of these blocks is linear but for about 2 %, so a block that applies the matrix as well takes
    its place.
    """
    encoder = model.encoder
    first = encoder.resblks_shape[0]
    x = _before_latents(encoder, images)
    inputs, outputs = _flat(x).double(), _flat(first(x)).double()
    linear = outputs @ inputs.T @ torch.linalg.pinv(inputs @ inputs.T, rtol=1e-10)
    one = torch.eye(CHANNELS, device=matrix.device)
    first.conv1.weight.zero_()[..., 1, 1] = one
    first.conv2.weight.zero_()[..., 1, 1] = (matrix.double() @ linear).float() - one
    _absorb(model, matrix)


def _before_latents(encoder: Encoder, images: torch.Tensor) -> torch.Tensor:
    """The encoder's values behind the last ReLU before its blocks of latents."""
    x = encoder.resblks(functional.relu(encoder.conv2(functional.relu(encoder.conv1(images)))))
    return functional.relu(encoder.conv1_shape(x))


def _flat(latents: torch.Tensor) -> torch.Tensor:
    return latents.transpose(0, 1).flatten(1)


def _unused(block, inputs: torch.Tensor, count: int) -> list[int]:
    """The ``count`` hidden channels of a residual block that contribute least to its output."""
    energy = functional.relu(block.conv1(inputs)).square().mean(dim=(0, 2, 3))
    return (energy * block.conv2.weight.square().sum(dim=(0, 2, 3))).argsort()[:count].tolist()


def _pass(block, unit: int, row: torch.Tensor, column: torch.Tensor) -> None:
    """Let the hidden channel ``unit`` of a residual block add column relu(row x)."""
    block.conv1.weight[unit] = 0
    block.conv1.weight[unit, :, 1, 1] = row
    block.conv2.weight[:, unit] = 0
    block.conv2.weight[:, unit, 1, 1] = column


def _write(layer, matrix: torch.Tensor) -> None:
    layer.weight.copy_(torch.einsum("ij,jkhw->ikhw", matrix, layer.weight))


def _read(layer, matrix: torch.Tensor) -> None:
    layer.weight.copy_(torch.einsum("ijhw,jk->ikhw", layer.weight, matrix))
