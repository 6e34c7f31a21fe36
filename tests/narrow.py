"""Narrow networks: what trains, stores and reads networks is tested on them in a fraction of the time.

``narrow`` is InfuseNet of two networks in a few lines. It has ResNet18's parts (convolutions with batch normalisation,
four blocks, pooling, a head for each network) and InfuseNet's own infusion, 16 channels wide.
"""

import sys
from dataclasses import replace
from unittest import mock

import synthetic
from torch import nn

from infusenet import models
from infusenet.models import resnet_blocks
from infusenet.models.backbone_base import Backbone, latent_entry
from infusenet.models.infusion import InfuseNet, settings
from infusenet.protocol import AUS

WIDTH = 16
RECIPE = replace(synthetic.RECIPE, model="narrow")


class Trunk(Backbone):
    def __init__(self, head: str, entry: nn.Module):
        super().__init__()
        self.head, self.entry = head, entry
        self.blocks = nn.ModuleList(block(WIDTH) for _ in range(4))
        self.fc = nn.Linear(WIDTH, len(AUS))

    def stem(self, *flow, **latents):
        return self.entry(*flow, *latents.values())

    def pool(self, map):
        return map.mean((2, 3))


def block(inputs: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, WIDTH, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(WIDTH), nn.ReLU())


def narrow(recipe) -> InfuseNet:
    flow = Trunk("flow", block(3, 4))
    return InfuseNet(settings(recipe), flow, Trunk("mag", nn.Sequential(latent_entry(recipe), block(64))))


def register(patch) -> None:
    """Make ``narrow`` a model by that name until ``patch``, a `pytest.MonkeyPatch`, is undone."""
    patch.setitem(models.MODELS, "narrow", models.MODELS["infusenet_resnet18"]._replace(file="narrow"))
    patch.setitem(sys.modules, "infusenet.models.narrow", sys.modules[__name__])


def narrow_resnets():
    """A context in which ResNets have every layer, but the last three narrow.

    A ResNet18 then has a million parameters and not 11.
    """
    return mock.patch.object(resnet_blocks, "WIDTHS", (64, 64, 64, 128))


TINYVITS = {"tiny_vit_5m_224": 64, "tiny_vit_21m_224": 96}  # timm's names, and the width of the first stage


def narrow_vits():
    """A context in which TinyViTs have every layer, all as wide as those of the first stage."""
    import timm  # here alone: few tests need it

    def create_model(name, create=timm.create_model, **settings):
        if width := TINYVITS.get(name):
            settings |= {"embed_dims": [width] * 4, "num_heads": [width // 32] * 4}
        return create(name, **settings)

    return mock.patch.object(timm, "create_model", create_model)
