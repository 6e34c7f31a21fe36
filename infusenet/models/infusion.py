"""Infusion: one network's min-max normalised map multiplies another's (Khor et al. 2025, eq. 6-8)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.options import BLOCKS, INFUSION, PLACES
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.models.backbone_base import Backbone

# Dimensions over which one minimum and one maximum are taken, of a map (B, C, H, W) or vector (B, C).
SCOPES = INFUSION["scope"].choices


@dataclass(frozen=True)
class Settings:
    """The form of the infusion of FrameFlow into FrameMag.

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
    "released": Settings(scope="batch", places=PLACES, shared_head=True),
}


def preset(name: str) -> Settings:
    """The settings of a preset; InputError lists the known names."""
    if name not in PRESETS:
        raise InputError(f"unknown preset '{name}' {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def settings(recipe: MethodRecipe) -> Settings:
    """The recipe's preset, replaced by its ``scope``, ``places`` and ``detach`` where it has them.

    A value None leaves the preset's. InputError for an unknown preset, scope or place.
    """
    overrides = {name: getattr(recipe, name) for name in ("scope", "places", "detach")}
    result = replace(preset(recipe.preset), **{k: v for k, v in overrides.items() if v is not None})
    raise_all(
        (f"'{place}' {did_you_mean(place, PLACES)}" for place in result.places if place not in PLACES),
        "unknown infusion places",
    )
    return result


def minmax(map: Tensor, scope: str) -> Tensor:
    """Min-max normalisation to [0, 1] (eq. 6); where all values are equal the result is zero.

    Parameters
    ----------
    map : float tensor (B, C, H, W) or (B, C)
    scope : {"sample", "channel", "batch"}
        A channel of a vector is a single value, so there ``channel`` means ``sample``.

    Returns
    -------
    float tensor like ``map``, in [0, 1]: the factor of FrameMag's map (eq. 7)

    References
    ----------
    Khor et al., SCIA 2025, equations 6 to 8.

    Examples
    --------
    >>> import torch
    >>> from infusenet import infusion_mask
    >>> infusion_mask(torch.tensor([[[[2.0, 4.0], [3.0, 2.0]]]]), "sample")
    tensor([[[[0.0000, 1.0000],
              [0.5000, 0.0000]]]])
    """
    first = {"batch": 0, "sample": 1, "channel": 2 if map.dim() == 4 else 1}[scope]
    dims = tuple(range(first, map.dim()))
    low = map.amin(dims, keepdim=True)
    span = map.amax(dims, keepdim=True) - low
    # A constant map, as of a clip without motion, has no range: 0 / 0 would be NaN.
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


class InfuseNet(nn.Module):
    """FrameMag guided by FrameFlow: after each block FrameMag's map is infused with FrameFlow's.

    The two backbones must give maps of equal shape, and the maps must show the same geometry: the
    flow's side S is that of the frames behind FrameMag's input. The maps after infusion come out of
    ``infusions.block1`` .. ``infusions.block4``.
    """

    def __init__(self, settings: Settings, frame_flow: Backbone, frame_mag: Backbone):
        super().__init__()
        self.frame_flow, self.frame_mag = frame_flow, frame_mag
        self.infusions = nn.ModuleDict(
            {place: Infusion(settings.scope, settings.detach) for place in settings.places}
        )
        # Batch-mates change a score only where the minimum and maximum span them; the authors score in eights.
        self.scoring_batch = 8 if settings.scope == "batch" else 1
        # `forward` then scores both networks with FrameMag's layer.
        if settings.shared_head:
            self.frame_flow.fc = None

    def forward(self, flow: Tensor, **front: Tensor) -> dict[str, Tensor]:
        """Flow (B, 3, S, S) and FrameMag's input by name -> logits (B, 12) of both networks."""
        flow, mag = self.frame_flow.stem(flow), self.frame_mag.stem(**front)
        for place, flow_block, mag_block in zip(
            BLOCKS, self.frame_flow.blocks, self.frame_mag.blocks, strict=True
        ):
            flow, mag = flow_block(flow), mag_block(mag)
            mag = self._infuse(place, mag, flow)
        flow, mag = self.frame_flow.pool(flow), self.frame_mag.pool(mag)
        mag = self._infuse("pooled", mag, flow)
        flow_head = self.frame_mag.fc if self.frame_flow.fc is None else self.frame_flow.fc
        return {"mag": self.frame_mag.fc(mag), "flow": flow_head(flow)}

    def _infuse(self, place: str, mag: Tensor, flow: Tensor) -> Tensor:
        return self.infusions[place](mag, flow) if place in self.infusions else mag
