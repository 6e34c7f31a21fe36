"""ResNets as torchvision has them (He et al. 2016, with the stride of a bottleneck in its 3x3 convolution).

Names and order of the parameters and the random start are torchvision's, so that its weights fit and a seed gives
the same network. Written here because the import of torchvision takes longer than torch's: it loads the detection
networks and, for these, torch's compiler.
"""

from collections.abc import Sequence

from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)  # of the four layers; a bottleneck's maps have four times as many channels


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (B, channels, h, w) -> (B, width, h / stride, w / stride)."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        # Drawn first and registered last, as in torchvision.
        downsample = _shortcut(channels, width, stride)
        self.conv1, self.bn1 = _convolution(channels, width, 3, stride), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = _convolution(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        result = self.relu(self.bn1(self.conv1(x)))
        result = self.bn2(self.conv2(result))
        result += self.downsample(x)
        return self.relu(result)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: (B, channels, h, w) -> (B, 4 width, h / stride, w / stride)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        wide = width * self.expansion
        downsample = _shortcut(channels, wide, stride)
        self.conv1, self.bn1 = _convolution(channels, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _convolution(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _convolution(width, wide, 1), nn.BatchNorm2d(wide)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        result = self.relu(self.bn1(self.conv1(x)))
        result = self.relu(self.bn2(self.conv2(result)))
        result = self.bn3(self.conv3(result))
        result += self.downsample(x)
        return self.relu(result)


class ResNet(nn.Module):
    """The parts of a ResNet on (B, 3, S, S), with a random start; a subclass says how they are put together.

    ``layers`` is the number of blocks in each of the four layers, ``outputs`` that of the values of ``fc``.
    """

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], layers: Sequence[int], outputs: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
        outs = [width * block.expansion for width in WIDTHS]
        self.layer1 = _layer(block, 64, WIDTHS[0], layers[0], 1)
        self.layer2 = _layer(block, outs[0], WIDTHS[1], layers[1], 2)
        self.layer3 = _layer(block, outs[1], WIDTHS[2], layers[2], 2)
        self.layer4 = _layer(block, outs[2], WIDTHS[3], layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(outs[3], outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _layer(block, channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    rest = (block(width * block.expansion, width, 1) for _ in range(count - 1))
    return nn.Sequential(block(channels, width, stride), *rest)


def _convolution(channels: int, width: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, width, size, stride=stride, padding=size // 2, bias=False)


def _shortcut(channels: int, width: int, stride: int) -> nn.Module:
    if stride == 1 and channels == width:
        return nn.Identity()
    return nn.Sequential(_convolution(channels, width, 1, stride), nn.BatchNorm2d(width))
