"""Panels of figures that lie over a face's crop: flow as arrows, maps, class activation; and infusion's masks."""

import cv2
import numpy as np
import torch

from infusenet.models.infusion import BLOCKS, minmax

ARROWS = 18  # arrows along one side of the face
OPACITY = 0.65  # of the strongest place of a map over the face


def gray(crop: np.ndarray) -> np.ndarray:
    """The gray crop float32 (S, S) in [0, 1], over which maps are laid, of a crop uint8 (S, S, 3), RGB."""
    return crop.astype(np.float32) @ np.float32([0.299, 0.587, 0.114]) / 255


def face_mask(landmarks: np.ndarray, side: int) -> np.ndarray:
    """The convex hull of landmarks (68, 2) px: bool (side, side)."""
    hull = cv2.convexHull(landmarks.round().astype(np.int32))
    return cv2.fillConvexPoly(np.zeros((side, side), np.uint8), hull, 1).astype(bool)


@torch.inference_mode()
def masks(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The factors of FrameMag's maps after each infused block: float32 (C, h, w) in [0, 1].

    ``inputs`` of one clip by name, without a batch dimension, on the model's device.
    """
    block_masks, handles = {}, []
    for place in (place for place in BLOCKS if place in model.infusions):

        def keep(infusion, maps, _, place=place):
            block_masks[place] = minmax(maps[1], infusion.scope)[0].cpu().numpy()

        handles.append(model.infusions[place].register_forward_hook(keep))
    model(**{name: value[None] for name, value in inputs.items()})
    for handle in handles:
        handle.remove()
    return block_masks


def mask_title(place: str, mask: np.ndarray) -> str:
    """``mask 1, 64×56×56`` of a mask (C, h, w) after ``block1``."""
    return f"mask {place[-1]}, {'×'.join(map(str, mask.shape))}"


def draw_map(axis, values: np.ndarray, landmarks: np.ndarray, side: int):
    """A map stretched over a crop of ``side`` px, with the face's landmarks for orientation.

    Returns the map's image, for a colour bar.
    """
    axis.plot(*landmarks.T, ".", color="white", markersize=1.5)
    return axis.imshow(values, "cividis", extent=(0, side, side, 0), interpolation="nearest")


def draw_flow(axis, picture: np.ndarray, flow: np.ndarray):
    """The flow (2, S, S) px as arrows on the gray face (S, S), scaled so that the longest spans nearly two places.

    Returns the arrows, for a colour bar.
    """
    side = len(picture)
    step = side / ARROWS
    at = ((np.arange(ARROWS) + 0.5) * step).astype(int)
    x, y = flow[:, at][:, :, at]
    scale = 1.8 * step / max(float(np.hypot(x, y).max()), 1e-6)
    axis.imshow(picture, "gray", vmin=0, vmax=1)
    axis.set_title(f"flow, px (arrows ×{scale:.0f})")
    return axis.quiver(
        *np.meshgrid(at, at), scale * x, scale * y, np.hypot(x, y), cmap="viridis", angles="xy",
        scale_units="xy", scale=1, width=0.009,
    )  # fmt: skip


def draw_activation(axis, picture: np.ndarray, activation: np.ndarray):
    """A class activation map (S, S) in [0, 1] over the gray face (S, S). Returns the map's image, for a colour bar."""
    axis.imshow(picture, "gray", vmin=0, vmax=1)
    return axis.imshow(activation, "plasma", alpha=OPACITY * activation, vmin=0, vmax=1)
