"""Procedural training scenes with exactly known sub-pixel motion.

A scene is a background and two objects with soft outlines, each cut from a texture that is stored
four times finer than the scene's pixels and moved by a shift and by smooth local bumps. Every frame
evaluates the same continuous layers at x - k D(x): k = 0 gives frame a, k = 1 / factor frame b, and
k = 1 the frame to be learnt, so that no motion is the result of warping a finished frame.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from skimage import data
from torch.nn import functional

# Photographs that scikit-image ships, all free of rights; the two faces serve measurement only.
PHOTOGRAPHS = (
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "moon",
    "rocket",
)
TILE = 512  # texture side, texels
FINE = 4  # texels per scene pixel
LAYERS = 3
BUMPS = 3

DESCRIPTION = (
    "scenes of a background and two objects moving on their own by sub-pixel shifts and smooth local bumps, "
    "magnified motion up to 6 px at factors 2 to 20; textures: 1/f noise, flat shapes, and patches of "
    f"scikit-image's {', '.join(PHOTOGRAPHS)}; one scene in eight static; brightness changes (gain, offset, "
    "ramp), sensor noise up to 1/255 and 8-bit rounding phased in"
)


@dataclass(frozen=True)
class Batch:
    """Frames float32 (N, 3, S, S) in [-1, 1]; ``factor`` float32 (N, 1, 1, 1)."""

    a: torch.Tensor
    b: torch.Tensor
    magnified: torch.Tensor
    factor: torch.Tensor

    def to(self, device) -> "Batch":
        frames = (x.to(device, memory_format=torch.channels_last) for x in (self.a, self.b, self.magnified))
        return Batch(*frames, self.factor.to(device))


class Scenes:
    """An endless, seeded supply of batches; batch ``step`` depends on the seed and the step alone."""

    def __init__(self, seed: int, textures: int = 96):
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        # Three tiles of photographs to one of noise and one of shapes.
        makers = (_photograph, _photograph, _photograph, _noise, _shapes)
        tiles = [makers[i % len(makers)](rng) for i in range(textures)]
        self.textures = torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2).contiguous()

    def batch(self, step: int, count: int, size: int, reach: float = 6, nuisance: float = 1) -> Batch:
        """``count`` scenes of ``size`` px.

        ``reach`` is the largest magnified motion, px; ``nuisance`` in [0, 1] phases in what is not
        motion.
        """
        draw = _Draw(self.seed, step)
        factor = draw.log_uniform(2, 20, count, 1, 1, 1)
        layers = self._layers(draw, count, size, reach)
        frames = [self._render(layers, k.flatten(), size) for k in (0 * factor, 1 / factor, 0 * factor + 1)]
        a, b, magnified = _nuisances(draw, *frames, nuisance)
        return Batch(*(2 * x - 1 for x in (a, b, magnified)), factor)

    def _layers(self, draw: "_Draw", count: int, size: int, reach: float) -> dict[str, torch.Tensor]:
        """Every layer's texture, placement, outline and motion, drawn for a whole batch."""
        shape = (count, LAYERS)
        still = draw.uniform(0, 1, count, 1) < 1 / 8
        reach = draw.log_uniform(0.25, reach, count, 1) * draw.uniform(0, 1, *shape).sqrt() * ~still
        # A third of the scenes shift rigidly, a third deform locally, a third do both.
        kind = draw.uniform(0, 3, count, 1)
        width = draw.uniform(3, 14, *shape, BUMPS)
        direction = draw.uniform(0, 2 * math.pi, *shape, BUMPS + 1)
        # Beyond its own width a bump would fold the image.
        length = torch.minimum(reach[..., None] * draw.uniform(0.3, 1, *shape, BUMPS), 0.9 * width)
        length = torch.cat(
            [reach[..., None] * (kind > 1)[..., None], length * ((kind < 1) | (kind > 2))[..., None]], -1
        )
        return {
            "texture": draw.integers(len(self.textures), *shape),
            "place": draw.uniform(-0.4, 0.4, *shape, 2) * TILE,
            "angle": draw.uniform(0, 2 * math.pi, *shape),
            "scale": draw.uniform(0.7, 1.2, *shape),
            "light": draw.uniform(0.5, 1, *shape),
            "tint": draw.uniform(-0.15, 0.15, *shape, 3),
            "centre": draw.uniform(-0.45, 0.45, *shape, 2) * size,
            "radius": draw.uniform(0.12, 0.35, *shape) * size,
            "lobes": draw.uniform(-0.15, 0.15, *shape, 4),
            "softness": draw.uniform(0.4, 1.5, *shape),
            "bump": draw.uniform(-0.5, 0.5, *shape, BUMPS, 2) * size,
            "width": width,
            "vector": length[..., None] * torch.stack([direction.cos(), direction.sin()], -1),
        }

    def _render(self, layers: dict, k: torch.Tensor, size: int) -> torch.Tensor:
        """The frames (N, 3, S, S) in about [0, 1] after ``k`` (N,) of the layers' motion."""
        line = torch.arange(size) - (size - 1) / 2
        points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
        points = points[None].expand(len(k), size, size, 2)
        image = None
        for i in range(LAYERS):
            layer = {name: value[:, i] for name, value in layers.items()}
            at = points - k[:, None, None, None] * _displacement(layer, points)
            paint = self._paint(layer, at)
            image = paint if image is None else image + _outline(layer, at) * (paint - image)
        return image

    def _paint(self, layer: dict, at: torch.Tensor) -> torch.Tensor:
        scale = FINE * layer["scale"]
        cos, sin = scale * layer["angle"].cos(), scale * layer["angle"].sin()
        rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        texels = at @ rotation[:, None].mT + layer["place"][:, None, None]
        texture = self.textures[layer["texture"]]
        # Blurred at four texels a pixel, bilinear sampling is exact to a few thousandths.
        paint = functional.grid_sample(
            texture, texels / (TILE / 2), padding_mode="reflection", align_corners=False
        )
        return 0.5 + (paint - 0.5) * layer["light"][:, None, None, None] + layer["tint"][:, :, None, None]


