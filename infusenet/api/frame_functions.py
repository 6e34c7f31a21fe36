"""From frames to what a network reads, without files: functions of the public interface.

Each takes settings by name, as the configuration does, in place of a recipe. Heavy imports are inside, so that cropping
a face does not wait for torch.
"""

from typing import TYPE_CHECKING

import numpy as np

from infusenet.config import stage_recipes
from infusenet.errors import InputError

if TYPE_CHECKING:
    from infusenet.magnifier import Magnifier


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
    from infusenet.preprocess.images import check_frames

    recipe = stage_recipes.resolve("faces", {} if size is None else {"size": size})
    check_frames("frames", frames, (3, 4))
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
    from infusenet.preprocess.images import check_frames
    from infusenet.preprocess.optical_flow import flow_images

    if "frames" in settings:
        raise InputError("frames is no setting here: the number of frames at the apex is that of its shape")
    check_frames("onset", onset, (3, 4))
    check_frames("apex", apex, (onset.ndim, onset.ndim + 1))
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
    from infusenet.preprocess.images import check_frames
    from infusenet.preprocess.latents import check, encoded, pictures

    if "weights" in settings:
        raise InputError("weights is no setting here: give magnifier=load_magnifier(FILE)")
    check_frames("frames", frames, (4,))
    if frames.shape[1] != frames.shape[2]:
        raise InputError(f"frames: {frames.shape}, expected square crops (N, S, S, 3), as of crop_face")
    recipe = stage_recipes.resolve("latents", {"size": frames.shape[1], **settings})
    check(recipe, frames.shape[1], "frames")
    place = _place(device)
    model = (magnifier or load()).to(place, memory_format=channels_last)
    # Equal frames count as one frame, as a clip's frames of one number do: their latents are exactly zero.
    first: dict[bytes, int] = {}
    numbers = [first.setdefault(frame.tobytes(), n) for n, frame in enumerate(frames)]
    return encoded(model, [pictures(frames, numbers, recipe)], recipe, place)[0]


def _place(device: str):
    """The torch device; unlike a stage, with the caller's number of threads."""
    from torch import get_num_threads

    from infusenet import devices

    return devices.prepare(device, get_num_threads())
