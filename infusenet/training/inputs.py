"""The inputs of models: what is kept of a clip's stored arrays, and what a network gets of it.

A clip is kept in the type of its store, so that memory holds many; the rest of the computation is elementwise
and happens to a batch, where the network computes. An input's slots are the pairs or frames of a clip that one
epoch reads: those of the apex and of that epoch's pseudo-apex.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError
from infusenet.preprocess import photometric
from infusenet.preprocess.images import resize
from infusenet.preprocess.optical_flow import prepare
from infusenet.protocol import APEX_SLOT, ONSET_SLOT
from infusenet.store import Store


class Flow:
    """Kept (3, S, S): as stored, float16, where its side is the network's, else prepared, float32.

    A batch: float32 (B, 3, size, size) in [0, 1], f_x, f_y and strain, each min-max normalised.
    """

    def __init__(self, recipe: MethodRecipe, stores: Sequence[Store]):
        self.size = recipe.size
        self.is_resized = any(store.shape("flow")[-1] != self.size for store in stores)

    def read(self, store: Store, clip: str, slots: Sequence[int] | None) -> np.ndarray:
        image = store.read("flow", clip)
        return prepare(image, self.size) if self.is_resized else image

    def slots(self, candidates: Tensor) -> None:
        return None

    def batch(self, images: Tensor) -> Tensor:
        if self.is_resized:
            return images
        images = images.float()
        low = images.amin((2, 3), keepdim=True)
        span = images.amax((2, 3), keepdim=True) - low
        return (images - low) / torch.where(span > 0, span, 1)


class Pairs:
    """Kept (6, C, h, w), float16: the pairs of the apex and its candidates.

    A batch: float32 (B, 2 C, h, w), the apex pair and the pseudo-apex pair, times the gain.
    """

    def __init__(self, recipe: MethodRecipe, stores: Sequence[Store]):
        self.gain = gain(recipe)

    def read(self, store: Store, clip: str, slots: Sequence[int] | None) -> np.ndarray:
        if slots is None:
            return store.read("latents", clip)
        return np.stack([store.read("latents", clip, slot) for slot in slots])

    def slots(self, candidates: Tensor) -> Tensor:
        return torch.stack([torch.zeros_like(candidates), candidates], 1)

    def batch(self, pairs: Tensor) -> Tensor:
        return pairs.flatten(1, 2).float() * self.gain


class Frames:
    """Kept (7, S, S, 3), RGB: uint8 as stored, or float32 in [0, 1] where the frames are resized or matched.

    A batch: float32 (B, 3, 3, size, size) in [-1, 1], RGB onset, apex and pseudo-apex.
    """

    def __init__(self, recipe: MethodRecipe, stores: Sequence[Store]):
        self.size, self.photometric = recipe.size, recipe.photometric
        self.is_stored = self.photometric == "none" and all(
            store.shape("frames")[1] == self.size for store in stores
        )

    def read(self, store: Store, clip: str, slots: Sequence[int] | None) -> np.ndarray:
        if slots is None:
            frames = store.read("frames", clip)
        else:
            frames = np.stack([store.read("frames", clip, slot) for slot in slots])
        if self.is_stored:
            return frames
        images = [resize(frame, self.size) for frame in frames]
        return np.stack([photometric.match(images[0], image, self.photometric) for image in images])

    def slots(self, candidates: Tensor) -> Tensor:
        onset = torch.full_like(candidates, ONSET_SLOT)
        return torch.stack([onset, onset + APEX_SLOT, candidates + APEX_SLOT], 1)

    def batch(self, frames: Tensor) -> Tensor:
        images = frames.float() / 255 if self.is_stored else frames
        return (images.permute(0, 1, 4, 2, 3) * 2 - 1).contiguous()


class Video:
    """Kept, and in a batch, uint8 (T, S, S), gray."""

    def __init__(self, recipe: MethodRecipe, stores: Sequence[Store]):
        pass

    def read(self, store: Store, clip: str, slots: Sequence[int] | None) -> np.ndarray:
        return store.read("video", clip)

    def slots(self, candidates: Tensor) -> None:
        return None

    def batch(self, video: Tensor) -> Tensor:
        return video


INPUTS = {"flow": Flow, "latents": Pairs, "decoded": Pairs, "frames": Frames, "video": Video}


def gain(recipe: MethodRecipe) -> float:
    """The factor on stored latents that gives them the method's magnification.

    The difference latent is linear in (factor - 1), so one store serves every factor.
    """
    magnified = [recipe.stores[name].recipe for name in ("latents", "decoded") if name in recipe.stores]
    if not magnified or recipe.factor == magnified[0].factor:
        return 1.0
    (stored,) = magnified
    if stored.latent != "difference" or recipe.factor <= 1:
        raise InputError(
            f"factor {recipe.factor} cannot be computed from {stored.latent} latents of factor "
            f"{stored.factor}: expected difference latents and a factor above 1, "
            "or a store variant made with this factor"
        )
    return (recipe.factor - 1) / (stored.factor - 1)
