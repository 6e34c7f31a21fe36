"""Motion of regions of the face against a reference frame, after the head's motion is taken out.

The regions follow He (2021, doi 10.1145/3474085.3479225): fourteen places on brows, cheeks, nose, mouth and chin
that Action Units move, without the eyes. The upper lids are measured beside them, to know blinks. Flow is that of
Lucas and Kanade (1981) in a window around each place, with the change of light in it. Arrays in, arrays out.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from infusenet.preprocess import alignment

# Side of the crop in px, and the distance between the outer eye corners in it, which is the unit of all results.
SIZE = 160
EYES = float(np.ptp(alignment.TEMPLATE[:4, 0])) * SIZE
# Image left and right of each region: landmarks whose mean is its place. A point named twice counts twice.
REGIONS = {
    "outer brow": ((17, 18, 19), (24, 25, 26)),
    "inner brow": ((20, 21), (22, 23)),
    "cheek": ((36, 36, 48), (45, 45, 54)),
    "nose": ((28, 29, 31), (28, 29, 35)),
    "upper lip": ((31, 49, 50), (35, 52, 53)),
    "mouth corner": ((48,), (54,)),
    "chin": ((7, 8, 57, 58), (8, 9, 56, 57)),
    "upper lid": ((37, 38), (43, 44)),
}
COUNT = 2 * len(REGIONS)
LIDS = slice(COUNT - 2, COUNT)
# Standard deviation of a window's Gaussian weight, in eye distances, and its half side in standard deviations.
SPREAD, REACH = 0.09, 2.5
# The head's motion is fitted to windows this many px apart, none nearer to an eye than `EYE_RADIUS` eye distances.
EVERY, EYE_RADIUS = 10, 0.2
# Rounds of reweighting of that fit, and the residual in px below which skin counts as still.
ROUNDS, STILL = 8, 0.02
BLUR = 1.0  # px, of every crop, so that its slopes are smooth
# Noise in gray levels, and sizes that the unknowns of a window may have: motion and its growth across the window
# (px), gain of the light (relative) and offset (gray levels). They decide only where a window is nearly plain.
NOISE, PRIOR = 1.0, (1, 1, 0.05, 0.05, 0.05, 0.05, 0.05, 10)
# The head's motion is measured again, on a new crop, while the fit moves a corner of the crop by more px than this.
CONVERGED, ITERATIONS = 0.15, 6


@dataclass(frozen=True)
class Reference:
    """A face that later frames are compared with.

    ``smooth`` float32 (SIZE, SIZE), the crop by the similarity ``matrix`` (2, 3), slightly blurred; ``landmarks``
    (68, 2) in crop px; ``places``
    complex x + iy (n,) in crop px, the first COUNT of them the regions; ``windows`` int (n, p), indices of their
    pixels; ``solvers`` float32 (n, 2, p), which turn the change in a window into its motion.
    """

    smooth: np.ndarray
    matrix: np.ndarray
    landmarks: np.ndarray
    places: np.ndarray
    windows: np.ndarray
    solvers: np.ndarray


def reference(frame: np.ndarray, landmarks: np.ndarray) -> Reference:
    """The reference of a frame, uint8 (H, W) gray, with its 68 landmarks, (68, 2) in px of the frame."""
    matrix = alignment.similarity(landmarks, SIZE)
    marks = alignment.apply(matrix, landmarks)
    regions = [marks[list(points)].mean(0) for sides in REGIONS.values() for points in sides]
    places = np.array([*regions, *_skin(marks)])
    start = _blur(crop(frame, matrix))
    return Reference(start, matrix, marks, places @ (1, 1j), *_windows(start, places))


def crop(frame: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The face of a frame, uint8 (H, W) gray, by the similarity ``matrix``: uint8 (SIZE, SIZE)."""
    return alignment.crop(frame, matrix, SIZE)


