"""TV-L1 optical flow on a cubic B-spline grid with one Bregman iteration: batched float32, any device.

The energy is TV-L1's (Zach, Pock and Bischof 2007) with both norms smoothed (Brox et al. 2004). Of a flow u
with B-spline coefficients c it is

    E(c) = DATA sum_p sqrt(rho(p)^2 + NOISE^2) + h^2 sum_k sqrt(|Du_k|^2 + STILL^2)
    rho(p) = g(p) [apex(p + u(p)) - apex_mean(p)] - [onset(p) - onset_mean(p)]        gray levels

over the pixels p and the knots k, h px apart. Local means and contrasts g match the warped apex to the
onset, so that a change of light is not measured as motion. It is minimised from coarse to fine: after each
warp one step of lagged diffusivity (Vogel and Oman 1996), solved by preconditioned conjugate gradients.
One Bregman iteration (Osher et al. 2005) gives back what total variation takes off small peaks.

Three choices keep sub-pixel motion, measured in docs/flow.md: the apex is read between its pixels by cubic
splines (bilinear and bicubic reading shift it); the gradient is the onset's alone (the warped apex' own noise
is lowest half-way between pixels and pulls the flow there); and the unknown is a spline field, which has no
jumps between pixels.
"""

from dataclasses import dataclass
from math import log2

import torch
from torch.nn.functional import avg_pool2d, pad

from infusenet.preprocess import cubic_splines
from infusenet.preprocess.cubic_splines import FieldGrid, blur, one_per_device
from infusenet.preprocess.optical_strain import tensor_norm

# Knots and window grow with crops of more than this side, px. In smaller crops they keep their px: noise does
# not shrink with the crop (measured at 64 to 336 px).
SIDE = 224
KNOT = 4.0  # between knots: finer ones follow noise, coarser ones lose lids and lips
WINDOW = 4.0  # standard deviation of the photometric match: wider ones let a blink move the brows
COARSEST = 28  # side of the coarsest level

DATA = 0.3  # weight of a gray level against a px/px of total variation
NOISE = 2.0  # gray levels: below it a residual is noise (squared), above it an outlier (L1)
STILL = 0.002  # px/px, the same for total variation
BLUR = 0.4  # px, of both frames: sensor noise without the edges
FLAT = 1.0  # gray levels squared, variance below which contrast is not matched
COARSE_WARPS = 5  # on each level but the finest
WARPS, BREGMAN_WARPS = 3, 2  # on the finest level, before and after Bregman's step
SOLVER_STEPS = 8  # of conjugate gradients per warp

# Pixels that a CPU takes at once on a level, four frames of 224 px or more of a coarser one: their dozen images stay in
# its cache, and small levels are not taken pair by pair. Changes no bits.
CACHED = 4 * 224**2


@dataclass(frozen=True)
class SplineFlow:
    """Flows of N pairs as cubic B-spline fields.

    ``coefficients``: float32 (N, 2, rows of knots, columns of knots), px. ``height`` and ``width`` are the
    frames', px; the grid may be a few px larger.
    """

    coefficients: torch.Tensor
    grid: FieldGrid
    height: int
    width: int

    def flow(self):
        """float32 (N, 2, H, W): (f_x, f_y) in px, so that apex(p + f(p)) shows what onset(p) shows."""
        return self._crop(self.grid.values(self.coefficients))

    def strain(self):
        """float32 (N, H, W), >= 0, px per px: `optical_strain.tensor_norm` of the splines' exact derivatives."""
        (ux, vx), (uy, vy) = (self._crop(part).unbind(1) for part in self.grid.slopes(self.coefficients))
        return tensor_norm(ux, uy, vx, vy)

    def _crop(self, image):
        return image[..., : self.height, : self.width]


