"""OpenCV's TV-L1 optical flow (Zach, Pock and Bischof 2007), the solver of the first versions.

It takes brightness for motion, so that brightness is matched before (`infusenet.preprocess.photometric`),
and shrinks small motion: by a tenth on average, by a third at .05 px (docs/flow.md). It is kept so that
stores and results made with it stay valid.
"""

import cv2
import numpy as np

from infusenet.preprocess.photometric import pair

# Replicated border, px. Without it TV-L1 leaves spikes at the edge, and min-max would scale to those.
BORDER = 16

# Blur before the flow, px: takes a third off the time (less noise, earlier stop), same error.
BLUR = 0.7


def flow(onset, apex, photometric: str = "local"):
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
    field = _solver().calc(*padded, None)
    return np.ascontiguousarray(field[BORDER:-BORDER, BORDER:-BORDER].transpose(2, 0, 1))


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
