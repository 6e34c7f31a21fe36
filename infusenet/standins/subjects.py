"""Subjects: faces morphed from two public-domain photographs, on a fine canvas.

A subject is drawn on a square canvas with about twice the resolution of any native frame. It holds no
finer detail than such a frame, so that a frame can be sampled between its pixels without bias.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from matplotlib import cbook
from PIL import Image
from scipy.interpolate import RBFInterpolator
from skimage import data

from infusenet.preprocess.alignment import STABLE, apply, similarity
from infusenet.preprocess.face_detection import detect

CANVAS = 1024
# Side of the unit crop of `infusenet.preprocess.alignment` on the canvas: the face fills the middle.
FACE = 640
GRID = 33


@dataclass(frozen=True)
class Subject:
    """``canvas`` float32 (CANVAS, CANVAS, 3) RGB 0..255; ``landmarks`` float64 (68, 2) in canvas px."""

    canvas: np.ndarray
    landmarks: np.ndarray


@cache
def _photographs() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Both photographs and their 68 landmarks, each already in canvas position."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = np.asarray(Image.open(file).convert("RGB"))
    photographs = []
    for photograph in (data.astronaut(), hopper):
        landmarks = detect(photograph).landmarks
        matrix = _placement(landmarks)
        canvas = cv2.warpAffine(
            photograph.astype(np.float32), matrix, (CANVAS, CANVAS), flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        photographs.append((canvas, apply(matrix, landmarks)))
    return tuple(photographs)


def _placement(landmarks: np.ndarray) -> np.ndarray:
    matrix = similarity(landmarks, FACE)
    matrix[:, 2] += (CANVAS - FACE) / 2
    return matrix


def draw(generator: np.random.Generator) -> Subject:
    """A new subject: shape, mixture, skin, lighting, texture and side drawn from ``generator``."""
    (first, shape_a), (second, shape_b) = _photographs()
    mixture = generator.uniform(0.15, 0.85)
    shape = _vary(mixture * shape_a + (1 - mixture) * shape_b, generator)
    blend = mixture * _warp(first, shape_a, shape) + (1 - mixture) * _warp(second, shape_b, shape)
    canvas = _backdrop(_relight(blend, generator), shape, generator)
    canvas += _texture(generator)
    if generator.random() < 0.5:
        canvas, shape = canvas[:, ::-1], _mirrored(shape)
    # No detail finer than a native pixel may remain, because frames are sampled without a filter.
    canvas = cv2.GaussianBlur(np.ascontiguousarray(canvas, np.float32), (0, 0), 1.2)
    return Subject(np.clip(canvas, 0, 255), shape)


def _vary(shape: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Wider or narrower jaw, eyes, nose and mouth, within the range in which dlib detects a face."""
    centre = shape[list(STABLE)].mean(0)
    shape = centre + (shape - centre) * generator.normal(1, 0.05, 2).clip(0.9, 1.1)
    groups = (
        range(17),
        range(17, 22),
        range(22, 27),
        range(27, 36),
        range(36, 42),
        range(42, 48),
        range(48, 68),
    )
    brows, eyes = generator.normal(0, (0, 5)), generator.normal(1, 0.05, 2)
    for number, group in enumerate(groups):
        part = shape[list(group)]
        middle = part.mean(0)
        scale = eyes if number in (4, 5) else generator.normal(1, 0.05, 2)
        shift = brows if number in (1, 2) else generator.normal(0, (1, 5)) * (number in (0, 3, 6))
        shape[list(group)] = middle + (part - middle) * np.clip(scale, 0.88, 1.12) + np.clip(shift, -12, 12)
    return shape


def _warp(picture: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Thin-plate warp that carries the source landmarks to the target's; the canvas' rim stays."""
    rim = np.linspace(0, CANVAS - 1, 5)
    border = np.array([(x, y) for x in rim for y in rim if min(x, y) == 0 or max(x, y) == CANVAS - 1])
    backward = RBFInterpolator(np.vstack([target, border]), np.vstack([source, border]), smoothing=20)
    ticks = np.linspace(0, CANVAS - 1, GRID)
    nodes = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    coarse = backward(nodes).reshape(GRID, GRID, 2).astype(np.float32)
    # Node to pixel, with the corner nodes on the corner pixels.
    fine = np.linspace(0, GRID - 1, CANVAS, dtype=np.float32)
    lookup = np.meshgrid(fine, fine)
    dense = cv2.remap(coarse, *lookup, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(picture, dense[..., 0], dense[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _relight(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Skin tone, contrast and a lamp from one side."""
    tone = generator.normal(1, 0.04, 3).clip(0.9, 1.1) * generator.uniform(0.75, 1.15)
    across = np.linspace(-1, 1, CANVAS, dtype=np.float32)
    angle = generator.uniform(0, 2 * np.pi)
    lamp = np.cos(angle) * across[None, :] + np.sin(angle) * across[:, None]
    gain = 1 + generator.uniform(0, 0.25) * lamp
    mean = picture.mean((0, 1))
    contrasted = picture - mean
    contrasted *= generator.uniform(0.85, 1.1)
    contrasted += mean
    light = gain[..., None] * tone.astype(np.float32)
    light *= contrasted
    return light


def _backdrop(picture: np.ndarray, shape: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Fade the photographs' surroundings into a plain studio wall, in place."""
    wall = generator.uniform(70, 180) * generator.normal(1, 0.05, 3).astype(np.float32).astype(picture.dtype)
    centre = (shape.min(0) + shape.max(0)) / 2
    y, x = np.ogrid[:CANVAS, :CANVAS]
    radius = np.hypot((x - centre[0]) / (0.47 * CANVAS), (y - centre[1] + 40) / (0.54 * CANVAS))
    inside = 1 / (1 + np.exp((radius - 0.86) * 28))[..., None]
    picture *= inside
    picture += wall * (1 - inside)
    return picture


def _texture(generator: np.random.Generator) -> np.ndarray:
    """Pores and freckles: band-limited noise that moves with the skin, and differs by subject."""
    field = np.zeros((CANVAS, CANVAS), np.float32)
    for scale, strength in ((2.0, 4.0), (4.0, 3.0), (9.0, 2.5)):
        noise = cv2.GaussianBlur(generator.standard_normal((CANVAS, CANVAS), np.float32), (0, 0), scale)
        field += strength * noise / noise.std()
    return field[..., None] * generator.uniform(0.7, 1.2)


def _mirrored(shape: np.ndarray) -> np.ndarray:
    """Landmarks of the mirrored picture, in the 68-point order."""
    order = [
        *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
        *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65,
    ]  # fmt: skip
    return (shape * (-1, 1) + (CANVAS - 1, 0))[order]
