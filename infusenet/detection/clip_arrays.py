"""The arrays of one clip of new footage: those that the stages would store of it, by the stages' own functions."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from infusenet import devices
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.stage_recipes import FacesRecipe, FlowRecipe, LatentsRecipe
from infusenet.databases.clip_table import Clip
from infusenet.detection.footage import Footage
from infusenet.detection.trained_models import TrainedModel
from infusenet.errors import InputError
from infusenet.magnifier import Magnifier
from infusenet.preprocess import faces, flow, latents
from infusenet.preprocess.failed_faces import FailedFace
from infusenet.protocol import AUS
from infusenet.store import Item
from infusenet.training.dataset import ClipDataset, EpochBatches
from infusenet.training.folds import Database

# Frames of a window that a method may read all of (LBP-TOP and LED); at 640 x 480 px they take 1 GB of memory.
LONGEST = 1000
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Window:
    """The frame numbers of a clip's onset, apex and offset, inclusive."""

    onset: int
    apex: int
    offset: int


@dataclass(frozen=True)
class ArrayStore:
    """One clip's arrays in memory, read like a `infusenet.store.Store`'s."""

    arrays: dict[str, np.ndarray]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.arrays[name].shape

    def read(self, name: str, clip: str, index=()) -> np.ndarray:
        return self.arrays[name][index]


@dataclass(frozen=True)
class ClipArrays:
    """``crops``: the item of the faces stage (arrays as `infusenet.preprocess.faces.build` lists them; its status says
    whether the face was found at the first try). ``stores``: by input of the method, what it reads."""

    name: str
    window: Window
    crops: Item
    stores: dict[str, ArrayStore]

    def dataset(self, recipe: MethodRecipe) -> ClipDataset:
        """The clip alone, as training and scoring read clips; its labels are zeros, because nobody knows them."""
        clip = _clip(self.name, self.window)
        return ClipDataset([Database("", [clip], self.stores, [])], recipe, seed=0)

    def inputs(self, recipe: MethodRecipe, candidate: int) -> dict[str, torch.Tensor]:
        """The inputs of a network with the pseudo-apex ``candidate`` frames after the apex, without a batch dimension."""
        data = self.dataset(recipe)
        ((kept, _),) = data.batches(EpochBatches(1, 1), CPU, candidate)
        return {name: value[0] for name, value in data.network_inputs(kept).items()}


def clip_arrays(footage: Footage, window: Window, model: TrainedModel) -> ClipArrays:
    """The arrays of a clip by the recipes that a model was trained on.

    Raises
    ------
    InputError
        A window that is not in the footage, no face or several on the onset, or frames that cannot be read.
    """
    cv2.setNumThreads(1)  # as the stages do
    device = devices.prepare(model.device.type, model.recipe.threads)
    check_window(footage, window)
    items = {model.faces: _crops(footage, window, model.faces)}
    stores = {}
    for name, store in model.recipe.stores.items():
        recipe = store.recipe
        if recipe.stage != "faces":
            try:
                array = _derived(items[model.faces], recipe, model.magnifier, device)
            except InputError as error:
                raise InputError(f"{footage.path}: {error}") from None
            stores[name] = ArrayStore({recipe.stage: array})
            continue
        if recipe not in items:
            items[recipe] = _crops(footage, window, recipe)
        stores[name] = ArrayStore(items[recipe].arrays)
    return ClipArrays(footage.name, window, items[model.faces], stores)


def _derived(
    crops: Item, recipe: FlowRecipe | LatentsRecipe, magnifier: Path | None, device: torch.device
) -> np.ndarray:
    """The flow image or the latents of a clip, from its crops."""
    frames, numbers = crops.arrays["frames"], crops.arrays["numbers"]
    if recipe.stage == "flow":
        return flow.checked(flow.images(frames[None, flow.slots_read(recipe)], recipe, device.type)[0])
    pictures = latents.pictures(frames, numbers, recipe)
    return latents.checked(
        latents.encoded(_magnifier(recipe, magnifier, device), [pictures], recipe, device)[0]
    )


def check_window(footage: Footage, window: Window) -> None:
    """Raise InputError where a window is out of order or has a key frame that the footage lacks."""
    words = f"onset {window.onset}, apex {window.apex}, offset {window.offset}"
    if not window.onset <= window.apex <= window.offset:
        raise InputError(f"{footage.path}: {words}: expected onset <= apex <= offset")
    numbers = set(footage.numbers)
    if not {window.onset, window.apex, window.offset} <= numbers:
        raise InputError(f"{footage.path}: {words}: expected frames of the footage, which has {footage.span}")


def _crops(footage: Footage, window: Window, recipe: FacesRecipe) -> Item:
    present = set(footage.numbers)
    numbers = faces.frame_numbers(_clip(footage.name, window), present, recipe.keep, footage.path)
    read = faces.frames_to_read(window.onset, numbers, present)
    if len(read) > LONGEST:
        raise InputError(
            f"{footage.path}: {len(read)} frames from onset to offset, all of which this method reads; expected at "
            f"most {LONGEST}: give the offset of the expression"
        )
    try:
        return faces.crops(footage.read(read), window.onset, numbers, recipe)
    except FailedFace as failed:
        raise InputError(f"{footage.path}: frame {window.onset}: {failed}") from None


def _clip(name: str, window: Window) -> Clip:
    return Clip("", "", name, window.onset, window.apex, window.offset, "", labels=dict.fromkeys(AUS, 0))


@lru_cache(maxsize=2)
def _magnifier(recipe: LatentsRecipe, path: Path, device: torch.device) -> Magnifier:
    return latents.magnifier(recipe, path).to(device, memory_format=torch.channels_last)
