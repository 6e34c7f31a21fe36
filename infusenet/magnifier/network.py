"""The magnifier network: Oh et al., Learning-based Video Motion Magnification (ECCV 2018), in its
two-frame form without the texture branch, with the released checkpoint's names and shapes.

No layer has a bias and the only non-linearity is ReLU, so every part is positively homogeneous and
the difference latent is linear in (factor - 1).
"""

from torch import nn
from torch.nn import functional

CHANNELS = 32


def as_read(latent):
    """A latent (..., h, w) as FrameMag reads it, after its ReLU and its 3x3 / 2 max-pool: (..., ceil(h / 2), ceil(w / 2))."""
    return functional.max_pool2d(functional.relu(latent), 3, stride=2, padding=1)


class Conv(nn.Conv2d):
    """A convolution without bias that keeps the size (up to its stride) by reflection padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1):
        super().__init__(
            inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode="reflect", bias=False
        )


class Residual(nn.Module):
    """x + conv2(relu(conv1(x)))."""

    def __init__(self):
        super().__init__()
        self.conv1 = Conv(CHANNELS, CHANNELS)
        self.conv2 = Conv(CHANNELS, CHANNELS)

    def forward(self, x):
        return x + self.conv2(functional.relu(self.conv1(x)))


class Block(nn.Module):
    """One convolution under the name that the released checkpoint gives it."""

    def __init__(self, kernel: int):
        super().__init__()
        self.conv1 = Conv(CHANNELS, CHANNELS, kernel)

    def forward(self, x):
        return self.conv1(x)


class Encoder(nn.Module):
    """Images (N, 3, H, W), RGB in [-1, 1], to latents (N, 32, ceil(H / 2), ceil(W / 2))."""

    def __init__(self):
        super().__init__()
        self.conv1 = Conv(3, 16, kernel=7)
        self.conv2 = Conv(16, CHANNELS, stride=2)
        self.resblks = nn.Sequential(*(Residual() for _ in range(3)))
        self.conv1_shape = Conv(CHANNELS, CHANNELS)
        self.resblks_shape = nn.Sequential(*(Residual() for _ in range(2)))

    def forward(self, images):
        x = functional.relu(self.conv1(images))
        x = self.resblks(functional.relu(self.conv2(x)))
        return self.resblks_shape(functional.relu(self.conv1_shape(x)))


class Manipulator(nn.Module):
    """The latent difference that magnifies the motion from ``a`` to ``b`` by ``factor``."""

    def __init__(self):
        super().__init__()
        self.convblks = nn.Sequential(Block(kernel=7))
        self.convblks_after = nn.Sequential(Block(kernel=3))
        self.resblks = nn.Sequential(Residual())

    def forward(self, a, b, factor):
        """The difference latent, to be added to ``b``.

        Parameters
        ----------
        a, b : tensors (N, 32, h, w), latents of the reference and of the moved frame
        factor : float, or tensor that broadcasts to the latents; 1 leaves the motion as it is

        Returns
        -------
        tensor (N, 32, h, w); exactly zero where ``a`` equals ``b``
        """
        x = self.convblks_after(functional.relu(self.convblks(b - a)))
        # The published order scales after the first ReLU. The layers behind it are homogeneous, so
        # scaling last gives the same values for factors from 1 up, and exact linearity.
        return (factor - 1) * self.resblks(x)


class Decoder(nn.Module):
    """Latents (N, 32, h, w) to images (N, 3, 2h, 2w), RGB in about [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.resblks = nn.Sequential(*(Residual() for _ in range(9)))
        self.conv1 = Conv(CHANNELS, CHANNELS)
        self.conv2 = Conv(CHANNELS, 3, kernel=7)

    def forward(self, latents):
        x = functional.interpolate(self.resblks(latents), scale_factor=2, mode="nearest")
        return self.conv2(functional.relu(self.conv1(x)))


class Magnifier(nn.Module):
    """Encoder, manipulator and decoder; 365,968 parameters in 37 tensors."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.manipulator = Manipulator()
        self.decoder = Decoder()

    def forward(self, a, b, factor):
        """Frame ``b`` with its motion from frame ``a`` magnified.

        Parameters
        ----------
        a, b : tensors (N, 3, H, W), RGB in [-1, 1], H and W even
        factor : float, or tensor that broadcasts to (N, 1, 1, 1)

        Returns
        -------
        tensor (N, 3, H, W)
        """
        a, b = self.encoder(a), self.encoder(b)
        return self.decoder(b + self.manipulator(a, b, factor))
