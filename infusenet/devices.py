"""The device on which torch computes: its choice, settings for equal bits, and data moved to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from infusenet.errors import InputError

# Shares of the free memory that the clips of one process may take: the rest is for the network's maps, and on
# the host for the other jobs that start beside this one.
SHARES = {"cuda": 0.5, "cpu": 0.25}
# Limits of control groups, version 2 and 1; a machine without them has neither file.
GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


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
    # `torch.use_deterministic_algorithms` does the same and imports torch's compiler, which takes seconds.
    torch.set_deterministic_debug_mode("warn" if torch_device.type == "cuda" else "error")
    # Filling every new tensor with NaN changes no result and costs a quarter of a training step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    return torch_device


def set_precision(choice: str, device: torch.device) -> str:
    """Set torch's precision for a training and return its name: float32, tf32 or bfloat16.

    ``auto`` is bfloat16 where the card computes it natively, and float32 elsewhere. It holds until `prepare`.

    Raises
    ------
    InputError
        The precision is unknown, or it is tf32 and the device has none.
    """
    on_cuda = device.type == "cuda"
    if choice == "auto":
        native = on_cuda and torch.cuda.is_bf16_supported(including_emulation=False)
        choice = "bfloat16" if native else "float32"
    if choice not in ("float32", "tf32", "bfloat16"):
        raise InputError(f"precision is '{choice}', expected auto, float32, tf32 or bfloat16")
    if choice == "tf32" and not on_cuda:
        raise InputError("precision is tf32, which only CUDA has; set compute: precision: auto")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = choice == "tf32"
    return choice


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a network computes in ``precision``. Without a cache of cast weights, which a captured
    step would not renew."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


def place(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """On the device, channels last, which is faster; weights over time and space have no such layout."""
    flat = all(weight.dim() < 5 for weight in model.parameters())
    return model.to(device, memory_format=torch.channels_last if flat else torch.preserve_format)


def to_device(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    layout = torch.channels_last if value.dim() == 4 else torch.preserve_format
    return value.to(device, memory_format=layout, non_blocking=True)


def room(device: torch.device) -> int:
    """The bytes of a device's or the host's memory that clips may take.

    On the host what is free counts, and no more than this job may use under SLURM or in a container.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = min([psutil.virtual_memory().available, *_limits()])
    return int(SHARES[device.type] * free)


def _limits() -> Iterator[int]:
    texts = [Path(path).read_text(encoding="ascii").strip() for path in GROUP_LIMITS if Path(path).is_file()]
    yield from (int(text) for text in texts if text.isdecimal())  # the other word is "max"
    if "SLURM_MEM_PER_NODE" in os.environ:
        yield int(os.environ["SLURM_MEM_PER_NODE"]) << 20
