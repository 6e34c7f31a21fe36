"""Reading of magnifier checkpoints: the released one (.pth) or ours (.safetensors), every name and shape checked."""

import json
from pathlib import Path

from safetensors import safe_open

from infusenet.config.stage_recipes import weights_path
from infusenet.errors import InputError
from infusenet.magnifier.network import Magnifier
from infusenet.tensor_files import read_weights


def load(path: Path | str | None = None) -> Magnifier:
    """The magnifier with the weights of a file, on the CPU, in evaluation mode.

    Parameters
    ----------
    path : file or name, optional
        A ``.safetensors`` file, or a state dict saved by torch; a ``module.`` before the names is
        dropped. ``v1`` or ``v2`` for a checkpoint that ships with the package; default: the newest.
        Nothing in the file is run.

    Returns
    -------
    torch.nn.Module
        ``magnifier(onset, apex, factor)`` takes RGB tensors float32 (B, 3, H, W) in [-1, 1], H and W even, and gives
        the apex with its motion magnified, of the same form. Latents of frames: `magnified_latents`.

    Raises
    ------
    InputError
        The file is missing or unreadable, or its names or shapes are not the magnifier's.

    References
    ----------
    Oh et al., *Learning-based Video Motion Magnification* (ECCV 2018); docs/magnifier.md has the accuracy.

    Examples
    --------
    >>> import torch
    >>> from infusenet import load_magnifier
    >>> magnifier = load_magnifier()
    >>> onset, apex = torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    >>> tuple(magnifier(onset, apex, 10).shape)
    (1, 3, 32, 32)
    """
    path = weights_path(path)
    if not path.is_file():
        raise InputError(f"magnifier weights not found: {path}")
    weights = {name.removeprefix("module."): tensor for name, tensor in read_weights(path).items()}
    model = Magnifier()
    _check(path, weights, model.state_dict())
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def training_record(path: Path) -> dict | None:
    """The way in which the weights of a file were made, without their bench; None where the file has no record."""
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        record = json.loads((file.metadata() or {}).get("record", "null"))
    return record and {name: value for name, value in record.items() if name != "bench"}


def _check(path: Path, weights: dict, expected: dict) -> None:
    problems = [f"missing {name}" for name in expected if name not in weights]
    problems += [f"unexpected {name}" for name in weights if name not in expected]
    problems += [
        f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    problems += [f"{name} is not finite" for name, tensor in weights.items() if not tensor.isfinite().all()]
    if problems:
        raise InputError(f"{path}: not a checkpoint of the magnifier: {'; '.join(problems)}")
