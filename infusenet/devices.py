"""The device on which torch computes: its choice, settings for equal bits, and data moved to it."""

import os

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
    # Full float32, and the same kernels every time: latents and flow from a GPU agree with the CPU's.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device(device)


def start(device: str, threads: int) -> torch.device:
    """The device, with torch set so that the same inputs give the same bits there."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch_device = prepare(device, threads)
    # CUDA has no deterministic form of a few backward passes: there a warning names them.
    torch.use_deterministic_algorithms(True, warn_only=torch_device.type == "cuda")
    # Filling every new tensor with NaN changes no result and costs a quarter of a training step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    return torch_device


def place(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """On the device, channels last, which is faster; weights over time and space have no such layout."""
    flat = all(weight.dim() < 5 for weight in model.parameters())
    return model.to(device, memory_format=torch.channels_last if flat else torch.preserve_format)


def to_device(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    layout = torch.channels_last if value.dim() == 4 else torch.preserve_format
    return value.to(device, memory_format=layout, non_blocking=True)
