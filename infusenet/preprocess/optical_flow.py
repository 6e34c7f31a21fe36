"""The flow image of an onset-apex pair, optical flow and strain, by a solver; and how a method reads it.

TV-L1 stands in for Classic+NL (Sun, Roth and Black 2010), which has no maintained implementation outside
MATLAB. Of its two solvers `infusenet.preprocess.spline_tvl1` is the default.
"""

import numpy as np

from infusenet.config.stage_recipes import FlowRecipe
from infusenet.preprocess.optical_strain import strain


def flow_images(onsets, apexes, recipe: FlowRecipe, device="cpu"):
    """Flow and strain of N pairs.

    Parameters
    ----------
    onsets : uint8 array (N, H, W, 3), RGB
    apexes : uint8 array (N, K, H, W, 3), RGB: the apex, and with ``frames: 3`` the two frames after it
    recipe : the flow stage's
    device : where the spline solver computes; OpenCV's has only the CPU

    Returns
    -------
    float32 array (N, 3, H, W) : f_x and f_y in px, so that apex(p + f(p)) shows what onset(p) shows, and the
        strain in px per px. Zero where onset and apex are equal. A pair's image does not depend on the others.
    """
    if recipe.solver == "spline_tvl1":
        return _spline_images(onsets, apexes, recipe.strain, device)
    from infusenet.preprocess import opencv_tvl1  # here alone, as OpenCV takes a while to start

    flows = [
        opencv_tvl1.flow(onset, apex[0], recipe.photometric)
        for onset, apex in zip(onsets, apexes, strict=True)
    ]
    return np.stack([np.stack([*flow, strain(flow, recipe.strain)]) for flow in flows])


def _spline_images(onsets, apexes, strain_kind: str, device):
    # Imported here alone: torch takes seconds to start, and OpenCV's solver does without it.
    from infusenet.preprocess import spline_tvl1
    from infusenet.preprocess.rank_one_flow import rank_one

    count = apexes.shape[1]
    onset, apex = gray(onsets, device), gray(apexes.reshape(-1, *apexes.shape[2:]), device)
    spline_flow = spline_tvl1.solve(onset.repeat_interleave(count, 0), apex)
    if count > 1:
        spline_flow = rank_one(spline_flow, count)
    flows = spline_flow.flow().cpu().numpy()
    if strain_kind == "tensor":  # exact on the spline; without its slopes, by Sobel
        strains = spline_flow.strain().cpu().numpy()
    else:
        strains = np.stack([strain(flow, strain_kind) for flow in flows])
    return np.concatenate([flows, strains[:, None]], axis=1)


def gray(frames, device):
    """uint8 RGB (N, H, W, 3) -> float32 tensor (N, H, W), gray levels 0..255 (BT.601)."""
    import torch

    red, green, blue = torch.from_numpy(frames).to(device).unbind(-1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def normalise(image):
    """Min-max of each channel to [0, 1], float32; a constant channel (no motion) becomes zeros."""
    image = image.astype(np.float32)
    low = image.min(axis=(1, 2), keepdims=True)
    span = image.max(axis=(1, 2), keepdims=True) - low
    return (image - low) / np.where(span > 0, span, 1)


def prepare(image, size: int):
    """A stored flow image as a network reads it.

    Parameters
    ----------
    image : float array (3, S, S), raw flow and strain as stored
    size : int
        Side of the result, px.

    Returns
    -------
    float32 array (3, size, size), values in [0, 1]: min-max at the crop's resolution, then resized
    by area averaging, so that the range does not depend on ``size``
    """
    import cv2  # here alone, as above

    channels = normalise(image)
    resized = [cv2.resize(channel, (size, size), interpolation=cv2.INTER_AREA) for channel in channels]
    return np.stack(resized)
