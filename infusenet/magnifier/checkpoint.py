"""Reading of magnifier checkpoints: the released one (.pth) or ours (.safetensors), every name and shape checked."""

from pathlib import Path

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.errors import InputError
from infusenet.magnifier.network import Magnifier
from infusenet.tensor_files import read_weights


def load(path: Path | str | None = None) -> Magnifier:
    """The magnifier with the weights of a file, on the CPU, in evaluation mode.

    Parameters
    ----------
    path : file, optional
        A ``.safetensors`` file, or a state dict saved by torch; a ``module.`` before the names is
        dropped. Default: the checkpoint that ships with the package. Nothing in the file is run.

    Raises
    ------
    InputError
        The file is missing or unreadable, or its names or shapes are not the magnifier's.
    """
    path = Path(path or SHIPPED_WEIGHTS)
    if not path.is_file():
        raise InputError(f"magnifier weights not found: {path}")
    weights = {name.removeprefix("module."): tensor for name, tensor in read_weights(path).items()}
    model = Magnifier()
    _check(path, weights, model.state_dict())
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


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
