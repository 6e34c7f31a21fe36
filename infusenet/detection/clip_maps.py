"""The pictures of one clip on its page: crops, flow and strain, infusion masks, and class activation of decided AUs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from infusenet.detection.clip_arrays import ClipArrays
from infusenet.detection.scores import ClipScores
from infusenet.detection.trained_models import TrainedModel
from infusenet.errors import InputError
from infusenet.protocol import AUS, ONSET_AND_APEX
from infusenet.report.face_maps import mask_title, masks
from infusenet.report.gradcam import cam, cam_layers, has_blocks, resolving_block

# The pseudo-apex of the maps, as frames after the apex; the flow, and so the masks, do not depend on it.
CANDIDATE = 0


@dataclass(frozen=True)
class ClipMaps:
    """Pictures of a clip, those of several models averaged.

    ``onset``, ``apex``: uint8 (S, S, 3), RGB; ``landmarks`` float32 (68, 2) of the onset, px. ``flow``: float32
    (3, S, S), flow in px and strain in px per px. ``masks``: float (h, w) in [0, 1] by title. ``activations``: float32
    (S, S) in [0, 1] by decided AU, after ``block``. ``missing``: parts that are None or empty, each with the
    reason.
    """

    onset: np.ndarray
    apex: np.ndarray | None
    landmarks: np.ndarray
    flow: np.ndarray | None
    masks: dict[str, np.ndarray]
    activations: dict[int, np.ndarray]
    block: int
    missing: list[str]


def clip_maps(arrays: ClipArrays, models: Sequence[TrainedModel], scores: ClipScores) -> ClipMaps:
    """The pictures of a clip by models of one recipe, on their device."""
    recipe, crops, missing = models[0].recipe, arrays.crops.arrays, []
    if "frames" in crops:
        onset, apex = crops["frames"][ONSET_AND_APEX]
    else:
        onset, apex = crops["onset"], None
        missing.append("apex (the method reads a gray video of the clip, not its apex)")
    flow = None
    if "flow" in arrays.stores:
        flow = arrays.stores["flow"].read("flow", arrays.name).astype(np.float32)
    else:
        missing.append("flow and strain (the method does not read them)")
    inputs = {name: value.to(models[0].device) for name, value in arrays.inputs(recipe, CANDIDATE).items()}
    block_masks = {}
    if hasattr(models[0].network, "infusions"):
        of_models = [masks(model.network, inputs) for model in models]
        for place, mask in of_models[0].items():
            block_masks[mask_title(place, mask)] = np.mean([each[place].mean(0) for each in of_models], 0)
    else:
        missing.append("infusion masks (the method infuses nothing)")
    block = resolving_block(recipe.size)
    decided = [au for au, decision in zip(AUS, scores.decision, strict=True) if decision]
    activations = {}
    try:
        activations = {au: _activation(models, inputs, au, block, len(onset)) for au in decided}
    except InputError:
        missing.append("Grad-CAM (the network has no maps of the face after its blocks)")
    if not decided:
        missing.append("Grad-CAM (no Action Unit is decided: all logits are at most 0)")
    return ClipMaps(onset, apex, crops["landmarks"], flow, block_masks, activations, block, missing)


def _activation(
    models: Sequence[TrainedModel], inputs: dict[str, torch.Tensor], au: int, block: int, side: int
) -> np.ndarray:
    """The mean of the models' class activation maps of an AU; InputError where the network has none."""
    networks = [model.network for model in models]
    if not has_blocks(networks[0]):
        raise InputError("no blocks")
    return np.mean([cam(network, inputs, au, cam_layers(network, block), side) for network in networks], 0)
