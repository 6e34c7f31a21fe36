"""LBP-TOP with a support vector machine per AU: the CD6ME benchmark's baseline without learning.

Zhao and Pietikäinen 2007: local binary patterns on three orthogonal planes. Parameters and the rule of
overlapping blocks are the benchmark's: radius 3 in x, y and t, 8 neighbours at rounded places, uniform
patterns, raw counts.
"""

import math

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError
from infusenet.protocol import AUS

RADIUS, BLOCKS, BINS = 3, 8, 59
FEATURES = BLOCKS * BLOCKS * 3 * BINS
# (along the plane's first axis, against its second) for bits 0..7: a circle of radius 3, rounded.
CIRCLE = ((3, 0), (2, -2), (0, -3), (-2, -2), (-3, 0), (-2, 2), (0, 3), (2, 2))
# Each plane's two axes, in an array (t, y, x).
PLANES = ((2, 1), (2, 0), (1, 0))


def uniform_bins() -> np.ndarray:
    """Bin 0..58 of each of the 256 codes: 58 with at most two changes round the circle, and the rest."""
    codes = np.arange(256, dtype=np.uint8)
    turned = (codes << 1) | (codes >> 7)
    uniform = np.unpackbits((codes ^ turned)[:, None], axis=1).sum(1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, BINS - 1)


def blocks(side: int) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last of 8 overlapping blocks in a row that each place counts in: int (side,) twice.

    ``side`` is that of the map of codes, the image's less two radii: 106 gives blocks of 21 px, each 12 px
    after the one before. Both are the same where no two blocks overlap. The remainder at the far edge belongs
    to the last block.
    """
    overlap = math.ceil(0.7 * (math.ceil(side / BLOCKS) - 1)) - 1
    length = (side + overlap * (BLOCKS - 1)) // BLOCKS
    place = np.arange(1, side + 1)
    first = np.maximum(0, (place - length - 1) // (length - overlap) + 1)
    last = -(-(place + (first + 1) * overlap) // length) - 1
    return np.minimum(first, BLOCKS - 1), np.minimum(last, BLOCKS - 1)


def features(video: np.ndarray) -> np.ndarray:
    """LBP-TOP histograms of a gray clip.

    A place counts in two blocks at most: that of its first row and first column, and, where another one
    overlaps, that of its last row and last column. Where four overlap, the two others leave it out.

    Parameters
    ----------
    video : uint8 array (T, S, S), T >= 7; S = 112 in the benchmark

    Returns
    -------
    int16 array (11328,): counts by row and column of 8 x 8 blocks, plane (XY, XT, YT) and bin
    """
    inner = [slice(RADIUS, length - RADIUS) for length in video.shape]
    centre = video[tuple(inner)]
    bins = uniform_bins()
    maps = []
    for axes in PLANES:
        code = np.zeros(centre.shape, np.uint8)
        for bit, shifts in enumerate(CIRCLE):
            place = list(inner)
            for axis, shift in zip(axes, shifts, strict=True):
                place[axis] = slice(RADIUS + shift, video.shape[axis] - RADIUS + shift)
            code |= (video[tuple(place)] >= centre).view(np.uint8) << bit
        maps.append(bins[code])

    # The place of a count: its block, plane and bin.
    planes = np.stack(maps) + BINS * np.arange(len(PLANES))[:, None, None, None]
    first, last = (
        BLOCKS * rows[:, None] + columns
        for rows, columns in zip(*(blocks(side) for side in centre.shape[1:]), strict=True)
    )
    again = first != last
    size = len(PLANES) * BINS
    counts = np.bincount((planes + size * first).ravel(), minlength=FEATURES)
    counts += np.bincount((planes[..., again] + size * last[again]).ravel(), minlength=FEATURES)
    return counts.astype(np.int16)


class LBPTOP(nn.Module):
    """Decision values of twelve support vector machines with kernel (gamma <x, s>)^3.

    Nothing is learned by gradients: `fit` replaces training. The machines are buffers, so a state
    dict holds them; their sizes are those of the last fit or of the state dict loaded.
    """

    scoring_batch = 32  # pays for reading the support once; a score does not depend on it

    def __init__(self):
        super().__init__()
        self.register_buffer("support", torch.zeros(0, FEATURES, dtype=torch.int16))
        self.register_buffer("dual", torch.zeros(0, len(AUS), dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(len(AUS), dtype=torch.float64))
        self.register_buffer("gamma", torch.ones((), dtype=torch.float64))

    def fit(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        """Fit a machine per AU (scikit-learn's SVC: poly, degree 3, gamma scale, C 1).

        Parameters
        ----------
        inputs : {"video": uint8 (n, T, S, S)}
        labels : (n, 12), 0 or 1
            An AU with one class only gets the constant decision -1 (never active) or 1.
        """
        counts = self.describe(inputs["video"])
        x, labels = counts.double().numpy(), labels.cpu().numpy()
        gamma = 1 / (FEATURES * x.var())
        kernel = (gamma * (x @ x.T)) ** 3
        dual, intercept = np.zeros((len(x), len(AUS))), 2.0 * labels[0] - 1
        for au, column in enumerate(labels.T):
            if column.min() < column.max():
                machine = SVC(kernel="precomputed", C=1).fit(kernel, column)
                dual[machine.support_, au] = machine.dual_coef_[0]
                intercept[au] = machine.intercept_[0]
        used = dual.any(1)
        fitted = counts[used], torch.from_numpy(dual[used]), torch.from_numpy(intercept), torch.tensor(gamma)
        for name, value in zip(("support", "dual", "intercept", "gamma"), fitted, strict=True):
            setattr(self, name, value.to(getattr(self, name)))

    def forward(self, video: Tensor) -> dict[str, Tensor]:
        """Gray clips uint8 (B, T, S, S) -> decision values (B, 12), positive iff the AU is found."""
        counts = self.describe(video).to(self.support.device)
        # Products of counts are whole numbers, exact in float64 in any order.
        kernel = (self.gamma * (counts.double() @ self.support.double().T)) ** 3
        return {"video": (kernel @ self.dual + self.intercept).float()}

    @staticmethod
    def describe(video: Tensor) -> Tensor:
        """Features of gray clips (B, T, S, S): int16 (B, 11328) on the CPU."""
        return torch.from_numpy(np.stack([features(clip) for clip in video.cpu().numpy()]))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        if (support := state_dict.get(f"{prefix}support")) is not None:
            for name in ("support", "dual"):
                buffer = getattr(self, name)
                setattr(self, name, buffer.new_empty((*support.shape[:1], *buffer.shape[1:])))
        super()._load_from_state_dict(state_dict, prefix, *args)


def lbp_top(recipe: MethodRecipe) -> LBPTOP:
    if recipe.weights != "none":
        raise InputError(f"lbp_top: weights is '{recipe.weights}', expected none: nothing is pretrained")
    return LBPTOP()
