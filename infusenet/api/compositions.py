"""Functions of the public interface that put functions of several rooms together, for use without files.

Each takes settings by name, as the configuration does, in place of a recipe. Heavy imports are inside, so that cropping
a face does not wait for torch.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from infusenet.config import options, stage_recipes
from infusenet.errors import InputError, raise_all
from infusenet.protocol import AUS

if TYPE_CHECKING:
    from torch.nn import Module

    from infusenet.config.method_recipe import MethodRecipe
    from infusenet.magnifier import Magnifier
    from infusenet.training.trained_run import TrainedRun


def crop_face(frames: np.ndarray, landmarks: np.ndarray, size: int | None = None) -> np.ndarray:
    """Crop one clip's frames by the similarity that brings the landmarks of its onset to fixed places.

    All frames are cropped alike, because landmarks found anew on each frame jitter by more than a micro-expression
    moves.

    Parameters
    ----------
    frames : uint8 array (H, W, 3) or (N, H, W, 3), RGB
    landmarks : float array (68, 2), (x, y) in px of the frames, of `detect_face` on the onset
    size : side of the crops, px; default: that of the configuration, 224

    Returns
    -------
    uint8 array (size, size, 3) or (N, size, size, 3), RGB

    Raises
    ------
    InputError
        Frames of another type or shape, landmarks of another shape, or a size below 16.

    References
    ----------
    Umeyama, *Least-squares estimation of transformation parameters between two point patterns* (PAMI 1991).

    Examples
    --------
    >>> import numpy as np
    >>> from infusenet import crop_face
    >>> angles = np.linspace(0, 6.28, 68)  # in place of the landmarks of a real face
    >>> landmarks = 60 + 30 * np.stack([np.cos(angles), np.sin(angles)], 1)
    >>> crop_face(np.full((120, 160, 3), 90, np.uint8), landmarks, 64).shape
    (64, 64, 3)
    """
    from infusenet.preprocess import alignment

    recipe = stage_recipes.resolve("faces", {} if size is None else {"size": size})
    _check_frames("frames", frames, (3, 4))
    if np.shape(landmarks) != (68, 2):
        raise InputError(f"landmarks have shape {np.shape(landmarks)}, expected (68, 2): (x, y) in px")
    matrix = alignment.similarity(np.asarray(landmarks, float), recipe.size)
    if frames.ndim == 3:
        return alignment.crop(frames, matrix, recipe.size)
    return np.stack([alignment.crop(frame, matrix, recipe.size) for frame in frames])


def flow_and_strain(onset: np.ndarray, apex: np.ndarray, *, device: str = "cpu", **settings) -> np.ndarray:
    """Optical flow and strain from onset to apex, of one pair of frames or of a batch of pairs.

    Parameters
    ----------
    onset : uint8 array (H, W, 3) or (N, H, W, 3), RGB
    apex : uint8 array of the onset's shape; or (K, H, W, 3) for one pair and (N, K, H, W, 3) for a batch, the apex
        and the K - 1 frames after it, which are fitted together; K is 1 or 3
    device : "auto" (CUDA where available), "cpu" or "cuda"
    settings : ``solver``, ``strain`` and ``photometric``, as under `flow` in docs/configuration.md

    Returns
    -------
    float32 array (3, H, W) or (N, 3, H, W)
        The flow f_x and f_y in px, so that apex(p + f(p)) shows what onset(p) shows; and the norm of the strain tensor,
        px per px, >= 0. Zero where onset and apex are equal. A pair's result does not depend on the others.

    Raises
    ------
    InputError
        Frames of another type or shape, an unknown setting, a value outside its choices, or no such device.

    References
    ----------
    TV-L1: Zach, Pock and Bischof, *A duality based approach for realtime TV-L1 optical flow* (DAGM 2007). Strain:
    Shreve et al., *Macro- and micro-expression spotting in long videos using spatio-temporal strain* (FG 2011).

    Examples
    --------
    >>> import numpy as np
    >>> from infusenet import flow_and_strain
    >>> x, y = np.meshgrid(np.arange(48), np.arange(48))
    >>> def frame(shift):  # waves that move to the right
    ...     gray = 128 + 60 * np.sin((x - shift) / 3) * np.cos(y / 4)
    ...     return np.repeat(gray[..., None], 3, 2).astype(np.uint8)
    >>> image = flow_and_strain(frame(0), frame(0.5))
    >>> image.shape, image.dtype
    ((3, 48, 48), dtype('float32'))
    >>> print(f"{np.median(image[0]):.1f} px to the right, {abs(np.median(image[1])):.1f} px down")
    0.5 px to the right, 0.0 px down
    >>> flow_and_strain(frame(0), frame(0)).any()  # no motion
    np.False_
    """
    from infusenet.preprocess.optical_flow import flow_images

    if "frames" in settings:
        raise InputError("frames is no setting here: the number of frames at the apex is that of its shape")
    _check_frames("onset", onset, (3, 4))
    _check_frames("apex", apex, (onset.ndim, onset.ndim + 1))
    if apex.ndim == onset.ndim:
        apex = np.expand_dims(apex, -4)
    if np.delete(apex.shape, -4).tolist() != list(onset.shape):
        raise InputError(
            f"the onset has shape {onset.shape}, frames at the apex {apex.shape}: expected frames of one size, and "
            "as many pairs"
        )
    recipe = stage_recipes.resolve("flow", {"frames": apex.shape[-4], **settings})
    place = _place(device) if recipe.can_use_gpu else "cpu"
    if onset.ndim == 3:
        return flow_images(onset[None], apex[None], recipe, place)[0]
    return flow_images(onset, apex, recipe, place)


def magnified_latents(
    frames: np.ndarray, magnifier: "Magnifier | None" = None, *, device: str = "cpu", **settings
) -> np.ndarray:
    """Latents of the motion from the first frame to each of the others, as FrameMag reads them.

    Parameters
    ----------
    frames : uint8 array (N, S, S, 3), RGB: the onset, then the apex and any others
    magnifier : that of `load_magnifier`, which is moved to ``device``; default: the shipped one, loaded anew
    device : "auto" (CUDA where available), "cpu" or "cuda"
    settings : ``latent``, ``factor``, ``form``, ``size`` and ``photometric``, as under `latents` in
        docs/configuration.md; without ``size``, frames are encoded at their own side S

    Returns
    -------
    float16 array (N - 1, 32, h, h)
        ``difference`` latents are (factor - 1) times a function of the motion, and zero for a frame equal to the
        first one. h is size / 4 for ``form: pooled`` (the default, values >= 0) and size / 2 for ``raw``. ``latent:
        decoded`` (with ``form: raw`` and an even size) gives the magnified frames (N - 1, 3, size, size) instead, RGB
        in [0, 1].

    Raises
    ------
    InputError
        Frames of another type or shape or smaller than ``size``, an unknown setting, a value outside its range, or
        no such device.

    References
    ----------
    Oh et al., *Learning-based Video Motion Magnification* (ECCV 2018); Khor et al., SCIA 2025, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from infusenet import magnified_latents
    >>> frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    >>> frames[2] = frames[0]  # no motion
    >>> latents = magnified_latents(frames, factor=10)
    >>> latents.shape, latents.dtype
    ((2, 32, 8, 8), dtype('float16'))
    >>> latents[0].any(), latents[1].any()
    (np.True_, np.False_)
    """
    from torch import channels_last

    from infusenet.magnifier import load
    from infusenet.preprocess.latents import check, latents

    if "weights" in settings:
        raise InputError("weights is no setting here: give magnifier=load_magnifier(FILE)")
    _check_frames("frames", frames, (4,))
    if frames.shape[1] != frames.shape[2]:
        raise InputError(f"frames: {frames.shape}, expected square crops (N, S, S, 3), as of crop_face")
    recipe = stage_recipes.resolve("latents", {"size": frames.shape[1], **settings})
    check(recipe, frames.shape[1], "frames")
    place = _place(device)
    model = (magnifier or load()).to(place, memory_format=channels_last)
    # Equal frames count as one frame, as a clip's frames of one number do: their latents are exactly zero.
    numbers = np.unique(frames.reshape(len(frames), -1), axis=0, return_inverse=True)[1]
    return latents(model, frames, numbers.ravel(), recipe, place)


def create_model(method: str, **settings) -> "Module":
    """The network of a method, in training mode on the CPU.

    Parameters
    ----------
    method : a name of `infusenet methods`, such as ``infusenet_resnet18``
    settings : of the method, as under `methods` in docs/configuration.md. ``weights="none"`` starts from scratch, with
        the random numbers of torch's seed; the default of most methods is ImageNet's weights, which are downloaded once

    Returns
    -------
    torch.nn.Module
        It takes its inputs by name, batches as float32 tensors; for ``infusenet_resnet18``, ``flow`` (B, 3, size,
        size), each channel in [0, 1], and ``latents`` (B, 64, size / 4, size / 4), those of the apex and of one more
        frame. It returns {head: float32 logits (B, 12)}, the Action Units in the order of ``infusenet.protocol.AUS``.
        Its attribute ``heads`` has the heads' names, the scored one first.

    Raises
    ------
    InputError
        An unknown method or setting, a value outside its range, or weights that are not there.

    References
    ----------
    Khor, Li, Jiang and Zhao, SCIA 2025, section 3 and table 1; the source of each method is in `infusenet methods`.

    Examples
    --------
    >>> import torch
    >>> from infusenet import create_model
    >>> model = create_model("infusenet_resnet18", weights="none", size=32).eval()
    >>> with torch.inference_mode():
    ...     logits = model(flow=torch.rand(2, 3, 32, 32), latents=torch.rand(2, 64, 8, 8))
    >>> {head: tuple(values.shape) for head, values in logits.items()}
    {'mag': (2, 12), 'flow': (2, 12)}
    """
    from infusenet import models

    return models.create(method_recipe(method, **settings))


def method_recipe(method: str, **settings) -> "MethodRecipe":
    """The recipe of a method with ``settings`` over its defaults, on stores of default recipes at the method's size."""
    from infusenet.config import configuration
    from infusenet.config.methods import method as method_named

    definition = method_named(method)
    raise_all(options.problems(method, settings, definition.settings), "settings refused")
    size = (definition.fixed | definition.recipe | settings)["size"]
    stages = {stage: {} for stage in stage_recipes.STAGES} | {"latents": {"size": size}}
    config = {
        "methods": {method: settings},
        "every_method": {},
        "recipe": "source",
        "variants": {},
        "compute": {"threads": 1},
    }
    return configuration.resolve_method(config | stages, method)


