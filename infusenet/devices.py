"""Choose the device on which torch computes."""

import torch

from infusenet.errors import InputError


def prepare(device: str = "auto", threads: int | None = None) -> torch.device:
    """Set torch's CPU threads (default 1: other numbers of threads give other bits) and return the device.

    Raises
    ------
    InputError
        The device is unknown, or it is CUDA and there is none.
    """
    torch.set_num_threads(threads or 1)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise InputError(f"device is '{device}', expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is cuda, but torch finds no CUDA device; use --device cpu")
    # Full float32, and the same kernels every time: latents from a GPU agree with the CPU's.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device(device)