def _blur(face: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(face.astype(np.float32), (0, 0), BLUR)


def _skin(marks: np.ndarray) -> list[tuple[int, int]]:
    """A grid of places inside the landmarks' hull, without the eyes."""
    hull = cv2.convexHull(marks.astype(np.float32))
    eyes = marks[36:42].mean(0), marks[42:48].mean(0)
    ticks = range(EVERY // 2, SIZE, EVERY)
    return [
        (x, y)
        for y in ticks
        for x in ticks
        if cv2.pointPolygonTest(hull, (x, y), False) > 0
        and min(np.hypot(*(eye - (x, y))) for eye in eyes) > EYE_RADIUS * EYES
    ]


def _windows(start: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``windows`` and ``solvers`` of a `Reference`.

    In a window the later frame is start(p - m(p)) times a gain plus an offset, with a motion m that grows linearly
    across the window. For small m this is linear in all eight unknowns, so that the weighted least squares are one
    matrix per window.
    """
    spread = SPREAD * EYES
    reach = round(REACH * spread)
    dx, dy = (part.ravel() for part in np.meshgrid(*[np.arange(-reach, reach + 1)] * 2))
    x, y = (
        (centre[:, None] + step).clip(0, SIZE - 1)
        for centre, step in zip(np.rint(places).astype(int).T, (dx, dy), strict=True)
    )
    across, down = (np.gradient(start, axis=axis)[y, x] for axis in (1, 0))
    columns = (across, down, across * dx, across * dy, down * dx, down * dy)
    columns = [-column / (1, 1, spread, spread, spread, spread)[n] for n, column in enumerate(columns)]
    design = np.stack([*columns, start[y, x], np.ones_like(across)], 1)
    weighted = design * np.exp((dx**2 + dy**2) / (-2 * spread**2))
    normal = weighted @ design.transpose(0, 2, 1) + np.diag((NOISE / np.array(PRIOR)) ** 2)
    return y * SIZE + x, np.linalg.solve(normal, weighted)[:, :2].astype(np.float32)


def measure(start: Reference, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Motion from a reference to a later crop, uint8 (SIZE, SIZE), in which the head has moved by about a px at most.

    Returns
    -------
    complex128 (COUNT,) : motion x + iy of the regions against the head, in eye distances
    float64 (2, 3) : the head's motion, a similarity from the reference's crop to ``face``
    """
    change = (_blur(face) - start.smooth).ravel()[start.windows]
    motion = (start.solvers @ change[..., None])[..., 0] @ (1, 1j)
    shift, turn = _similarity(start.places[COUNT:], motion[COUNT:])
    local = motion[:COUNT] - shift - turn * start.places[:COUNT]
    linear = np.array([[1 + turn.real, -turn.imag], [turn.imag, 1 + turn.real]])
    return local / EYES, np.column_stack([linear, (shift.real, shift.imag)])


def _similarity(places: np.ndarray, motion: np.ndarray) -> tuple[complex, complex]:
    """``shift`` and ``turn`` of the similarity motion = shift + turn * place, by least absolute deviations: it
    follows the skin that is still, whatever the muscles do."""
    weights = np.ones(len(places))
    for _ in range(ROUNDS):
        weights /= weights.sum()
        middle, mean = weights @ places, weights @ motion
        arms = places - middle
        turn = np.vdot(weights * arms, motion - mean) / np.vdot(weights * arms, arms).real
        shift = mean - turn * middle
        weights = 1 / np.sqrt(np.abs(motion - shift - turn * places) ** 2 + STILL**2)
    return shift, turn


def track(
    start: Reference, frame: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow the head into a frame, uint8 (H, W) gray, from its place ``matrix`` (2, 3) in the frame before.

    Returns
    -------
    complex128 (COUNT,) : motion of the regions, as `measure` does
    float64 (2, 3) : the head's place in this frame
    uint8 (SIZE, SIZE) : the crop at this place, or less than `CONVERGED` px beside it
    """
    corners = np.array([(0, 0), (SIZE, 0), (0, SIZE)])
    for _ in range(ITERATIONS):
        face = crop(frame, matrix)
        local, move = measure(start, face)
        matrix = alignment.compose_sway(matrix, move)
        if np.abs(alignment.apply(move, corners) - corners).max() < CONVERGED:
            break
    return local, matrix, face


def likeness(start: Reference, face: np.ndarray) -> float:
    """Correlation of a crop with the reference's over the skin, -1 to 1; 0 where one of them is plain."""
    x, y = np.rint(start.places[COUNT:].real).astype(int), np.rint(start.places[COUNT:].imag).astype(int)
    pair = np.stack([start.smooth[y, x], _blur(face)[y, x]])
    pair -= pair.mean(1, keepdims=True)
    norms = np.sqrt((pair**2).sum(1))
    return float(pair[0] @ pair[1] / norms.prod()) if norms.all() else 0.0
