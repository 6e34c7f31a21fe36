"""Losses of the magnifier's training: one value per scene (N,), zero for a perfect magnifier.

All are relative, so that scenes with little motion teach as much as those with a lot.
"""

import torch
from torch.nn import functional

from infusenet.magnifier.network import Magnifier
from infusenet.magnifier.scenes import Batch

MARGIN = 10  # px left out at each side: the content that moves in from outside is unknown
FLOOR = 0.005  # L1 of a very small motion: keeps the ratio finite, so that still scenes train reconstruction
WINDOW = 6  # half-size pixels: the windows in which a gain is measured
FAINT = 0.01  # rms of a motion's slope below which its gain cannot be measured
GLIMPSE = 0.006  # L1 between the frames of a scene that moves by about 0.1 px
STILL = 0.03  # share of a scene's largest change up to which a place counts as still
REACH = 2  # pixels of what is read around a moving place that count as moving
VARIED = 0.1  # deviation of a motion's size, as a share of its mean, from which it can be followed
POSITIVE, CHANNELS_IN_USE = 0.45, 12  # what the difference latent should reach at least


def unit_difference(model: Magnifier, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The unit difference latent (N, 32, S / 2, S / 2) of frames, at factor 2."""
    a, b = model.encoder(torch.cat([a, b])).chunk(2)
    return model.manipulator(a, b, 2)


def inside(x: torch.Tensor, margin: int = MARGIN) -> torch.Tensor:
    """``x`` (..., H, W) without ``margin`` px at each side."""
    return x[..., margin:-margin, margin:-margin]


def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """L1 of each scene."""
    return (x - y).abs().mean(dim=(1, 2, 3))


def frame(output: torch.Tensor, batch: Batch) -> torch.Tensor:
    """L1 to the magnified frame over that of the trivial answer (frame b), at three scales.

    Halved twice, a displacement of several pixels becomes one that a gradient can follow. The
    logarithm bounds what one scene weighs: brightness magnified by 20 is 50 times the trivial L1.
    """
    images = [inside(x) for x in (output, batch.magnified, batch.b)]
    terms = []
    for _ in range(3):
        output, truth, trivial = images
        terms.append(torch.log1p(distance(output, truth) / (distance(trivial, truth) + FLOOR)))
        images = [functional.avg_pool2d(x, 2) for x in images]
    return sum(terms) / len(terms)


def gain(output: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Error of the motion in the output, as a share of the magnified motion.

    Lucas and Kanade's estimate of the missing motion, window by window: the error's component along
    the frame's own derivative. Blur does not enter it, which is why an L1 alone can settle for too
    little motion; and too little motion of one object is not offset by too much of another.
    """
    error, slope = (functional.avg_pool2d(inside(x), 2) for x in (output - batch.magnified, batch.slope))
    missing = functional.avg_pool2d((error * slope).mean(dim=1), WINDOW, WINDOW // 2).abs()
    return missing.mean(dim=(1, 2)) / (slope.square().mean(dim=(1, 2, 3)) + FAINT**2)


def fidelity(noisy: torch.Tensor, clean: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Share of what is read that is not motion, relative to the part that is.

    ``noisy`` and ``clean`` (N, 32, S / 4, S / 4) are `infusenet.magnifier.network.as_read` of the unit differences of the camera's
    frames and of the motion alone. They should be equal, and zero where nothing moves: light, noise and
    blur beyond a moving place count as error. A scene without motion is measured against the response
    to a glimpse of motion, which follows from all scenes of the batch.
    """
    change = (batch.clean_b - batch.clean_a).abs()
    moving = functional.max_pool2d(change.amax(dim=1, keepdim=True), 4)
    moving = functional.max_pool2d(moving, 2 * REACH + 1, stride=1, padding=REACH)
    moving = moving > STILL * moving.amax(dim=(1, 2, 3), keepdim=True)
    error, motion = (
        inside(x, MARGIN // 4).square().mean(dim=(1, 2, 3)).add(1e-12).sqrt()
        for x in (noisy - moving * clean, clean)
    )
    response = motion.sum() / change.mean(dim=(1, 2, 3)).sum().clamp(min=1e-6)
    return torch.log1p(error / (motion + GLIMPSE * response))


def following(noisy: torch.Tensor, batch: Batch) -> torch.Tensor:
    """One minus the correlation, over the places of a scene, of the size of what is read with the motion's.

    Scenes that stand still or move as a whole have nothing to follow and count zero.
    """
    size = noisy.square().sum(dim=1).add(1e-10).sqrt()
    length = functional.avg_pool2d(batch.length, 4)[:, 0]
    size, length = (inside(x, MARGIN // 4).flatten(1) for x in (size, length))
    varied = length.std(dim=1) > VARIED * length.mean(dim=1).clamp(min=1e-3)
    return varied * (
        1 - functional.cosine_similarity(*(x - x.mean(dim=1, keepdim=True) for x in (size, length)))
    )


def likeness(forth: torch.Tensor, back: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cosine, over the places that move, of what is read of a scene's motion and of the motion back; one value.

    A latent of the motion's size alone gives 1: the network could not tell the two. Still scenes do not count.
    """
    length = functional.avg_pool2d(batch.length, 4)
    largest = length.amax(dim=(1, 2, 3), keepdim=True)
    moving = (length > VARIED * largest) & (largest > VARIED)
    forth, back = ((moving * x).flatten(1) for x in (forth, back))
    return functional.cosine_similarity(forth, back).sum() / moving.amax(dim=(1, 2, 3)).sum().clamp(min=1)


def spread(latent: torch.Tensor) -> torch.Tensor:
    """The positive energy and the channels in use that a batch of difference latents lacks; one value."""
    energy = functional.relu(latent).square().mean(dim=(0, 2, 3))
    share = energy.sum() / latent.square().mean(dim=(0, 2, 3)).sum().clamp(min=1e-12)
    channels = energy.sum().square() / energy.square().sum().clamp(min=1e-20)
    return functional.relu(POSITIVE - share) + functional.relu((CHANNELS_IN_USE / channels).log())
