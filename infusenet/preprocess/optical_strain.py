"""Optical strain: how much the face is stretched and sheared at each pixel, from its optical flow.

`strain` takes the derivatives from the pixels. A flow of `infusenet.preprocess.spline_tvl1` has exact
derivatives without them and passes these to `tensor_norm`.
"""

import numpy as np


def strain(flow, kind: str = "tensor"):
    """Magnitude of the optical strain.

    Parameters
    ----------
    flow : float32 array (2, H, W), px
    kind : {"tensor", "meb"}
        ``tensor``: the infinitesimal strain tensor's norm sqrt(exx^2 + eyy^2 + 2 exy^2) with
        exy = (du/dy + dv/dx) / 2 (Shreve et al. 2011), by normalised Sobel derivatives; zero for a
        rotation. The outermost rows and columns are an exception: the border is replicated there, which halves
        the derivatives across the edge; a stretch across the edge has half its strain there, and a
        rotation by w (rad) has w / sqrt(8). ``meb``: as in the CD6ME flow arrays of the MEB toolbox, which swaps the axes,
        leaves out the cross term, and uses unnormalised Sobel (8 times the derivative) with a zero
        border: sqrt(u_y^2 + v_x^2 + (u_x^2 + v_y^2) / 2).

    Returns
    -------
    float32 array (H, W), >= 0, px per px
    """
    if kind == "tensor":
        (ux, uy), (vx, vy) = (_sobel(part, 1 / 8, replicated=True) for part in flow)
        return tensor_norm(ux, uy, vx, vy)
    if kind == "meb":
        (ux, uy), (vx, vy) = (_sobel(part, 1, replicated=False) for part in flow)
        return np.sqrt(uy**2 + vx**2 + (ux**2 + vy**2) / 2)
    raise ValueError(f"strain is '{kind}', expected tensor or meb")


def tensor_norm(ux, uy, vx, vy):
    """The norm sqrt(exx^2 + eyy^2 + 2 exy^2) of the infinitesimal strain tensor, exy = (uy + vx) / 2 (Shreve et
    al. 2011), from the flow's derivatives, px per px: arrays or tensors of one shape. Zero for a rotation.
    """
    shear = uy + vx
    return (ux * ux + vy * vy + shear * shear / 2) ** 0.5


def _sobel(image, scale, *, replicated: bool):
    """Derivatives to the right and down; the border is replicated or zero."""
    # Imported here alone: the splines' exact derivatives do without OpenCV, which takes a while to start.
    import cv2

    border = cv2.BORDER_REPLICATE if replicated else cv2.BORDER_CONSTANT
    return [
        cv2.Sobel(image, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=scale, borderType=border) for dx in (1, 0)
    ]