def _displacement(layer: dict, points: torch.Tensor) -> torch.Tensor:
    """D (N, S, S, 2), the magnified motion in px: the layer's shift plus its Gaussian bumps."""
    field = layer["vector"][:, 0, None, None].expand_as(points).clone()
    for j in range(BUMPS):
        offset = points - layer["bump"][:, j, None, None]
        bump = torch.exp(-offset.square().sum(-1) / (2 * layer["width"][:, j, None, None] ** 2))
        field += bump[..., None] * layer["vector"][:, j + 1, None, None]
    return field


def _outline(layer: dict, at: torch.Tensor) -> torch.Tensor:
    """Coverage (N, 1, S, S) of a lobed blob with a soft edge."""
    x, y = (at - layer["centre"][:, None, None]).unbind(-1)
    angle = torch.atan2(y, x)
    lobes = layer["lobes"][:, :, None, None]
    radius = 1 + lobes[:, 0] * angle.cos() + lobes[:, 1] * (2 * angle).cos() + lobes[:, 2] * (3 * angle).sin()
    edge = layer["radius"][:, None, None] * (radius + lobes[:, 3] * (5 * angle).cos())
    return torch.sigmoid((edge - torch.hypot(x, y)) / layer["softness"][:, None, None])[:, None]


def _nuisances(draw: "_Draw", a, b, magnified, amount: float):
    """Brightness on b and on the answer alike, so that it is kept and not magnified; noise on a and b."""
    count, size = len(a), a.shape[-1]
    # Squared, so that the flicker of a lamp (1 %) is met as often as the shadow of a head (10 %).
    lit = amount * draw.uniform(0, 1, count, 1, 1, 1).square() * (draw.uniform(0, 1, count, 1, 1, 1) < 0.5)
    tilt = draw.uniform(0, 2 * math.pi, count, 1, 1, 1)
    line = torch.linspace(-1, 1, size)
    ramp = tilt.cos() * line[None, None, None, :] + tilt.sin() * line[None, None, :, None]
    gain = draw.uniform(-0.1, 0.1, count, 1, 1, 1) + draw.uniform(-0.02, 0.02, count, 3, 1, 1)
    gain = gain + draw.uniform(0, 0.05, count, 1, 1, 1) * ramp
    offset = draw.uniform(-0.03, 0.03, count, 1, 1, 1)
    b, magnified = (x + lit * (gain * x + offset) for x in (b, magnified))
    sigma = amount * draw.uniform(0, 1 / 255, count, 1, 1, 1) * (draw.uniform(0, 1, count, 1, 1, 1) < 0.7)
    rounded = draw.uniform(0, 1, count, 1, 1, 1) < 0.5 * amount
    a, b = ((x + sigma * draw.normal(*x.shape)).clamp(0, 1) for x in (a, b))
    a, b = (torch.where(rounded, (255 * x).round() / 255, x) for x in (a, b))
    return a, b, magnified.clamp(0, 1)


class _Draw:
    """Random tensors from one step's own stream."""

    def __init__(self, seed: int, step: int):
        state = np.random.SeedSequence([seed, 1, step]).generate_state(1, np.uint64)[0]
        self.generator = torch.Generator().manual_seed(int(state >> 1))

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator)

    def log_uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=self.generator)


def _photograph(rng) -> np.ndarray:
    photo = getattr(data, PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])()
    photo = np.float32(np.atleast_3d(photo)[..., :3]) / 255
    side = min(TILE // int(rng.choice([1, 2, 4])), *photo.shape[:2])
    y, x = (rng.integers(n - side + 1) for n in photo.shape[:2])
    tile = cv2.resize(photo[y : y + side, x : x + side], (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    tile = np.broadcast_to(np.atleast_3d(tile), (TILE, TILE, 3))
    return _optics(tile, rng)


def _field(rng, channels: int) -> np.ndarray:
    """Noise (TILE, TILE, channels) with a 1/f^p amplitude spectrum, zero mean, unit deviation."""
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((channels, TILE, TILE))) * frequency ** -rng.uniform(1, 2)
    field = np.fft.irfft2(spectrum, (TILE, TILE)).transpose(1, 2, 0)
    return field / field.std(axis=(0, 1))


def _noise(rng) -> np.ndarray:
    mixing = np.eye(3) * 0.5 + rng.uniform(0.2, 1)
    field = _field(rng, 3) @ mixing / np.linalg.norm(mixing, axis=0)
    return _optics(0.5 + rng.uniform(0.1, 0.25) * field, rng)


def _shapes(rng) -> np.ndarray:
    """Flat regions between level lines of smooth noise."""
    height = cv2.GaussianBlur(_field(rng, 1)[..., 0], (0, 0), 8)
    region = np.digitize(height, np.quantile(height, np.sort(rng.uniform(0, 1, 6))))
    return _optics(rng.uniform(0, 1, (7, 3))[region], rng)


def _optics(tile: np.ndarray, rng) -> np.ndarray:
    """A lens: what a tile shows is band-limited before it is ever sampled."""
    blurred = cv2.GaussianBlur(np.float32(tile), (0, 0), FINE * rng.uniform(0.4, 1.2))
    return np.clip(blurred, 0, 1)
