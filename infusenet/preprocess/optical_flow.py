"""Optical flow of an onset-apex pair, the flow image with its strain, and how a method reads it.

The flow is TV-L1 (Zach, Pock and Bischof 2007; OpenCV contrib). It stands in for Classic+NL (Sun,
Roth and Black 2010), which has no maintained implementation outside MATLAB; the mode ``local`` of
`infusenet.preprocess.photometric` replaces what Classic+NL does against changes of brightness.
"""

import cv2
import numpy as np

from infusenet.config.stage_recipes import FlowRecipe
from infusenet.preprocess.optical_strain import strain
from infusenet.preprocess.photometric import pair

# Replicated border, px. Without it TV-L1 leaves spikes at the edge, and min-max would scale to those.
BORDER = 16

# Blur before the flow, px: takes a third off the time (less noise, earlier stop), same error.
BLUR = 0.7


def tvl1(onset, apex, photometric: str = "local"):
    """Optical flow from onset to apex.

    Parameters
    ----------
    onset, apex : uint8 arrays (H, W, 3), RGB
    photometric : {"none", "global", "local"}
        See `infusenet.preprocess.photometric.pair`.

    Returns
    -------
    float32 array (2, H, W) : (f_x, f_y) in px, so that apex(p + f(p)) shows what onset(p) shows
    """
    frames = pair(_gray(onset), _gray(apex), photometric)
    padded = [cv2.copyMakeBorder(frame, *[BORDER] * 4, cv2.BORDER_REPLICATE) for frame in frames]
    flow = _solver().calc(*padded, None)
    return np.ascontiguousarray(flow[BORDER:-BORDER, BORDER:-BORDER].transpose(2, 0, 1))


def _gray(rgb):
    # In float: rounding to 8 bits a second time would cost sub-pixel motion.
    gray = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY)
    return cv2.GaussianBlur(gray, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE)


def _solver():
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    solver.setScalesNumber(3)
    solver.setScaleStep(0.5)
    solver.setWarpingsNumber(3)
    solver.setOuterIterations(5)
    solver.setInnerIterations(10)
    # A tighter bound is slower and shrinks small motion further: the prior takes over.
    solver.setEpsilon(0.01)
    return solver


def flow_image(onset, apex, recipe: FlowRecipe):
    """Flow and strain of a pair: float32 array (3, H, W) with f_x, f_y in px and the strain.

    ``onset`` and ``apex`` are uint8 RGB (H, W, 3); ``recipe`` is the flow stage's.
    """
    flow = tvl1(onset, apex, recipe.photometric)
    return np.concatenate([flow, strain(flow, recipe.strain)[None]])


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
    channels = normalise(image)
    resized = [cv2.resize(channel, (size, size), interpolation=cv2.INTER_AREA) for channel in channels]
    return np.stack(resized)
