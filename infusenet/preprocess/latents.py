"""The latents stage: magnified latents of every onset-apex pair of a faces store."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS, LatentsRecipe
from infusenet.devices import prepare
from infusenet.errors import InputError
from infusenet.hashing import derived_key, file_digest
from infusenet.magnifier import Magnifier, load
from infusenet.magnifier.network import CHANNELS
from infusenet.preprocess import photometric
from infusenet.preprocess.build_store import fill
from infusenet.preprocess.images import resize
from infusenet.store import Item, Store

POOL = {"kernel_size": 3, "stride": 2, "padding": 1}


def build(
    faces, output, recipe: LatentsRecipe, *, weights=None, device: str = "auto", threads: int | None = None
):
    """Write the latents store of a faces store.

    One item per clip, ``latents``: float16 (6, 32, h, w), the pairs (onset, apex + k) for k = 0..5,
    one pair per chunk. ``raw`` latents have half the recipe's size, ``pooled`` ones (after FrameMag's
    ReLU and 3x3 / 2 max-pool) a quarter. Of ``latent: decoded`` it is float16 (6, 3, size, size), the
    magnified RGB images in [0, 1]. Clips without a face stay listed as failures.

    Parameters
    ----------
    weights : file of the magnifier; default: the shipped one. Must be the file that the recipe names.
    device : "auto" (CUDA where available), "cpu" or "cuda"
    threads : CPU threads, default 1. The last bits of the result depend on this count; a clip's latents do not
        depend on the other clips.

    Raises
    ------
    InputError
        The weights are unreadable or not the recipe's, the crops are smaller than the recipe's
        size, or latents leave the range of float16.
    """
    store = Store(faces, "faces")
    path = Path(weights or SHIPPED_WEIGHTS)
    model = load(path)
    if file_digest(path) != recipe.weights:
        raise InputError(
            f"{path} has sha256 {file_digest(path)}, but the recipe names {recipe.weights}; "
            "give the path of the file with that sha256"
        )
    size = recipe.size
    crop = store.shape("frames")[1] if len(store) else size
    if crop < size:
        raise InputError(f"{faces}: crops of {crop} px, expected at least {size} px, the size of the latents")
    if recipe.latent == "decoded" and (recipe.form == "pooled" or size % 2):
        raise InputError("latent: decoded needs form: raw and an even size; set both")
    device = prepare(device, threads)
    model.to(device, memory_format=torch.channels_last)
    if recipe.latent == "decoded":
        chunk = (1, 3, size, size)
    else:
        side = -(-size // (4 if recipe.form == "pooled" else 2))
        chunk = (1, CHANNELS, side, side)
    recipe_values = recipe.as_dict()
    fill(
        Path(output),
        stage="latents",
        database=store.database,
        recipe=recipe_values,
        source=store.as_source,
        clips=[(clip, derived_key(store.keys[clip], recipe_values)) for clip in store.clips],
        work=partial(_work, store, model, recipe, device),
        upstream_failures=store.failures,
        chunks={"latents": chunk},
    )


def _work(
    faces: Store, model: Magnifier, recipe: LatentsRecipe, device, clips: Sequence[str]
) -> Iterator[Item]:
    for clip in clips:
        result = latents(model, faces.read("frames", clip), faces.read("numbers", clip), recipe, device)
        if not np.isfinite(result).all():
            raise InputError("latents exceed float16; lower the factor or look at the weights")
        yield Item({"latents": result}, faces.status[clip])


@torch.inference_mode()
def latents(
    model: Magnifier, frames: np.ndarray, numbers: Sequence[int], recipe: LatentsRecipe, device
) -> np.ndarray:
    """Latents of the pairs (frame 0, frame i), i = 1...

    Parameters
    ----------
    frames : uint8 (n, S, S, 3), RGB; the onset first
    numbers : n frame numbers; frames of one number are the same frame and are encoded once, so
        that an apex at the onset gives exact zeros
    recipe : the stage's recipe
    device : where ``model`` is

    Returns
    -------
    float16 (n - 1, 32, h, w), or (n - 1, 3, size, size) when decoded
    """
    order, places = {}, []
    for i, number in enumerate(numbers):
        places.append(order.setdefault(int(number), (len(order), i))[0])
    images = [resize(frames[i], recipe.size) for _, i in order.values()]
    images = [photometric.match(images[0], image, recipe.photometric) for image in images]
    batch = torch.from_numpy(2 * np.stack(images) - 1).permute(0, 3, 1, 2)  # channels last already
    encoded = model.encoder(batch.to(device))
    difference = model.manipulator(encoded[:1], encoded, recipe.factor)
    result = difference if recipe.latent == "difference" else encoded + difference
    if recipe.latent == "decoded":
        result = ((model.decoder(result) + 1) / 2).clamp(0, 1)
    if recipe.form == "pooled":
        result = functional.max_pool2d(functional.relu(result), **POOL)
    return result.half().cpu().numpy()[places[1:]]
