"""Random numbers that depend on a seed and a step alone."""

import math

import numpy as np
import torch


class Draw:
    """Tensors on ``device`` from one step's own stream.

    Everything but `normal` is drawn on the CPU, so that scenes are the same on every device.
    """

    def __init__(self, seed: int, step: int, device="cpu"):
        state = int(np.random.SeedSequence([seed, 1, step]).generate_state(1, np.uint64)[0] >> 1)
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(state)
        self.noise = torch.Generator(self.device).manual_seed(state)

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return (low + (high - low) * torch.rand(shape, generator=self.generator)).to(self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return self.uniform(math.log(low), math.log(high), *shape).exp()

    def chance(self, probability: float, *shape: int) -> torch.Tensor:
        return self.uniform(0, 1, *shape) < probability

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=self.generator).to(self.device)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.noise, device=self.device)
