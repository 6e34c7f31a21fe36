"""Read tensors from files of other programs: weights and checkpoints of torch. No code in them is run."""

import zipfile
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file

from infusenet.errors import InputError
from infusenet.files import check_readable

# Restricts pickles to tensors and plain values.
_load_torch = partial(torch.load, map_location="cpu", weights_only=True)


def read_checkpoint(path: Path) -> dict:
    """A checkpoint saved by torch: a dict of tensors and plain values, on the CPU.

    Raises
    ------
    InputError
        It is damaged, or holds something else, such as a pickled call.
    """
    state = _read(
        path,
        _load_torch,
        "holds more than tensors and plain values, or is damaged ({}); "
        "nothing in it was run. Delete it to train from the start",
    )
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds a {type(state).__name__}, not a checkpoint; delete the file")
    return state


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a ``.safetensors`` file or in one saved by torch, on the CPU.

    Raises
    ------
    InputError
        It is damaged, or holds something else than names and tensors. In safetensors, which has no checksums,
        changed values are not noticed.
    """
    state = _read(
        path,
        load_file if path.suffix == ".safetensors" else _load_whole,
        "not a plain file of weights ({}); "
        "expected safetensors, or a state dict that torch.load(weights_only=True) reads",
    )
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict; expected a dict of names and tensors")
    return state


def _load_whole(path: Path):
    # Torch's own format, a zip file, has checksums, which torch does not compare.
    if zipfile.is_zipfile(path) and (member := zipfile.ZipFile(path).testzip()):
        raise ValueError(f"{member} has another checksum than was written")
    return _load_torch(path)


def _read(path: Path, load, refusal: str):
    """Call ``load`` on ``path``; ``refusal`` is the message if it fails, with a place for the reason."""
    check_readable(path)
    try:
        return load(path)
    except Exception as error:  # on the bytes of other programs the unpickler fails in any way
        reason = str(error).partition("\n")[0] or "empty"
        raise InputError(f"{path}: {refusal.format(reason)}") from None
