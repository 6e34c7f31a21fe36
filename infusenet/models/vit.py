"""ViT-Tiny on flow and on latents, alone and as InfuseNet (Khor et al. 2025).

The paper's "ViT-Tiny" cites TinyViT (Wu et al. 2022) without its size: ``variant`` is
``tinyvit_5m`` (default), ``tinyvit_21m``, or ``patch16``, the plain ViT-Ti/16 (Touvron et al. 2021).
All are timm's.
"""

import timm
import torch
from timm.layers import resample_abs_pos_embed
from timm.layers.pos_embed_rel import resize_rel_pos_bias_table_levit
from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError, did_you_mean
from infusenet.models.backbone_base import Backbone, LatentEntry, latent_entry
from infusenet.models.infusion import InfuseNet, settings
from infusenet.models.weights import TimmWeights, initialise
from infusenet.protocol import AUS

VARIANTS = {
    "tinyvit_5m": TimmWeights("tiny_vit_5m_224.dist_in22k_ft_in1k"),
    "tinyvit_21m": TimmWeights("tiny_vit_21m_224.dist_in22k_ft_in1k"),
    "patch16": TimmWeights("vit_tiny_patch16_224.augreg_in21k_ft_in1k"),
}


class TinyViT(Backbone):
    """TinyViT on flow images (B, 3, S, S): stages of maps with sides S / 4, S / 8, S / 16, S / 32.

    Attention windows are no larger than the stage's map, so none attends to padding that only the
    window's size brings in; at S = 224 they are the published 7, 14 and 7. Position biases of a file
    made for another size are interpolated, as timm does.
    """

    prefix = "net."

    def __init__(self, variant: str, size: int):
        super().__init__()
        sides = [-(-size // stride) for stride in (4, 8, 16, 32)]
        windows = [min(pair) for pair in zip((7, 7, 14, 7), sides, strict=True)]
        self.imagenet = VARIANTS[variant]
        name = self.imagenet.name.partition(".")[0]
        self.net = timm.create_model(name, num_classes=0, window_sizes=windows)
        self.fc = nn.Linear(self.net.num_features, len(AUS))

    @property
    def blocks(self) -> list[nn.Module]:
        return list(self.net.stages)

    def adapt(self, state):
        state, own = super().adapt(state), self.state_dict()
        for name, value in own.items():
            table = state.get(name)
            if name.endswith("attention_biases") and table is not None and len(table) == len(value):
                state[name] = resize_rel_pos_bias_table_levit(table.T, value.T.shape).T
        return state

    def stem(self, flow: Tensor) -> Tensor:
        return self.net.patch_embed(flow)

    def pool(self, map: Tensor) -> Tensor:
        """Mean over the map, then TinyViT's layer normalisation."""
        return self.net.head(map)


class TinyViTMag(TinyViT):
    """TinyViT on latents: they enter its first stage, after a 1x1 convolution where that is wider."""

    head = "mag"
    fresh = ("fc.", "entry.", "net.patch_embed.")

    def __init__(self, variant: str, size: int, entry: LatentEntry):
        super().__init__(variant, size)
        width = self.net.stages[0].dim
        self.net.patch_embed = nn.Identity() if width == 64 else nn.Conv2d(64, width, 1, bias=False)
        self.entry = entry

    def stem(self, latents: Tensor) -> Tensor:
        return self.net.patch_embed(self.entry(latents))


class PatchViT(Backbone):
    """ViT-Ti/16 on flow images: 12 blocks in four groups, on a class token and (S / 16)^2 patches.

    The patches' mean is classified and not the class token, which an infusion after the last block
    would not reach.
    """

    prefix, imagenet = "net.", VARIANTS["patch16"]

    def __init__(self, size: int, patch: int = 16, channels: int = 3):
        super().__init__()
        if size % patch:
            raise InputError(f"patch16: size is {size}, expected a multiple of {patch}")
        self.net = timm.create_model(
            "vit_tiny_patch16_224", img_size=size, patch_size=patch, in_chans=channels, num_classes=0
        )
        self.fc = nn.Linear(self.net.num_features, len(AUS))
        # A slice is a new module each time: made once, so that a hook on it stays.
        self.blocks = [self.net.blocks[first : first + 3] for first in (0, 3, 6, 9)]

    def adapt(self, state):
        state, own = super().adapt(state), self.net.pos_embed
        table = state.get("net.pos_embed")
        if table is not None and table.shape[-1] == own.shape[-1]:
            state["net.pos_embed"] = resample_abs_pos_embed(table, self.net.patch_embed.grid_size)
        return state

    def stem(self, flow: Tensor) -> Tensor:
        return self.net.norm_pre(self.net._pos_embed(self.net.patch_embed(flow)))

    def pool(self, tokens: Tensor) -> Tensor:
        return self.net.norm(tokens)[:, 1:].mean(1)


class PatchViTMag(PatchViT):
    """ViT-Ti on raw latents (B, 64, S / 2, S / 2), in patches of 8 x 8."""

    head = "mag"
    fresh = ("fc.", "norm.", "net.patch_embed.")

    def __init__(self, size: int, entry: LatentEntry):
        super().__init__(size // 2, patch=8, channels=64)
        if entry.form != "raw":
            raise InputError(f"patch16: latents of form '{entry.form}', expected raw")
        self.norm = entry.norm

    def stem(self, latents: Tensor) -> Tensor:
        return super().stem(self.norm(latents))


class PatchInfuseNet(InfuseNet):
    """InfuseNet on tokens: the patches are infused as maps (B, C, S / 16, S / 16), the class token not."""

    def _infuse(self, place: str, mag: Tensor, flow: Tensor) -> Tensor:
        if place not in self.infusions or mag.dim() == 2:
            return super()._infuse(place, mag, flow)
        side = self.frame_mag.net.patch_embed.grid_size
        maps = [tokens[:, 1:].transpose(1, 2).unflatten(2, side) for tokens in (mag, flow)]
        infused = self.infusions[place](*maps).flatten(2).transpose(1, 2)
        return torch.cat([mag[:, :1], infused], 1)


def variant(recipe: MethodRecipe) -> str:
    name = recipe.variant
    if name not in VARIANTS:
        raise InputError(f"unknown ViT variant '{name}' {did_you_mean(name, VARIANTS)}")
    return name


def frame_flow(recipe: MethodRecipe) -> Backbone:
    name = variant(recipe)
    return PatchViT(recipe.size) if name == "patch16" else TinyViT(name, recipe.size)


def frame_mag(recipe: MethodRecipe) -> Backbone:
    name, size, entry = variant(recipe), recipe.size, latent_entry(recipe)
    return PatchViTMag(size, entry) if name == "patch16" else TinyViTMag(name, size, entry)


def vit_tiny_flow(recipe: MethodRecipe) -> Backbone:
    return initialise(recipe.weights, frame_flow(recipe))[0]


def vit_tiny_mag(recipe: MethodRecipe) -> Backbone:
    return initialise(recipe.weights, frame_mag(recipe))[0]


def infusenet_vit(recipe: MethodRecipe) -> InfuseNet:
    kind = PatchInfuseNet if variant(recipe) == "patch16" else InfuseNet
    return kind(settings(recipe), *initialise(recipe.weights, frame_flow(recipe), frame_mag(recipe)))
