"""Action Units as displacement fields: place, direction and time course of each muscle's pull.

The places and directions follow the Facial Action Coding System (Ekman, Friesen and Hager 2002).
A field is a sum of Gaussian pulls anchored on landmarks; lengths are in units of the distance
between the outer eye corners. Image axes: x to the right, y down; "left" is the image's left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pull:
    """One Gaussian pull: (x, y) centre, (dx, dy) displacement at the centre, spread sigma; same unit."""

    x: float
    y: float
    dx: float
    dy: float
    sigma: float


# AU: [(landmarks of the left side whose mean is the anchor, offset, direction, sigma)]; the right
# side is its mirror image. Offsets and directions point outward for positive x.
MUSCLES = {
    1: [((20, 21), (0, -0.03), (0, -1), 0.12)],
    2: [((17, 18, 19), (0, -0.03), (0, -1), 0.13)],
    4: [((19, 20), (0, 0), (-0.45, 0.9), 0.15), ((21,), (-0.05, 0.02), (-0.5, 0.5), 0.09)],
    5: [((37, 38), (0, -0.02), (0, -1), 0.075)],
    6: [((36, 41), (0.08, 0.26), (-0.25, -1), 0.15)],
    7: [((40, 41), (0, 0.03), (0, -1), 0.07), ((37, 38), (0, 0), (0, 0.5), 0.06)],
    9: [((28, 29), (0.10, 0), (-0.2, -1), 0.09), ((21,), (0, 0.08), (-0.2, 0.45), 0.08)],
    10: [((50,), (0.03, -0.05), (0.1, -1), 0.10)],
    12: [((48,), (0, 0), (0.75, -0.75), 0.14)],
    14: [((48,), (0.02, 0), (-1, 0.05), 0.11)],
    15: [((48,), (0, 0.03), (0.1, 1), 0.13)],
    17: [((7, 8, 57, 58), (0, -0.02), (0, -1), 0.15)],
}
MIRROR = {
    **{n: 16 - n for n in range(17)},
    **{17 + n: 26 - n for n in range(5)},
    **{n: n for n in (27, 28, 29, 30, 33, 51, 57, 62, 66)},
    31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65,
}  # fmt: skip


def pulls(au: int, landmarks: np.ndarray, sides: str = "LR") -> list[Pull]:
    """The pulls of one AU with a peak of one unit length.

    Parameters
    ----------
    au : int
        One of the 12.
    landmarks : float array (68, 2)
    sides : {"LR", "L", "R"}
        Both sides or the image's left or right alone.

    Returns
    -------
    list of Pull, positions and sigma in the landmarks' unit, displacement scaled to a peak of 1
    """
    across = landmarks[45] - landmarks[36]
    unit = float(np.hypot(*across))
    right, down = across / unit, np.array([-across[1], across[0]]) / unit
    field = []
    for points, offset, direction, sigma in MUSCLES[au]:
        for side in sides:
            outward = -1 if side == "L" else 1
            indices = points if side == "L" else tuple(MIRROR[n] for n in points)
            anchor = landmarks[list(indices)].mean(0)
            centre = anchor + unit * (outward * offset[0] * right + offset[1] * down)
            pull = outward * direction[0] * right + direction[1] * down
            field.append(Pull(*centre, *pull, sigma * unit))
    peak = max(np.hypot(*displacement(field, np.array([[pull.x, pull.y]]))[0]) for pull in field)
    return [Pull(p.x, p.y, p.dx / peak, p.dy / peak, p.sigma) for p in field]


def displacement(field: Sequence[Pull], points: np.ndarray) -> np.ndarray:
    """The field at points (n, 2): float64 (n, 2)."""
    total = np.zeros(points.shape)
    for pull in field:
        squared = (points[:, 0] - pull.x) ** 2 + (points[:, 1] - pull.y) ** 2
        total += np.exp(squared / (-2 * pull.sigma**2))[:, None] * (pull.dx, pull.dy)
    return total


def time_course(numbers: np.ndarray, onset: int, apex: int, offset: int) -> np.ndarray:
    """Share of the peak at each frame: 0 up to the onset, 1 at the apex, 0.25 at the offset.

    Raised cosines in between. Where onset and apex coincide the film starts at the peak.
    """
    rise = (numbers - onset) / max(apex - onset, 1)
    fall = (numbers - apex) / max(offset - apex, 1)
    rising = (1 - np.cos(np.pi * rise.clip(0, 1))) / 2
    falling = 1 - 0.75 * (1 - np.cos(np.pi * fall.clip(0, 1))) / 2
    return np.where(numbers < apex, rising, falling)
