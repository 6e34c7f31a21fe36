"""Motion that the solvers' priors were not made for: narrow bumps, edges that move, folds, large shifts.

A scene is a face of the stand-ins in crop px. Its layers move, each by a smooth field of its own, and cover each other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib.path import Path as Outline

from infusenet.standins.motion import Pull, displacement

SIGMAS, PEAKS = (9, 5, 3.5, 2.5), (1, 0.5, 0.2, 0.1, 0.05)  # px, of isolated bumps
SHIFTS = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2)  # px, of the whole picture
HEAD_SHIFTS = (4, 8, 14)  # px, beside a bump of 1 px
AHEAD = np.array([np.cos(0.5), np.sin(0.5)])  # their direction: along no row, column or diagonal
LID, BLINK = 6.0, 4.0  # px: how far a lid's motion reaches upwards, and a blink's size

Field = Callable[[np.ndarray], np.ndarray]


def rest(points: np.ndarray) -> np.ndarray:
    """The field of what stays."""
    return np.zeros(points.shape)


def everywhere(points: np.ndarray) -> np.ndarray:
    return np.ones(len(points), bool)


@dataclass(frozen=True)
class Layer:
    """A part of the picture that moves by itself.

    The moved frame shows at q what the still one shows at q - ``field``(q), if that place is one that the layer
    ``covers``. Both take points (n, 2) in crop px and return (n, 2) px and bool (n,).
    """

    field: Field
    covers: Callable[[np.ndarray], np.ndarray] = everywhere


@dataclass(frozen=True)
class Scene:
    """Layers, the first in front; the last one covers everything.

    ``shift`` (2,) px is the head's motion, to be taken off before errors are compared with the motion. ``zone`` says
    where motion is measured; by default, where it is more than half of its peak.
    """

    group: str
    name: str
    layers: tuple[Layer, ...]
    shift: np.ndarray | None = None
    zone: Callable[[np.ndarray], np.ndarray] | None = None

    def motion(self, points: np.ndarray) -> np.ndarray:
        """True displacement of what the still frame shows at points (n, 2): float64 (n, 2), px."""
        motion, free = np.zeros(points.shape), np.ones(len(points), bool)
        for layer in self.layers:
            part = free & layer.covers(points)
            free &= ~part
            moved = start = points[part]
            for _ in range(60):  # moved = start + field(moved); the fields' slopes are below one
                moved = start + layer.field(moved)
            motion[part] = moved - start
        return motion

    def sources(self, points: np.ndarray) -> np.ndarray:
        """Places of the still frame (n, 2) that the moved one shows at points (n, 2)."""
        places, free = points.copy(), np.ones(len(points), bool)
        for layer in self.layers:
            source = points - layer.field(points)
            part = free & layer.covers(source)
            places[part] = source[part]
            free &= ~part
        return places


def scenes(landmarks: np.ndarray) -> Iterator[Scene]:
    """All scenes of a face with these landmarks (68, 2), crop px."""
    for sigma in SIGMAS:
        for peak in PEAKS:
            yield Scene("bumps", f"sigma {sigma:g}, {peak:g} px", (Layer(bumps(landmarks, peak, sigma)),))
    for size in SHIFTS:
        yield Scene("whole picture", f"shift {size:g} px", (Layer(uniform(size)),))
    for size in (1, 0.3):
        yield Scene("edges and folds", f"upper lids, {size:g} px", tuple(lids(landmarks, size)))
    for size in (1, 0.3):
        yield Scene("edges and folds", f"lips part, {size:g} px each", tuple(lips(landmarks, size)))
    yield Scene("edges and folds", "fold, +-0.5 px within 8 px", (Layer(fold(landmarks)),))
    brows = bumps(landmarks[[19, 24]], 0.5, 9, ((0, -1), (0, -1)))
    yield Scene(
        "edges and folds",
        f"brow 0.5 px beside a blink of {BLINK:g} px",
        tuple(lids(landmarks, BLINK, brows)),
        zone=lambda points: np.hypot(*brows(points).T) > 0.25,
    )
    for size in HEAD_SHIFTS:
        local = bumps(landmarks, 1, 9)
        yield Scene(
            "head shifts", f"{size} px and bumps of 1 px", (Layer(lambda q, s=size, f=local: s * AHEAD + f(q)),),
            shift=size * AHEAD,
        )  # fmt: skip
    yield still_wall(landmarks, 3)


def uniform(size: float) -> Field:
    return lambda points: np.broadcast_to(size * AHEAD, points.shape)


def bumps(
    landmarks: np.ndarray, peak: float, sigma: float, ways=((0, -1), (0, -1), (-1, 0), (1, 0))
) -> Field:
    """Gaussian bumps at both brows, upwards, and both corners of the mouth, outwards; too far apart to meet."""
    sites = landmarks[[19, 24, 48, 54]] if len(landmarks) == 68 else landmarks
    pulls = [Pull(*site, peak * x, peak * y, sigma) for site, (x, y) in zip(sites, ways, strict=True)]
    return lambda points: displacement(pulls, points)


def slit(line: np.ndarray, size: float, reach: float) -> tuple[Field, Callable]:
    """A vertical motion of ``size`` px (down is positive) at a line (n, 2), from its left end to its right one.

    It fades with the distance from the line (a Gaussian of ``reach`` px) and towards both ends. The second function
    says which points are above the line.
    """
    line = line[np.argsort(line[:, 0])]
    centre, half = (line[0, 0] + line[-1, 0]) / 2, (line[-1, 0] - line[0, 0]) / 2

    def field(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        width = (1 - ((x - centre) / half) ** 2).clip(0)
        away = y - np.interp(x, *line.T)
        return np.stack([np.zeros(len(x)), size * width * np.exp(-(away**2) / (2 * reach**2))], 1)

    return field, lambda points: points[:, 1] < np.interp(points[:, 0], *line.T)


def lids(landmarks: np.ndarray, size: float, skin: Field = rest) -> list[Layer]:
    """Both upper lids move down over eyes that stay; ``skin`` moves everything above the lids' edges as well."""
    parts = [slit(landmarks[36:40], size, LID), slit(landmarks[42:46], size, LID)]
    middle = landmarks[27, 0]

    def above(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 0] < middle, parts[0][1](points), parts[1][1](points))

    return [Layer(lambda q: skin(q) + sum(field(q) for field, _ in parts), above), Layer(skin)]


