"""Removal of brightness differences from a pair of frames, before motion is measured in them.

Optical flow and the magnifier's latents both take a change of brightness for motion. `match`
changes the second frame only and keeps the look of an image, as a network expects it; `pair`
prepares both frames for optical flow, where only the moving structure has to survive.
"""

import cv2
import numpy as np

# Standard deviation of the low-pass that `local` subtracts, px of the crop: below the size of a
# shadow or a lamp's gradient, above the width of the edges that flow follows.
HIGH_PASS = 4.0

# A standard deviation below a quarter of a gray level is rounding, not contrast to be matched.
FLAT = 1e-3


def match(reference, image, mode: str):
    """Give ``image`` the brightness of ``reference``.

    Parameters
    ----------
    reference, image : float arrays (H, W) or (H, W, C), values in [0, 1]
    mode : {"none", "global"}
        ``none`` returns ``image`` as it is; ``global`` matches mean and standard deviation of each
        channel, which undoes any gain and offset.

    Returns
    -------
    float array like ``image``, not clipped. An image equal to its reference comes back bit for bit;
    a constant image takes the reference's mean.
    """
    if mode == "none":
        return image
    if mode != "global":
        raise ValueError(f"photometric match is '{mode}', expected none or global")
    mean, target = image.mean(axis=(0, 1)), reference.mean(axis=(0, 1))
    spread = image.std(axis=(0, 1))
    gain = np.where(spread > FLAT, reference.std(axis=(0, 1)) / np.maximum(spread, FLAT), 1)
    # As gain and offset, not around the mean: equal frames must stay equal to the last bit.
    return (image * gain + (target - gain * mean)).astype(image.dtype)


def pair(onset, apex, mode: str):
    """Both frames of a pair as optical flow should see them.

    Parameters
    ----------
    onset, apex : float32 arrays (H, W), gray, values in [0, 1]
    mode : {"none", "global", "local"}
        ``none`` and ``global`` as in `match`; ``local`` subtracts a Gaussian low-pass from both
        frames, which also undoes gradients and drifting shadows.

    Returns
    -------
    tuple of two float32 arrays (H, W); zero-mean in the mode ``local``
    """
    if mode != "local":
        return onset, match(onset, apex, mode)
    return _high_pass(onset), _high_pass(apex)


def _high_pass(image):
    return image - cv2.GaussianBlur(image, (0, 0), HIGH_PASS, borderType=cv2.BORDER_REPLICATE)
