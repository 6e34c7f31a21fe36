"""The latents stage: magnified latents of every onset-apex pair of a faces store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from infusenet.config.stage_recipes import LatentsRecipe, shipped_weights, weights_path
from infusenet.devices import prepare
from infusenet.errors import InputError
from infusenet.hashing import derived_key, file_digest
from infusenet.magnifier import Magnifier, load
from infusenet.magnifier.network import CHANNELS, as_read
from infusenet.preprocess import photometric
from infusenet.preprocess.build_store import fill
from infusenet.preprocess.images import resize
from infusenet.read_ahead import computed
from infusenet.store import Item, Store

# Frames of one call of the network on a GPU: nine clips of seven, at 224 px less than 2 GB of maps. On a CPU a
# call has one clip: larger ones are no faster there.
FRAMES = 64


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
    weights : magnifier, a file or the name of a shipped one; default: the shipped one that the recipe names.
        Must be the file that the recipe names.
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
    model = magnifier(recipe, weights)
    size = recipe.size
    check(recipe, store.shape("frames")[1] if len(store) else size, faces)
    device = prepare(device, threads)
    model.to(device, memory_format=torch.channels_last)
    chunk = (1, 3, size, size) if recipe.latent == "decoded" else (1, CHANNELS, recipe.side, recipe.side)
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


def magnifier(recipe: LatentsRecipe, weights: Path | str | None = None) -> Magnifier:
    """The magnifier that the recipe names, from ``weights`` or of this package; InputError where it is another one."""
    path = weights_path(weights or shipped_weights(recipe.weights))
    model = load(path)
    if file_digest(path) != recipe.weights:
        raise InputError(
            f"{path} has sha256 {file_digest(path)}, but the recipe names {recipe.weights}; "
            "give the path of the file with that sha256"
        )
    return model


def check(recipe: LatentsRecipe, crop: int, origin: object) -> None:
    """Raise InputError where crops of ``crop`` px, those of ``origin``, cannot give what the recipe asks for."""
    if crop < recipe.size:
        raise InputError(
            f"{origin}: crops of {crop} px, expected at least {recipe.size} px, the size of the latents"
        )
    if recipe.latent == "decoded" and (recipe.form == "pooled" or recipe.size % 2):
        raise InputError("latent: decoded needs form: raw and an even size; set both")


def _work(
    faces: Store, model: Magnifier, recipe: LatentsRecipe, device: torch.device, clips: Sequence[str]
) -> Iterator[Item]:
    on_gpu = device.type == "cuda"
    results = computed(
        (pictures(faces.read("frames", clip), faces.read("numbers", clip), recipe) for clip in clips),
        size=lambda clip: len(clip.frames),
        limit=FRAMES if on_gpu else 0,
        compute=lambda group: encoded(model, group, recipe, device),
        on_gpu=on_gpu,
    )
    for clip, result in zip(clips, results, strict=True):
        yield Item({"latents": checked(result)}, faces.status[clip])


def checked(latents: np.ndarray) -> np.ndarray:
    """The latents; InputError where they are not finite."""
    if not np.isfinite(latents).all():
        raise InputError("latents exceed float16; lower the factor or look at the weights")
    return latents


@dataclass(frozen=True)
class Pictures:
    """The distinct frames of a clip, (n, size, size, 3), RGB, the onset first: uint8, or float32 in [0, 1] where they
    were resized or matched. ``places``: of each pair's second frame among them."""

    frames: np.ndarray
    places: list[int]


def pictures(frames: np.ndarray, numbers: Sequence[int], recipe: LatentsRecipe) -> Pictures:
    """The frames of a clip as `encoded` takes them.

    Parameters
    ----------
    frames : uint8 (n, S, S, 3), RGB; the onset first
    numbers : n frame numbers; frames of one number are the same frame and are encoded once, so
        that an apex at the onset gives exact zeros
    recipe : the stage's recipe
    """
    order, places = {}, []
    for i, number in enumerate(numbers):
        places.append(order.setdefault(int(number), (len(order), i))[0])
    distinct = frames[[i for _, i in order.values()]]
    if frames.shape[1] != recipe.size or recipe.photometric != "none":
        images = [resize(frame, recipe.size) for frame in distinct]
        distinct = np.stack([photometric.match(images[0], image, recipe.photometric) for image in images])
    return Pictures(distinct, places[1:])


@torch.inference_mode()
def encoded(
    model: Magnifier, clips: Sequence[Pictures], recipe: LatentsRecipe, device: torch.device
) -> list[np.ndarray]:
    """Latents of some clips in one call of the network: of each pair (onset, frame i), i = 1...

    On a GPU a call has `FRAMES` frames, filled up with zeros: of another number it might choose other kernels, and
    a clip's last bits would depend on the others.

    Parameters
    ----------
    recipe : the stage's recipe
    device : where ``model`` is

    Returns
    -------
    by clip, float16 (n - 1, 32, h, w), or (n - 1, 3, size, size) when decoded
    """
    counts = [len(clip.frames) for clip in clips]
    starts = np.cumsum([0, *counts])
    frames = torch.from_numpy(np.concatenate([clip.frames for clip in clips])).to(device)
    onsets = torch.from_numpy(np.repeat(starts[:-1], counts)).to(device)
    if device.type == "cuda" and (empty := FRAMES - len(frames)) > 0:
        frames = functional.pad(frames, (0, 0, 0, 0, 0, 0, 0, empty))
        onsets = functional.pad(onsets, (0, empty))
    images = frames.float() / 255 if frames.dtype == torch.uint8 else frames
    latents = model.encoder((2 * images - 1).permute(0, 3, 1, 2))  # channels last already
    difference = model.manipulator(latents[onsets], latents, recipe.factor)
    result = difference if recipe.latent == "difference" else latents + difference
    if recipe.latent == "decoded":
        result = ((model.decoder(result) + 1) / 2).clamp(0, 1)
    if recipe.form == "pooled":
        result = as_read(result)
    rows = result.half().cpu().numpy()
    return [
        rows[start : start + count][clip.places]
        for clip, start, count in zip(clips, starts[:-1], counts, strict=True)
    ]