def lips(landmarks: np.ndarray, size: float) -> list[Layer]:
    """Both lips move away from the line between them, where the picture stays as it is."""
    line = (landmarks[[60, 61, 62, 63, 64]] + landmarks[[60, 67, 66, 65, 64]]) / 2
    (up, above), (down, _) = slit(line, -size, LID), slit(line, size, LID)
    return [Layer(up, above), Layer(down, lambda points: ~above(points)), Layer(rest)]


def fold(landmarks: np.ndarray) -> Field:
    """Both cheeks close up beside the nose: from +0.5 to -0.5 px within 8 px."""
    centres = (landmarks[[31, 35]] + landmarks[[48, 54]]) / 2 + ((-6, 0), (6, 0))

    def field(points: np.ndarray) -> np.ndarray:
        across = np.zeros(len(points))
        for centre in centres:
            offset = points - centre
            across -= 0.5 * (offset[:, 0] / 4).clip(-1, 1) * np.exp(-(offset**2).sum(1) / (2 * 14**2))
        return np.stack([across, np.zeros(len(points))], 1)

    return field


def still_wall(landmarks: np.ndarray, size: float) -> Scene:
    """A head that moves before surroundings that stay; measured in the 8 px inside the jaw."""
    jaw, crown = landmarks[:17], landmarks[[26, 24, 19, 17]] - (0, 60)
    middle = landmarks[[36, 45]].mean(0)

    def moved_out(distance: float) -> np.ndarray:
        return middle + (jaw - middle) * (1 + distance / np.linalg.norm(jaw - middle, axis=1))[:, None]

    outline = np.concatenate([moved_out(2), crown]).astype(np.float32)
    head, inner = Outline(cv2.convexHull(outline)[:, 0]), Outline(np.concatenate([moved_out(-8), crown]))
    layers = Layer(uniform(size), head.contains_points), Layer(rest)
    return Scene(
        "head shifts", f"{size:g} px before still surroundings, along the jaw", layers,
        zone=lambda points: ~inner.contains_points(points),
    )  # fmt: skip
