"""ResNet10 of the CD6ME benchmark: timm's resnet10t. torchvision has no ResNet of that depth."""

import timm
from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.models.backbone_base import Backbone
from infusenet.models.weights import TimmWeights, initialise
from infusenet.protocol import AUS


class ResNet10(Backbone):
    """timm's resnet10t on flow images (B, 3, S, S): one basic block per stage, a stem of three convolutions."""

    prefix, fresh = "net.", ("net.fc.",)
    imagenet = TimmWeights("resnet10t.c3_in1k")

    def __init__(self):
        super().__init__()
        self.net = timm.create_model("resnet10t", num_classes=len(AUS))

    @property
    def blocks(self) -> list[nn.Module]:
        return [self.net.layer1, self.net.layer2, self.net.layer3, self.net.layer4]

    @property
    def fc(self) -> nn.Module:
        return self.net.fc

    def stem(self, flow: Tensor) -> Tensor:
        return self.net.maxpool(self.net.act1(self.net.bn1(self.net.conv1(flow))))

    def pool(self, map: Tensor) -> Tensor:
        return self.net.global_pool(map)


def resnet10(recipe: MethodRecipe) -> ResNet10:
    return initialise(recipe.weights, ResNet10())[0]
