"""ResNets (He et al. 2016) on flow and on latents, alone, fused late, and as InfuseNet.

Khor et al. 2025, section 3: FrameFlow reads the flow image, FrameMag the magnified latents. The
ablations show FrameMag decoded images, or train the magnifier along.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from infusenet import magnifier
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.stage_recipes import shipped_weights
from infusenet.models.backbone_base import Backbone, LatentEntry, latent_entry
from infusenet.models.infusion import InfuseNet, settings
from infusenet.models.resnet_blocks import BasicBlock, Bottleneck, ResNet
from infusenet.models.weights import TimmWeights, TorchvisionWeights, initialise
from infusenet.protocol import AUS

DEPTHS = {
    18: (
        BasicBlock,
        [2, 2, 2, 2],
        TorchvisionWeights("ResNet18_Weights.IMAGENET1K_V1", "resnet18-f37072fd.pth"),
    ),
    # The weights that the benchmark started from: timm's own of that time, under their present name.
    34: (BasicBlock, [3, 4, 6, 3], TimmWeights("resnet34.bt_in1k")),
    50: (
        Bottleneck,
        [3, 4, 6, 3],
        TorchvisionWeights(
            "ResNet50_Weights.IMAGENET1K_V1", "resnet50-0676ba61.pth", other_files=("resnet50-11ad3fa6.pth",)
        ),
    ),
}
# Mean and standard deviation of ImageNet's RGB in [0, 1], as torchvision's weights expect it.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Trunk(Backbone, ResNet):
    """torchvision's ResNet with 12 outputs, taken apart into stem, four blocks, pooling and ``fc``."""

    def __init__(self, depth: int = 18):
        block, layers, weights = DEPTHS[depth]
        super().__init__(block, layers, len(AUS))
        self.imagenet = weights

    @property
    def blocks(self) -> list[nn.Module]:
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def stem(self, image: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(image))))

    def pool(self, map: Tensor) -> Tensor:
        return self.avgpool(map).flatten(1)


class FrameFlow(Trunk):
    """ResNet on flow images float (B, 3, S, S) in [0, 1]."""

    def stem(self, flow: Tensor) -> Tensor:
        return super().stem(flow)


class FrameMag(Trunk):
    """ResNet18 on maps (B, 64, S / 4, S / 4) that ``entry`` makes of FrameMag's input.

    These maps replace those of ResNet18 after its first convolution and max-pooling, so ``conv1`` and
    ``bn1`` do not exist here.
    """

    head = "mag"
    fresh = ("fc.", "entry.")

    def __init__(self, entry: nn.Module):
        super().__init__()
        del self.conv1, self.bn1
        self.entry = entry

    def stem(self, **inputs: Tensor) -> Tensor:
        return self.entry(**inputs)


class FrameDecoded(Trunk):
    """ResNet18 on decoded magnified images of two pairs: RGB float (B, 6, S, S) in [0, 1].

    The first convolution takes six channels; its weights for three are repeated and halved, so two
    equal images give what one image gives the network for three.
    """

    head = "mag"

    def __init__(self):
        super().__init__()
        weight = self.conv1.weight.data
        self.conv1 = nn.Conv2d(6, 64, 7, stride=2, padding=3, bias=False)
        self.conv1.weight.data = weight.repeat(1, 2, 1, 1) / 2
        for name, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(values * 2).view(1, 6, 1, 1), persistent=False)

    def adapt(self, state):
        state = super().adapt(state)
        if state.get("conv1.weight", self.conv1.weight).shape[1] == 3:
            state["conv1.weight"] = state["conv1.weight"].repeat(1, 2, 1, 1) / 2
        return state

    def stem(self, decoded: Tensor) -> Tensor:
        return super().stem((decoded - self.mean) / self.std)


class MagnifierEntry(nn.Module):
    """The magnifier's encoder and manipulator, trained along: frames float (B, 3, 3, S, S) -> maps.

    Frames are onset, apex and pseudo-apex, RGB in [-1, 1]; each is encoded once. The maps are
    those of `LatentEntry` for the difference latents of (onset, apex) and (onset, pseudo-apex).
    """

    def __init__(self, weights: Path | str | None, factor: float, norm: bool):
        super().__init__()
        loaded = magnifier.load(weights).requires_grad_(True)
        self.encoder, self.manipulator = loaded.encoder, loaded.manipulator
        self.factor, self.latents = factor, LatentEntry("raw", norm)

    def forward(self, frames: Tensor) -> Tensor:
        onset, *moved = self.encoder(frames.flatten(0, 1)).unflatten(0, (-1, 3)).unbind(1)
        return self.latents(torch.cat([self.manipulator(onset, latent, self.factor) for latent in moved], 1))


class LateFusion(nn.Module):
    """The pooled vectors of both networks, concatenated, to one linear layer; all of it is trained."""

    scoring_batch = 1

    def __init__(self, frame_flow: FrameFlow, frame_mag: FrameMag):
        super().__init__()
        self.frame_flow, self.frame_mag = frame_flow, frame_mag
        self.fc = nn.Linear(frame_flow.fc.in_features + frame_mag.fc.in_features, len(AUS))
        del frame_flow.fc, frame_mag.fc

    def forward(self, flow: Tensor, latents: Tensor) -> dict[str, Tensor]:
        vectors = self.frame_flow.features(flow=flow), self.frame_mag.features(latents=latents)
        return {"fused": self.fc(torch.cat(vectors, 1))}


def resnet18_flow(recipe: MethodRecipe) -> FrameFlow:
    return initialise(recipe.weights, FrameFlow())[0]


def resnet18_mag(recipe: MethodRecipe) -> FrameMag:
    return initialise(recipe.weights, FrameMag(latent_entry(recipe)))[0]


def resnet34(recipe: MethodRecipe) -> FrameFlow:
    return initialise(recipe.weights, FrameFlow(34))[0]


def resnet50(recipe: MethodRecipe) -> FrameFlow:
    return initialise(recipe.weights, FrameFlow(50))[0]


def late_fusion(recipe: MethodRecipe) -> LateFusion:
    return LateFusion(*initialise(recipe.weights, FrameFlow(), FrameMag(latent_entry(recipe))))


def infusenet_resnet18(recipe: MethodRecipe) -> InfuseNet:
    return InfuseNet(
        settings(recipe), *initialise(recipe.weights, FrameFlow(), FrameMag(latent_entry(recipe)))
    )


def infusenet_decoded(recipe: MethodRecipe) -> InfuseNet:
    return InfuseNet(settings(recipe), *initialise(recipe.weights, FrameFlow(), FrameDecoded()))


def infusenet_finetuned(recipe: MethodRecipe) -> InfuseNet:
    # The magnifier last, so that the same seed draws the same weights as for cached latents.
    frame_flow, frame_mag = FrameFlow(), FrameMag(nn.Identity())
    weights = recipe.magnifier or shipped_weights(recipe.magnifier_sha256)
    frame_mag.entry = MagnifierEntry(weights, recipe.factor, bool(recipe.latent_norm))
    return InfuseNet(settings(recipe), *initialise(recipe.weights, frame_flow, frame_mag))
