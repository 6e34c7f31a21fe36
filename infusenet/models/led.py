"""LED: a learnable temporal filter on gray clips and a small 3-D network after it (Varanka et al., SCIA 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from infusenet.config.method_recipe import MethodRecipe
from infusenet.models.shallow import check
from infusenet.protocol import AUS

FRAMES = 6  # of a clip, per pass
SHORTEST = 8  # frames; shorter clips are stretched to it
LATE = 0.25  # share of the training draws that start late; the others end early


class TemporalFilter(nn.Module):
    """A normalised difference of two first-order low-pass filters, with three learned scalars.

    Output frame j is sum_i x_i W_ij / (1 + sum_i x_i |W_ij|) over the frames i <= j, with
    W_ij = alpha [r1^b (1 - r1)^(j - i) - r2^b (1 - r2)^(j - i)] and b = min(1, i). The scalars are
    stored as logarithms.
    """

    def __init__(self):
        super().__init__()
        for name, start in (("alpha", 10.0), ("r1", 0.4), ("r2", 0.05)):
            self.register_parameter(f"log_{name}", nn.Parameter(torch.tensor(start).log()))

    def weights(self, frames: int) -> Tensor:
        """W, upper triangular (frames, frames); the row is the input frame i, the column j."""
        i = torch.arange(frames, device=self.log_alpha.device)
        lag = (i - i[:, None]).clamp(min=0)
        alpha, *rates = (log.exp() for log in (self.log_alpha, self.log_r1, self.log_r2))
        fast, slow = (r ** i[:, None].clamp(max=1) * (1 - r) ** lag for r in rates)
        return torch.triu(alpha * (fast - slow))

    def forward(self, video: Tensor) -> Tensor:
        """Gray values 0..255, float (B, T, H, W) -> (B, T - 1, H, W): the first frame only starts it."""
        weights = self.weights(video.shape[1])[:, 1:]
        top, bottom = (torch.einsum("bihw,ij->bjhw", video, w) for w in (weights, weights.abs()))
        return top / (1 + bottom)


class LED(nn.Module):
    """Six frames of a clip, filtered, then two 3-D convolutions.

    In training the six spread over a shortened span with torch's random numbers: three times in four the clip
    ends earlier, else it starts later, by a number of frames that is uniform and may be 0 (the benchmark's
    sampler as it works). When scoring they spread over the whole clip.

    `parameter_groups` gives Adam's groups, `group_rates` the factors on their rates in an epoch: the filter's
    three scalars learn at ``filter_rate``, from epoch ``filter_drop`` (counted from 0) at a tenth of it.
    """

    scoring_batch = 1

    def __init__(self, filter_rate: float, filter_drop: int):
        super().__init__()
        self.filter_rate, self.filter_drop = filter_rate, filter_drop
        self.filter = TemporalFilter()
        self.net = nn.Sequential(
            nn.Conv3d(1, 32, (1, 5, 5)), nn.ReLU(), nn.MaxPool3d((1, 3, 3)),
            nn.BatchNorm3d(32), nn.Dropout3d(0.5),
            nn.Conv3d(32, 64, (2, 3, 3)), nn.ReLU(), nn.MaxPool3d(2),
            nn.BatchNorm3d(64), nn.Dropout3d(0.5),
            nn.Flatten(), nn.Linear(64 * 2 * 9 * 9, 256), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(256, len(AUS)),
        )  # fmt: skip

    def sample(self, lengths: Tensor) -> Tensor:
        """The frames to read of clips of ``lengths`` frames, int64 (B,): int64 (B, 6), each row ascending."""
        lengths = lengths[:, None]
        first, last = torch.zeros_like(lengths), lengths - 1
        if self.training:
            # Drawn on the CPU, so that the device changes no draw.
            cut, kind = torch.rand(2, len(lengths), 1).to(lengths.device)
            cut, late = (cut * (lengths - FRAMES + 1)).long(), kind >= 1 - LATE
            first, last = cut * late, lengths - cut * ~late
        spread = torch.arange(FRAMES, device=lengths.device) * (last - first) // (FRAMES - 1)
        return torch.minimum(first + spread, lengths - 1)

    def forward(self, video: Tensor) -> dict[str, Tensor]:
        """Gray clips uint8 (B, T, 64, 64) -> logits (B, 12). A frame equal to the one before it fills up a clip
        that has fewer than T."""
        changes = (video[:, 1:] != video[:, :-1]).flatten(2).any(2)
        number = functional.pad(changes.cumsum(1), (1, 0))  # of each stored frame in its clip
        frames = number[:, -1:] + 1
        lengths = frames.clamp(min=SHORTEST)
        chosen = self.sample(lengths[:, 0]) * frames // lengths
        clip = torch.arange(len(video), device=video.device)[:, None]
        frames = video[clip, torch.searchsorted(number, chosen)]
        return {"video": self.net(self.filter(frames.float())[:, None])}

    def parameter_groups(self, rate: float) -> list[dict]:
        return [
            {"params": list(self.net.parameters()), "lr": rate},
            {"params": list(self.filter.parameters()), "lr": self.filter_rate},
        ]

    def group_rates(self, epoch: int) -> list[float]:
        return [1.0, 0.1 if epoch >= self.filter_drop else 1.0]


def led(recipe: MethodRecipe) -> LED:
    check(recipe, 64)
    return LED(recipe.filter_rate, recipe.filter_drop)
