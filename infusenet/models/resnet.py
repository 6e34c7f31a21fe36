"""InfuseNet on ResNet18 (Khor et al. 2025, section 3; He et al. 2016)."""

from torch import Tensor, nn
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import BasicBlock, ResNet

from infusenet.manifest import AUS
from infusenet.models import register
from infusenet.models.infusion import BLOCKS, Infusion, Settings, preset
from infusenet.models.weights import initialise


class ResNet18(ResNet):
    """torchvision's ResNet18 with 12 outputs, taken apart into stem, four blocks, pooling and ``fc``."""

    def __init__(self):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=len(AUS))

    @property
    def blocks(self) -> list[nn.Module]:
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def stem(self, image: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(image))))

    def pool(self, map: Tensor) -> Tensor:
        return self.avgpool(map).flatten(1)

    def forward(self, image: Tensor) -> Tensor:
        map = self.stem(image)
        for block in self.blocks:
            map = block(map)
        return self.fc(self.pool(map))


class FrameFlow(ResNet18):
    """Flow images float (B, 3, S, S) in [0, 1] -> logits (B, 12)."""


class FrameMag(ResNet18):
    """Latents of two pairs float (B, 64, h, w) -> logits (B, 12).

    The latents stand where ResNet18 has its maps after the first convolution, so ``conv1`` and
    ``bn1`` do not exist here. ``form`` of the latents: ``raw`` (h = S / 2), or ``pooled`` (h = S / 4)
    when the store was written after ReLU and max-pooling.
    """

    def __init__(self, form: str):
        super().__init__()
        del self.conv1, self.bn1
        self.form = form

    def stem(self, latents: Tensor) -> Tensor:
        return latents if self.form == "pooled" else self.maxpool(self.relu(latents))


class InfuseNet(nn.Module):
    """FrameMag guided by FrameFlow: after each block FrameMag's map is infused with FrameFlow's.

    Both maps must show the same geometry: the flow's side S is the size that the latents were
    encoded at. The maps after infusion come out of ``infusions.block1`` .. ``infusions.block4``.
    """

    heads = ("mag", "flow")

    def __init__(self, settings: Settings, form: str):
        super().__init__()
        self.frame_flow, self.frame_mag = FrameFlow(), FrameMag(form)
        self.infusions = nn.ModuleDict(
            {place: Infusion(settings.scope, settings.detach) for place in settings.places}
        )
        self.scoring_batch = 8 if settings.scope == "batch" else 1
        if settings.shared_head:
            self.frame_flow.fc = None

    def forward(self, flow: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Flow (B, 3, S, S) and latents (B, 64, h, w) -> logits (B, 12) of both networks."""
        flow, mag = self.frame_flow.stem(flow), self.frame_mag.stem(latents)
        for place, flow_block, mag_block in zip(
            BLOCKS, self.frame_flow.blocks, self.frame_mag.blocks, strict=True
        ):
            flow, mag = flow_block(flow), mag_block(mag)
            mag = self._infuse(place, mag, flow)
        flow, mag = self.frame_flow.pool(flow), self.frame_mag.pool(mag)
        mag = self._infuse("pooled", mag, flow)
        flow_head = self.frame_mag.fc if self.frame_flow.fc is None else self.frame_flow.fc
        return {"mag": self.frame_mag.fc(mag), "flow": flow_head(flow)}

    def _infuse(self, place: str, mag: Tensor, flow: Tensor) -> Tensor:
        return self.infusions[place](mag, flow) if place in self.infusions else mag


@register
def infusenet_resnet18(recipe: dict) -> InfuseNet:
    model = InfuseNet(preset(recipe["preset"]), recipe["stores"]["latents"]["recipe"]["form"])
    initialise([model.frame_flow, model.frame_mag], recipe["weights"], ResNet18_Weights.IMAGENET1K_V1)
    return model
