"""Frames of one clip: the canvas is sampled between its pixels, exposed and written as JPEG."""

from pathlib import Path

import cv2
import numpy as np

from infusenet.standins.subjects import Subject
from infusenet.standins.truth import ClipTruth

# A pull is ignored beyond this many sigmas, where it is below 0.0004 of its peak.
REACH = 4.0


def render(subject: Subject, truth: ClipTruth, frame: int) -> np.ndarray:
    """One frame: uint8 (H, W) or (H, W, 3) RGB.

    Sampled bilinearly from a canvas about twice as fine. (A bicubic `remap` at native scale would
    shift by 0.14 px, and at most 0.1 is allowed.)
    """
    shot, row = truth.shot, truth.row(frame)
    width, height = shot.size
    inverse = cv2.invertAffineTransform(shot.poses[row]).astype(np.float32)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    qx = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
    qy = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
    mx, my = qx.copy(), qy.copy()
    scale = np.sqrt(abs(np.linalg.det(shot.poses[row][:, :2])))
    for pull in truth.field(frame):
        centre = shot.poses[row] @ (pull.x, pull.y, 1)
        reach = REACH * pull.sigma * scale
        x0, y0 = np.floor(centre - reach).clip(0).astype(int)
        x1, y1 = np.ceil(centre + reach).clip(0).astype(int) + 1
        window = np.s_[y0:y1, x0:x1]
        weight = np.exp(
            ((qx[window] - pull.x) ** 2 + (qy[window] - pull.y) ** 2) / np.float32(-2 * pull.sigma**2)
        )
        mx[window] -= np.float32(pull.dx) * weight
        my[window] -= np.float32(pull.dy) * weight
    picture = cv2.remap(subject.canvas, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if shot.gray:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    noise = np.random.default_rng([shot.seed, row]).standard_normal(picture.shape, np.float32)
    picture *= np.float32(shot.gains[row])
    picture += np.multiply(noise, np.float32(shot.noise), out=noise)
    return np.clip(np.rint(picture, out=picture), 0, 255, out=picture).astype(np.uint8)


def write_frames(subject: Subject, truth: ClipTruth, paths: dict[int, Path]) -> None:
    """Render the frames of ``paths`` (frame number -> file) as JPEG."""
    for number, path in paths.items():
        picture = render(subject, truth, number)
        picture = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        path.parent.mkdir(parents=True, exist_ok=True)
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, truth.shot.quality])
        path.write_bytes(coded.tobytes())
