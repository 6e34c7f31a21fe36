"""Class activation maps: the parts of the face in which a model finds an AU.

Grad-CAM (Selvaraju et al., ICCV 2017) in the form of HiResCAM (Draelos and Carin, arXiv 2011.08891),
which weights a map by its gradient at each place. After the last block both are the same: average
pooling and a linear layer follow, so the gradient is equal at all places. After an earlier block the
gradients in Grad-CAM's mean cancel, and its map may be empty or lie anywhere.
"""

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradientXActivation
from torch import Tensor, nn

from infusenet.errors import InputError
from infusenet.models.infusion import minmax
from infusenet.protocol import AUS


def cam_layers(model: nn.Module, block: int = 4) -> list[nn.Module]:
    """The modules whose outputs show what the scored head sees after a block, 1 to 4.

    InfuseNet: the map after the infusion's product, since the map before it does not know the flow.
    A single network: its block. Two networks fused late: the block of both.
    """
    if hasattr(model, "infusions"):
        place = f"block{block}"
        return [model.infusions[place] if place in model.infusions else model.frame_mag.blocks[block - 1]]
    networks = [model.frame_flow, model.frame_mag] if hasattr(model, "frame_flow") else [model]
    return [network.blocks[block - 1] for network in networks]


def has_blocks(model: nn.Module) -> bool:
    """Whether `cam_layers` can take a model apart; not LBP-TOP, LED and the shallow networks."""
    return any(hasattr(model, part) for part in ("infusions", "frame_flow", "blocks"))


def resolving_block(size: int) -> int:
    """The last block whose map of an input of ``size`` px still has 7 places a side, as at 224 px.

    A smaller map cannot separate the parts of a face: after block 4 at 64 px it has only 2 x 2 places.
    """
    return max((block for block in (2, 3, 4) if size >= 7 * 2 ** (block + 1)), default=1)


def cam(
    model: nn.Module,
    inputs: dict[str, Tensor],
    au: int,
    layers: list[nn.Module],
    size: int,
    head: str | None = None,
) -> np.ndarray:
    """The map of one AU's logit for one clip: ReLU of the sum over channels of gradient times map.

    Parameters
    ----------
    model : module
        As `infusenet.models.create` returns it; afterwards it is in evaluation mode.
    inputs : one clip's tensors by name, without a batch dimension, on the model's device
    au : number of the AU, one of `infusenet.protocol.AUS`
    layers : modules with a map (1, C, h, w) as output
        See `cam_layers`. The maps of several are averaged, each spanning 0 to 1.
    size : side of the result, px
    head : the output whose logit counts; default the first, which is the one scored

    Returns
    -------
    float32 (size, size): the map's least value is 0 and its greatest 1; all zero where no place
    supports the AU

    Raises
    ------
    InputError
        A layer's output is no map, as of a network of tokens.
    """
    model.eval()

    def logits(*batch: Tensor) -> Tensor:
        return model(**dict(zip(inputs, batch, strict=True)))[head or model.heads[0]]

    clip = tuple(value[None] for value in inputs.values())
    maps = []
    for product in LayerGradientXActivation(logits, layers).attribute(clip, AUS.index(au)):
        if product.dim() != 4:
            raise InputError(
                f"class activation map: a layer's output has the shape {tuple(product.shape)}, expected "
                "(1, channels, height, width); choose a network of maps, not of tokens"
            )
        support = minmax(product.detach().sum(1, keepdim=True).relu(), "sample")
        maps.append(LayerAttribution.interpolate(support, (size, size), "bilinear"))
    return minmax(torch.stack(maps).mean(0), "sample")[0, 0].cpu().numpy()


def inside_share(cam: np.ndarray, region: np.ndarray) -> float:
    """The share of a map's energy inside a region (Wang et al., Score-CAM, CVPR Workshops 2020).

    Parameters
    ----------
    cam : float (S, S), >= 0
    region : bool (S, S)

    Returns
    -------
    sum inside / sum overall, in [0, 1]; 0 for an empty map, none of whose energy lies inside
    """
    total = cam.sum(dtype=np.float64)
    return float(cam[region].sum(dtype=np.float64) / total) if total > 0 else 0.0
