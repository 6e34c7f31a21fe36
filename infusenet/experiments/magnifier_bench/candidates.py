"""Candidates of the magnifier bench: a checkpoint of ours, or any two-frame magnifier through an adapter.

A candidate is a function of two frames, (H, W, 3) RGB in [0, 1] with even H and W, that returns a `Pair`.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from infusenet.magnifier import quality
from infusenet.magnifier.network import Magnifier

Image = np.ndarray


class Pair(NamedTuple):
    """A reference and a moved frame in one candidate, to be magnified by any factor.

    ``frame``: factor -> the moved frame with its motion magnified, (H, W, 3) in about [0, 1].
    ``latent``: factor -> the latent that a network would read, float (C, h, w) of any h and w, or None
    where the candidate has no latents.
    """

    frame: Callable[[float], Image]
    latent: Callable[[float], np.ndarray] | None


Candidate = Callable[[Image, Image], Pair]


def adapter(
    frame: Callable[[Image, Image, float], Image],
    latent: Callable[[Image, Image, float], np.ndarray] | None = None,
) -> Candidate:
    """A candidate of functions of two frames and a factor; the results are as in `Pair`."""
    return lambda a, b: Pair(partial(frame, a, b), latent and partial(latent, a, b))


def network(model: Magnifier) -> Candidate:
    """A candidate of a checkpoint; a pair is encoded once for all factors, and a reference once for the pairs
    that follow each other."""
    last = {}

    @torch.no_grad()
    def pair(a: Image, b: Image) -> Pair:
        if last.get("image") is not a:
            last.update(image=a, code=model.encoder(quality.tensor(a, model)))
        code = last["code"] if b is a else model.encoder(quality.tensor(b, model))
        unit = model.manipulator(last["code"], code, 2)

        @torch.no_grad()
        def frame(factor):
            return quality.picture(model.decoder(code + (factor - 1) * unit))

        return Pair(frame, lambda factor: ((factor - 1) * unit[0]).cpu().numpy())

    return pair
