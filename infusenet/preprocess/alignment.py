"""Alignment: one similarity transform, from the landmarks of the onset, crops all frames of a clip.

Landmarks on every frame jitter by more than the motion we look for, so they are located once, on the
onset (`infusenet.preprocess.face_detection`), and the same warp serves the whole clip. Arrays in, arrays out.
"""

import cv2
import numpy as np

# Eye corners and nose bridge: the points that expressions move least.
STABLE = (36, 39, 42, 45, 27, 28, 29, 30)
# Where they lie in a unit crop: the usual frontal proportions, with room for brows and chin.
TEMPLATE = np.array(
    [
        (0.300, 0.400), (0.425, 0.404), (0.575, 0.404), (0.700, 0.400),
        (0.500, 0.400), (0.500, 0.457), (0.500, 0.514), (0.500, 0.571),
    ]
)  # fmt: skip


def similarity(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Least-squares similarity (Umeyama 1991) from native to crop pixels: float64 (2, 3).

    ``landmarks`` are (68, 2) in native px; ``size`` is the crop's side. Pixel centres lie at integer
    coordinates.
    """
    source, target = landmarks[list(STABLE)], TEMPLATE * size - 0.5
    centre, aim = source.mean(0), target.mean(0)
    # As complex numbers a similarity is one factor: scale and rotation.
    a, b = ((points - middle) @ (1, 1j) for points, middle in ((source, centre), (target, aim)))
    factor = np.vdot(a, b) / np.vdot(a, a).real
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, aim - linear @ centre])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) through an affine (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine (2, 3) that applies ``inner`` first and then ``outer``."""
    product = outer[:, :2] @ inner
    product[:, 2] += outer[:, 2]
    return product


def crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """One resampling of a frame into the crop: uint8 (size, size, 3), border replicated.

    Where the face in the frame is larger than in the crop, the frame is first warped to a multiple of the
    crop's size and then averaged down, so that aliasing of fine detail does not look like motion.
    """
    shrink = 1 / np.hypot(*matrix[:, 0])
    factor = max(1, int(np.ceil(shrink - 0.25)))
    # From the crop's pixel centres to those of the grid that is `factor` times finer.
    finer = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    warp = compose(finer, matrix)
    side = size * factor
    warped = cv2.warpAffine(
        image, warp, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA) if factor > 1 else warped


def sway(onset: np.ndarray, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Head motion from onset to frame by ECC (Evangelidis and Psarakis 2008) on eyes and nose.

    Parameters
    ----------
    onset, frame : uint8 arrays (S, S, 3), crops by the same similarity
    landmarks : (68, 2) in crop px

    Returns
    -------
    float64 (2, 3) : Euclidean transform from the onset's crop to the frame's; the identity where
        ECC does not converge (a blink), so that a refinement that fails changes nothing
    """
    low, high = landmarks[17:48].min(0), landmarks[17:48].max(0)
    mask = np.zeros(onset.shape[:2], np.uint8)
    (x0, y0), (x1, y1) = np.clip((low, high), 0, onset.shape[0]).astype(int)
    mask[y0:y1, x0:x1] = 255
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (onset, frame)]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    try:
        _, warp = cv2.findTransformECC(
            *grays, np.eye(2, 3, dtype=np.float32), cv2.MOTION_EUCLIDEAN, criteria, mask, 5
        )
    except cv2.error:
        return np.eye(2, 3)
    return warp.astype(float)


def compose_sway(matrix: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """The native-to-crop transform of a frame whose crop moved by ``warp`` against the onset's."""
    return compose(cv2.invertAffineTransform(warp), matrix)
