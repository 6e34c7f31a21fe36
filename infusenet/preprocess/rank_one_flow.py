"""Flow from several frames around the apex: a muscle keeps its direction there, the noise does not."""

from dataclasses import replace

import torch

from infusenet.preprocess.spline_tvl1 import SplineFlow

# Rounds of reweighting, and px below which a residual counts as noise: the head's motion is fitted to the
# still skin, whatever the muscles do.
ROUNDS, NOISE = 10, 0.02

# Share of the crop's side, from its middle, in which both fits look: at the rim are hair and background.
REACH = 0.42


def rank_one(flows: SplineFlow, count: int) -> SplineFlow:
    """One flow per clip from the flows onset -> apex, apex + 1, ...

    The head's motion, a similarity, is taken off each flow. The rest is approximated by one field, common to
    all frames, times a number per frame (the first term of the singular value decomposition). The result is
    this field times the apex's number, plus the apex's head motion.

    Parameters
    ----------
    flows : of N clips times ``count`` frames, a clip's frames in a row, the apex first. A frame beyond the
        clip's end may repeat the one before.

    Returns
    -------
    SplineFlow of N pairs; zero where onset and apex are equal
    """
    coefficients = flows.coefficients.double()
    x, y = (part.double() for part in flows.grid.knot_positions())
    middle = (flows.width - 1) / 2, (flows.height - 1) / 2
    reach = REACH * max(flows.height, flows.width)
    inside = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2 < reach**2).double()
    head = _similarity(coefficients, x, y, inside)
    by_clip = (-1, count, *coefficients.shape[1:])
    motions, heads = (coefficients - head).reshape(by_clip), head.reshape(by_clip)
    vectors = (motions * inside).flatten(2)
    frame_weights = torch.linalg.eigh(vectors @ vectors.mT).eigenvectors[:, :, -1]  # of the largest value
    field = (frame_weights[:, :, None, None, None] * motions).sum(1)
    fitted = heads[:, 0] + frame_weights[:, :1, None, None] * field
    moved = coefficients.reshape(by_clip)[:, 0].flatten(1).any(1)
    return replace(flows, coefficients=(fitted * moved[:, None, None, None]).float())


def _similarity(coefficients, x, y, inside):
    """Shift, rotation and scale that fit each field best in the least absolute deviations: like the fields.

    A spline whose coefficients lie on a plane is that plane, so the fit needs no pixels.
    """
    u, v = coefficients.unbind(1)
    weights = inside
    for _ in range(ROUNDS):
        total = _sum(weights)
        x_mean, y_mean, u_mean, v_mean = (_sum(weights * part) / total for part in (x, y, u, v))
        dx, dy, du, dv = x - x_mean, y - y_mean, u - u_mean, v - v_mean
        spread = _sum(weights * (dx * dx + dy * dy))
        stretch = _sum(weights * (dx * du + dy * dv)) / spread
        turn = _sum(weights * (dx * dv - dy * du)) / spread
        fit = torch.stack([u_mean + stretch * dx - turn * dy, v_mean + turn * dx + stretch * dy], 1)
        weights = inside / ((coefficients - fit).square().sum(1) + NOISE**2).sqrt()
    return fit


def _sum(image):
    return image.sum((-2, -1), keepdim=True)
