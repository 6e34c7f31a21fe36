"""Infusion: one network's min-max normalised map multiplies another's (Khor et al. 2025, eq. 6-8)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from infusenet.errors import InputError, did_you_mean

# Dimensions over which one minimum and one maximum are taken, of a map (B, C, H, W) or vector (B, C).
SCOPES = ("sample", "channel", "batch")
BLOCKS = ("block1", "block2", "block3", "block4")


@dataclass(frozen=True)
class Settings:
    """How FrameFlow is infused into FrameMag.

    ``scope`` of the minimum and maximum: a clip's whole map, each of its channels, or the whole
    batch (then a clip's score depends on its batch-mates). ``places``: after which blocks, and
    optionally ``pooled``, the vector after average pooling. ``detach``: keep FrameMag's gradient out
    of FrameFlow. ``shared_head``: one linear layer scores both networks.
    """

    scope: str = "sample"
    places: tuple[str, ...] = BLOCKS
    detach: bool = False
    shared_head: bool = False


PRESETS = {
    "paper": Settings(),
    "released": Settings(scope="batch", places=(*BLOCKS, "pooled"), shared_head=True),
}


def preset(name: str) -> Settings:
    """The settings of a preset; InputError lists the known names."""
    if name not in PRESETS:
        raise InputError(f"unknown preset '{name}' {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def minmax(map: Tensor, scope: str) -> Tensor:
    """Min-max normalisation to [0, 1] (eq. 6); where all values are equal the result is zero.

    Parameters
    ----------
    map : float tensor (B, C, H, W) or (B, C)
    scope : {"sample", "channel", "batch"}
        ``channel`` needs a map with height and width.
    """
    first = {"batch": 0, "sample": 1, "channel": 2}[scope]
    dims = tuple(range(first, map.dim()))
    low = map.amin(dims, keepdim=True)
    span = map.amax(dims, keepdim=True) - low
    return (map - low) / torch.where(span > 0, span, 1)


class Infusion(nn.Module):
    """``mag * minmax(flow)`` for maps (B, C, H, W) or vectors (B, C) of equal shape (eq. 7).

    It has no parameters. It is a module so that its output, the map after infusion, has a name that
    a hook can find (Grad-CAM).
    """

    def __init__(self, scope: str = "sample", detach: bool = False):
        super().__init__()
        if scope not in SCOPES:
            raise InputError(f"infusion scope is '{scope}', expected one of {', '.join(SCOPES)}")
        self.scope, self.detach = scope, detach

    def forward(self, mag: Tensor, flow: Tensor) -> Tensor:
        return mag * minmax(flow.detach() if self.detach else flow, self.scope)

    def extra_repr(self) -> str:
        return f"scope={self.scope}, detach={self.detach}"
