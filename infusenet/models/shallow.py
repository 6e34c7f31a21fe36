"""The shallow networks of the CD6ME benchmark: OFF-ApexNet and SSSNet, in the benchmark's form.

Gan et al. 2019 (OFF-ApexNet) and Varanka et al. 2023 (SSSNet, and the one-stream form of the first).
Both are made for images of one size and start from random weights.
"""

from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError
from infusenet.protocol import AUS


def check(recipe: MethodRecipe, size: int) -> None:
    """InputError where a recipe has another image size than ``size``, or names weights: there are none."""
    name = recipe.model
    if recipe.size != size:
        raise InputError(f"{name}: size is {recipe.size}, expected {size}")
    if recipe.weights != "none":
        raise InputError(f"{name}: weights is '{recipe.weights}', expected none: it starts at random")


class OffApexNet(nn.Module):
    """Horizontal and vertical flow; the strain is not used."""

    scoring_batch = 1

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(16 * 7 * 7, 1024), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(1024, len(AUS)),
        )  # fmt: skip

    def forward(self, flow: Tensor) -> dict[str, Tensor]:
        """Flow images (B, 3, 28, 28) -> logits (B, 12)."""
        return {"flow": self.net(flow[:, :2])}


class SSSNet(nn.Module):
    """Two convolutions on flow and strain, batch normalisation after pooling, whole channels dropped."""

    scoring_batch = 1

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3), nn.BatchNorm2d(32), nn.Dropout2d(0.5),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.Dropout2d(0.5),
            nn.Flatten(), nn.Linear(64 * 9 * 9, 256), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(256, len(AUS)),
        )  # fmt: skip

    def forward(self, flow: Tensor) -> dict[str, Tensor]:
        """Flow images (B, 3, 64, 64) -> logits (B, 12)."""
        return {"flow": self.net(flow)}


def off_apexnet(recipe: MethodRecipe) -> OffApexNet:
    check(recipe, 28)
    return OffApexNet()


def sssnet(recipe: MethodRecipe) -> SSSNet:
    check(recipe, 64)
    return SSSNet()