def score_clips(run: "TrainedRun") -> dict[str, np.ndarray]:
    """Logits of the clips of a run's held-out database, by a run of `load_run`.

    Parameters
    ----------
    run : that of `load_run`; its model is moved to ``run.device``

    Returns
    -------
    {head: float32 array (n, 12)}
        The scored head first. Row i belongs to ``run.database.clips[i]``, column k to Action Unit
        ``infusenet.protocol.AUS[k]``. An AU counts as predicted where its logit is above 0.

    Raises
    ------
    InputError
        No clip to score, or a store that is damaged.

    Examples
    --------
    ``run`` is that of the example of `load_run`.

    >>> from infusenet import score_clips
    >>> logits = score_clips(run)
    >>> {head: values.shape for head, values in logits.items()}
    {'mag': (10, 12), 'flow': (10, 12)}
    """
    from infusenet import devices
    from infusenet.training.predict import score

    if not len(run.data):
        raise InputError(
            f"{run.path}: no clip of {run.database.name} to score: all are among its stores' failed clips"
        )
    model = devices.place(run.model, run.device)
    logits = score(model, run.data, run.device)
    return dict(zip(model.heads, np.split(logits, len(model.heads), axis=1), strict=True))


def f1_by_scope(
    labels: Mapping[str, np.ndarray], logits: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """F1 of the positive class, over all folds and for each of them.

    Parameters
    ----------
    labels : {held-out database: array (n, 12) of 0 and 1}
    logits : {held-out database: float array (n, 12)}, such as `score_clips` gives for the scored head; an AU counts as
        predicted where its logit is above 0

    Returns
    -------
    {scope: {AU: F1 in [0, 1]}}
        The scopes are ``pooled`` (all folds' clips together), ``mean`` (per fold, then averaged), ``macro2`` (mean of
        presence and absence, pooled) and each database. After the 12 AUs comes their ``average``. F1 is 0 where it is
        undefined: no positive label and none predicted.

    Raises
    ------
    InputError
        No database, other databases in ``logits``, other shapes than (n, 12), labels other than 0 and 1, or logits
        that are not finite.

    References
    ----------
    Opitz and Burst, *Macro F1 and macro F1* (arXiv 1911.03347) on the two orders of averaging.

    Examples
    --------
    >>> import numpy as np
    >>> from infusenet import f1_by_scope
    >>> labels = {"samm": np.eye(12), "casme": np.ones((4, 12))}
    >>> logits = {"samm": 2 * np.eye(12) - 1, "casme": -np.ones((4, 12))}  # all right, all missed
    >>> f1 = f1_by_scope(labels, logits)
    >>> list(f1)
    ['pooled', 'mean', 'macro2', 'samm', 'casme']
    >>> f1["mean"]["AU12"], f1["samm"]["average"], round(f1["pooled"]["average"], 3)
    (0.5, 1.0, 0.333)
    """
    from infusenet.evaluation.metric_rows import metric_rows

    raise_all(_fold_problems(labels, logits), "labels and logits refused")
    table: dict[str, dict[str, float]] = {}
    for row in metric_rows("", 0, labels, [logits[name] for name in labels]):
        table.setdefault(row.scope, {})[row.au] = row.f1
    return table


def _fold_problems(labels: Mapping, logits: Mapping):
    if not labels or set(labels) != set(logits):
        yield f"labels are of {sorted(labels)}, logits of {sorted(logits)}: expected the same databases"
        return
    for name in labels:
        shapes = np.shape(labels[name]), np.shape(logits[name])
        if shapes[0] != shapes[1] or shapes[0][1:] != (len(AUS),) or not shapes[0][0]:
            yield f"{name}: shapes {shapes[0]} and {shapes[1]}, expected (n, {len(AUS)}) of both, n at least 1"
        elif not np.isin(labels[name], (0, 1)).all():
            yield f"{name}: labels other than 0 and 1"
        elif not np.isfinite(logits[name]).all():
            yield f"{name}: logits that are not finite"


def _place(device: str):
    """The torch device; unlike a stage, with the caller's number of threads."""
    from torch import get_num_threads

    from infusenet import devices

    return devices.prepare(device, get_num_threads())


def _check_frames(name: str, frames: np.ndarray, dimensions: tuple[int, ...]) -> None:
    if frames.dtype != np.uint8 or frames.ndim not in dimensions or frames.shape[-1] != 3 or not frames.size:
        raise InputError(
            f"{name}: {frames.dtype} array {frames.shape}, expected RGB as uint8, "
            f"({'N, ' if dimensions == (4,) else ''}H, W, 3) {'' if len(dimensions) == 1 else 'or a batch of such'}"
        )