@torch.no_grad()
def solve(onset, apex) -> SplineFlow:
    """Flow of gray frames from onset to apex.

    Parameters
    ----------
    onset, apex : float32 tensors (N, H, W) on one device, gray levels 0..255; sides of at least 16 px

    Returns
    -------
    SplineFlow; exactly zero where the frames of a pair are equal. No pair's flow depends on the others.
    """
    height, width = onset.shape[-2:]
    side = max(height, width)
    scale = max(side / SIDE, 1)
    levels = max(round(log2(side / COARSEST)) + 1, 1)
    pyramid = [tuple(_padded(frame, 2**levels) for frame in (onset, apex))]
    for _ in range(levels - 1):
        pyramid.append(tuple(avg_pool2d(frame, 2) for frame in pyramid[-1]))
    grids = [FieldGrid(*frames[0].shape[-2:], KNOT * scale, onset.device) for frames in pyramid]
    coefficients = onset.new_zeros(len(onset), 2, *grids[-1].shape)
    for level in reversed(range(levels)):
        if level < levels - 1:
            coefficients = grids[level].refine(coefficients, grids[level + 1])
        window = max(WINDOW / 2**level, 2.0) * scale
        warps = (COARSE_WARPS, 0) if level else (WARPS, BREGMAN_WARPS)
        count = len(onset) if onset.is_cuda else max(CACHED // pyramid[level][0][0].numel(), 1)
        groups = zip(*(part.split(count) for part in (*pyramid[level], coefficients)), strict=True)
        coefficients = torch.cat([_descend(*group, grids[level], window, *warps) for group in groups])
    # Rounding leaves 1e-5 px between equal frames, which min-max would take for motion.
    differ = (onset != apex).flatten(1).any(1)
    return SplineFlow(coefficients * differ[:, None, None, None], grids[0], height, width)


def _padded(image, divisor: int):
    bottom, right = (-size % divisor for size in image.shape[-2:])
    return pad(image, (0, right, 0, bottom), mode="replicate") if right or bottom else image


def _descend(onset, apex, coefficients, grid: FieldGrid, window: float, warps: int, bregman_warps: int):
    """Warps on one level of the pyramid, from ``coefficients`` on; each linearises and solves once."""
    term = _DataTerm(onset, apex, grid, window)
    subgradient = torch.zeros_like(coefficients)
    for number in range(warps + bregman_warps):
        pull, products = term.linearise(coefficients)
        if number == warps:  # where E is minimal, total variation's sub-gradient is minus the data's
            subgradient = -pull
        stiffness = _stiffness(coefficients, grid.spacing)
        system = _System(grid, products, stiffness)
        coefficients = coefficients + system.solve(subgradient - pull - _smoothness(coefficients, stiffness))
    return coefficients


class _DataTerm:
    """The pixels' part of the energy; in place where it can be, because memory takes the time."""

    def __init__(self, onset, apex, grid: FieldGrid, window: float):
        self.grid, self.window = grid, window
        onset, self.apex_spline = blur(onset, BLUR), cubic_splines.interpolate(blur(apex, BLUR))
        self.gradient = cubic_splines.gradient(cubic_splines.interpolate(onset))
        # Blocks of 2 x 2 pixels are enough for the matrix: knots are far apart, the solution is the same.
        gx, gy = self.gradient.unbind(1)
        self.products = 4 * avg_pool2d(torch.stack([gx * gx, gy * gy, gx * gy], 1), 2)
        mean, self.variance = _moments(onset, window)
        self.detail = onset - mean

    def linearise(self, coefficients):
        """The gradient B' [w rho G] (N, 2, rows, columns), and w G G' (N, 3, H / 2, W / 2) as xx, yy and xy."""
        moved = cubic_splines.warp(self.apex_spline, self.grid.values(coefficients))
        mean, variance = _moments(moved, self.window)
        gain = (self.variance / variance).sqrt_()
        residual = moved.sub_(mean).mul_(gain).sub_(self.detail)
        weight = DATA / (residual * residual).add_(NOISE**2).sqrt_()
        pull = self.grid.project(self.gradient * residual.mul_(weight)[:, None])
        return pull, self.products * avg_pool2d(weight, 2)[:, None]


def _moments(image, window: float):
    """Local mean, and local variance plus `FLAT`."""
    mean = blur(image, window)
    return mean, blur(image * image, window).sub_(mean * mean).clamp_(min=0).add_(FLAT)


# --- total variation --------------------------------------------------------------------------------


def _stiffness(coefficients, spacing: float):
    """1 / sqrt(|Du|^2 + STILL^2) at the knots, of both flow components together: (N, 1, rows, columns)."""
    across, down = _differences(coefficients)
    squared = (across * across + down * down).sum(1, keepdim=True)
    return 1 / (squared / spacing**2 + STILL**2).sqrt()


def _smoothness(coefficients, stiffness):
    """Gradient of the total variation with its weights held: D' (stiffness D c)."""
    across, down = (stiffness * part for part in _differences(coefficients))
    result = -across
    result[..., 1:] += across[..., :-1]
    result[..., 1:, :] += down[..., :-1, :]
    return result.sub_(down)


def _differences(x):
    """Forward differences to the right and down, zero at the last knot."""
    return pad(x[..., 1:] - x[..., :-1], (0, 1)), pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))


