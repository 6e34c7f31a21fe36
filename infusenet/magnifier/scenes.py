"""Procedural training scenes with exactly known sub-pixel motion.

A scene is a background and two objects with soft outlines, each cut from a texture that is stored
four times finer than the scene's pixels and moved by a shift and by smooth local bumps; in some
scenes all three are one skin and move by the same bumps, as a face does. Every frame evaluates the
same continuous layers at x - k D(x): k = 0 gives frame a, k = 1 / factor frame b, and k = 1 the frame
to be learnt, so that no motion is the result of warping a finished frame.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from infusenet.magnifier.nuisances import Light, sensor
from infusenet.magnifier.random_draws import Draw
from infusenet.magnifier.textures import FINE, PHOTOGRAPHS, TILE, tiles

LAYERS = 3
BUMPS = 3
STEP = 0.15  # of the magnified motion, to either side, for its derivative

DESCRIPTION = (
    "scenes of a background and two objects moving on their own by sub-pixel shifts and smooth local bumps, "
    "a third of them as one skin, magnified motion up to 20 px at factors 2 to 20; textures in and out of "
    f"focus: 1/f noise, flat shapes, and patches of scikit-image's {', '.join(PHOTOGRAPHS)}; one scene in "
    "eight static; changes of light (gain up to 10 %, offset, gamma, ramp, shadow), sensor noise up to "
    "1.5/255 and 8-bit rounding phased in"
)


@dataclass(frozen=True)
class Batch:
    """Frames float32 (N, 3, S, S) in [-1, 1].

    ``a``, ``b``: what a camera delivers. ``clean_a``, ``clean_b``: the same motion alone, without
    noise and in unchanged light. ``magnified``: the frame to be learnt, without noise, in b's light;
    ``slope``: its derivative by the magnified motion, per unit of the whole. ``length`` (N, 1, S, S): the
    magnified motion's size in frame a, px. ``factor`` (N, 1, 1, 1).
    """

    a: torch.Tensor
    b: torch.Tensor
    clean_a: torch.Tensor
    clean_b: torch.Tensor
    magnified: torch.Tensor
    slope: torch.Tensor
    length: torch.Tensor
    factor: torch.Tensor

    def first(self, count: int) -> "Batch":
        """The first ``count`` scenes."""
        return Batch(*(tensor[:count] for tensor in vars(self).values()))


class Scenes:
    """An endless, seeded supply of batches; batch ``step`` depends on the seed and the step alone."""

    def __init__(self, seed: int, device="cpu", textures: int = 96):
        self.seed, self.device = seed, device
        self.textures = torch.from_numpy(tiles(seed, textures)).permute(0, 3, 1, 2).contiguous().to(device)

    @torch.no_grad()
    def batch(self, step: int, count: int, size: int, reach: float = 20, nuisance: float = 1) -> Batch:
        """``count`` scenes of ``size`` px.

        ``reach`` is the largest magnified motion, px; ``nuisance`` in [0, 1] phases in what is not
        motion.
        """
        draw = Draw(self.seed, step, self.device)
        factor = draw.log_uniform(2, 20, count, 1, 1, 1)
        layers = self._layers(draw, count, size, reach)
        one = torch.ones_like(factor)
        (a, b, less, full, more), length = self._render(
            layers, [0 * one, 1 / factor, (1 - STEP) * one, one, (1 + STEP) * one], size
        )
        light = Light(draw, count, size, nuisance)
        slope = (light(more) - light(less)) / (2 * STEP)
        noisy = sensor(draw, [a, light(b)], nuisance)
        frames = (2 * x - 1 for x in (*noisy, a, b, light(full)))
        return Batch(
            *(x.contiguous(memory_format=torch.channels_last) for x in frames), 2 * slope, length, factor
        )

    def _layers(self, draw: Draw, count: int, size: int, reach: float) -> dict[str, torch.Tensor]:
        """Every layer's texture, placement, outline and motion, drawn for a whole batch."""
        shape = (count, LAYERS)
        still = draw.chance(1 / 8, count, 1)
        reach = draw.log_uniform(0.5, reach, count, 1) * draw.uniform(0, 1, *shape).sqrt() * ~still
        # A third of the scenes shift rigidly, a third deform locally, a third do both.
        kind = draw.uniform(0, 3, count, 1)
        width = draw.uniform(3, 14, *shape, BUMPS)
        direction = draw.uniform(0, 2 * math.pi, *shape, BUMPS + 1)
        # Beyond its own width a bump would fold the image.
        length = torch.minimum(reach[..., None] * draw.uniform(0.3, 1, *shape, BUMPS), 0.9 * width)
        length = torch.cat(
            [reach[..., None] * (kind > 1)[..., None], length * ((kind < 1) | (kind > 2))[..., None]], -1
        )
        motion = {
            "bump": draw.uniform(-0.5, 0.5, *shape, BUMPS, 2) * size,
            "width": width,
            "vector": length[..., None] * torch.stack([direction.cos(), direction.sin()], -1),
        }
        skin = draw.chance(1 / 3, count, 1)
        for name, value in motion.items():
            shared = skin.view(count, *[1] * (value.dim() - 1))
            motion[name] = torch.where(shared, value[:, :1].expand_as(value), value)
        return motion | {
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
        }

    def _render(self, layers: dict, shares: list[torch.Tensor], size: int) -> tuple[list, torch.Tensor]:
        """The frames (N, 3, S, S) in [0, 1] after each of ``shares`` (N, 1, 1, 1) of the layers' motion, and
        the whole motion's size (N, 1, S, S) at the places of the first frame."""
        count = len(shares[0])
        line = torch.arange(size, device=self.device) - (size - 1) / 2
        points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).expand(count, size, size, 2)
        images, length = None, None
        for i in range(LAYERS):
            layer = {name: value[:, i] for name, value in layers.items()}
            field = _displacement(layer, points)
            # One frame below the other, so that a scene's texture is fetched once.
            at = torch.cat([points - k * field for k in shares], 1)
            paint = self._paint(layer, at)
            distance = torch.linalg.vector_norm(field, dim=-1)[:, None]
            if images is None:
                images, length = paint, distance
                continue
            outline = _outline(layer, at)
            images = images + outline * (paint - images)
            length = length + outline[:, :, :size] * (distance - length)
        return list(images.clamp(0, 1).split(size, 2)), length

    def _paint(self, layer: dict, at: torch.Tensor) -> torch.Tensor:
        scale = FINE * layer["scale"]
        cos, sin = scale * layer["angle"].cos(), scale * layer["angle"].sin()
        rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
        texels = at @ rotation[:, None].mT + layer["place"][:, None, None]
        # Blurred at four texels a pixel, bilinear sampling is exact to a few thousandths.
        paint = functional.grid_sample(
            self.textures[layer["texture"]],
            texels / (TILE / 2),
            padding_mode="reflection",
            align_corners=False,
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
