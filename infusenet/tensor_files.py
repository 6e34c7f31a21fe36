"""Tensors from files of others: weights and checkpoints of torch, of which nothing is run."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from infusenet.errors import InputError
from infusenet.files import check_readable


def read_checkpoint(path: Path) -> dict:
    """A checkpoint saved by torch: a dict of tensors and plain values, on the CPU.

    Raises
    ------
    InputError
        It is damaged, or holds something else, such as a pickled call.
    """
    check_readable(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on foreign bytes the unpickler fails in any way
        raise InputError(
            f"{path}: holds more than tensors and plain values, or is damaged ({_reason(error)}); "
            "nothing in it was run. Delete it to train from the start"
        ) from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds a {type(state).__name__}, no checkpoint; delete it")
    return state


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a ``.safetensors`` file or in one saved by torch, on the CPU.

    Raises
    ------
    InputError
        It is damaged, or holds something else than names and tensors.
    """
    check_readable(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on foreign bytes the unpickler fails in any way
        raise InputError(
            f"{path}: not a plain file of weights ({_reason(error)}); "
            "expected safetensors, or a state dict that torch.load(weights_only=True) reads"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict; expected a dict of names and tensors")
    return state


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or "empty"