# --- one linear system per warp ---------------------------------------------------------------------


class _System:
    """(B' [w G G'] B + D' s D) step = target: w G G' as of `_DataTerm`, stiffness s."""

    def __init__(self, grid: FieldGrid, products, stiffness):
        self.grid, self.stiffness = grid, stiffness
        self.squares, self.cross = products[:, :2], products[:, 2]
        # The preconditioner: the same matrix with mean weights, which cosine transforms make diagonal. A knot
        # has (h / 2)^2 products; B'B weighs a smooth field by 1 and an alternating one by 0, 1/8 lies between.
        data = _mean(self.squares.sum(1)) / 2 * (grid.spacing / 2) ** 2 / 8
        self.rows, self.columns = (_cosines(grid.device, count) for count in grid.shape)
        laplacian = _curvatures(grid.device, grid.shape[0])[:, None] + _curvatures(grid.device, grid.shape[1])
        # 1e-3 where frames are flat: the shift of all knots together has no curvature.
        self.spectrum = 1 / (data + 1e-3 + _mean(stiffness[:, 0]) * laplacian)[:, None]

    def solve(self, target):
        """Conjugate gradients from zero, `SOLVER_STEPS` steps; each pair has its own step lengths."""
        step, rest = torch.zeros_like(target), target
        direction = ahead = self._precondition(rest)
        size = _dot(rest, ahead)
        for _ in range(SOLVER_STEPS):
            image = self._apply(direction)
            length = size / _dot(direction, image).clamp(min=1e-20)
            step, rest = step.add_(length * direction), rest - image.mul_(length)
            ahead = self._precondition(rest)
            size, previous = _dot(rest, ahead), size
            direction = direction.mul_(size / previous.clamp(min=1e-20)).add_(ahead)
        return step

    def _apply(self, x):
        fields = self.grid.halved_values(x)
        data = self.squares * fields
        data[:, 0] += self.cross * fields[:, 1]
        data[:, 1] += self.cross * fields[:, 0]
        return self.grid.halved_project(data).add_(_smoothness(x, self.stiffness))

    def _precondition(self, x):
        return self.rows.T @ (self.rows @ x @ self.columns.T * self.spectrum) @ self.columns


@one_per_device
def _cosines(count: int):
    """Orthonormal cosine transform along one axis: eigenvectors of `_differences`' D'D."""
    k = torch.arange(count, dtype=torch.float64)
    matrix = torch.cos(torch.pi * (k + 0.5) * k[:, None] / count) * (2 / count) ** 0.5
    matrix[0] /= 2**0.5
    return matrix


@one_per_device
def _curvatures(count: int):
    """Eigenvalues of D'D along one axis."""
    return 2 - 2 * torch.cos(torch.pi * torch.arange(count, dtype=torch.float64) / count)


# Sums run row by row, so that their rounding depends neither on the number of pairs nor on threads.


def _dot(a, b):
    return (a * b).sum(-1).sum(-1).sum(-1)[:, None, None, None]


def _mean(image):
    """Mean of each (H, W) image: (N, H, W) -> (N, 1, 1)."""
    return image.mean(-1).mean(-1)[:, None, None]
