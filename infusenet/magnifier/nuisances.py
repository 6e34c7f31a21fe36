"""Changes between two frames that are no motion: light, sensor noise, rounding."""

import math

import torch

from infusenet.magnifier.random_draws import Draw


class Light:
    """One change of light a scene: gain, offset, gamma, a ramp and a soft-edged shadow.

    ``amount`` in [0, 1] scales all of it; half of the scenes keep their light.
    """

    def __init__(self, draw: Draw, count: int, size: int, amount: float):
        one = (count, 1, 1, 1)
        # Squared, so that the flicker of a lamp (1 %) is met as often as the shadow of a head (10 %).
        lit = amount * draw.uniform(0, 1, *one).square() * draw.chance(0.5, *one)
        line = torch.linspace(-1, 1, size, device=draw.device)
        x, y = line[None, None, None, :], line[None, None, :, None]
        tilt = draw.uniform(0, 2 * math.pi, *one)
        ramp = tilt.cos() * x + tilt.sin() * y
        x, y = x - draw.uniform(-1, 1, *one), y - draw.uniform(-1, 1, *one)
        shadow = torch.exp(-(x**2 + y**2) / (2 * draw.uniform(0.4, 1, *one) ** 2))
        gain = draw.uniform(-0.1, 0.1, *one) + draw.uniform(-0.02, 0.02, count, 3, 1, 1)
        gain = gain + draw.uniform(0, 0.05, *one) * ramp + draw.uniform(-0.05, 0.05, *one) * shadow
        self.gain = 1 + lit * gain
        self.offset = lit * draw.uniform(-0.03, 0.03, *one)
        self.gamma = 1 + lit * draw.uniform(-0.1, 0.1, *one)

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (N, 3, S, S) in [0, 1] under the changed light, clipped as a sensor does."""
        return (self.gain * frames**self.gamma + self.offset).clamp(0, 1)


def sensor(draw: Draw, frames: list[torch.Tensor], amount: float) -> list[torch.Tensor]:
    """Each of ``frames`` (N, 3, S, S) in [0, 1] with noise of its own and, for some scenes, 8 bits."""
    one = (len(frames[0]), 1, 1, 1)
    sigma = amount * draw.uniform(0, 1.5 / 255, *one) * draw.chance(0.7, *one)
    rounded = draw.chance(0.5 * amount, *one)
    noisy = [(x + sigma * draw.normal(*x.shape)).clamp(0, 1) for x in frames]
    return [torch.where(rounded, (255 * x).round() / 255, x) for x in noisy]
