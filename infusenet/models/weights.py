"""Initial weights of a backbone: ImageNet's, a file's, or none."""

import pickle
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from infusenet.errors import InputError, raise_all


def initialise(backbones: list[nn.Module], weights: str, imagenet) -> None:
    """Load the same weights into each backbone; its classifier ``fc`` keeps its random start.

    Parameters
    ----------
    backbones : modules whose parameters are named as in torchvision
        Parameters of the file that a backbone does not have (FrameMag's ``conv1``) are passed over.
    weights : str
        ``none``, ``imagenet``, or a file: safetensors, or a state dict saved by torch.
    imagenet : torchvision weights enum member

    Raises
    ------
    InputError
        No such file, not a state dict, parameters missing or of another shape, or no network.
    """
    if weights == "none":
        return
    state = _imagenet(imagenet) if weights == "imagenet" else read_state(Path(weights))
    for backbone in backbones:
        wanted = {k: v for k, v in backbone.state_dict().items() if not k.startswith("fc.")}
        problems = [f"missing {name}" for name in wanted if name not in state]
        problems += [
            f"{name} has shape {tuple(state[name].shape)}, expected {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in state and state[name].shape != value.shape
        ]
        raise_all(problems, f"{weights}: not the weights of {type(backbone).__name__}")
        backbone.load_state_dict({name: state[name] for name in wanted}, strict=False)


def _imagenet(member) -> dict[str, Tensor]:
    try:
        return member.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"weights: imagenet: {member.url} could not be fetched ({error}). Download it where there is "
            f"a network and name the file in the method's configuration (weights: FILE), or put it into "
            f"{Path(torch.hub.get_dir()) / 'checkpoints'}, or train from scratch (weights: none)"
        ) from None


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a ``.safetensors`` file or one of torch; nothing in the file is run."""
    if not path.is_file():
        raise InputError(f"weights: {path}: no such file; expected imagenet, none or a file of weights")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"weights: {path}: not a plain file of weights ({str(error).splitlines()[0]}); "
            "expected safetensors, or a state dict that torch.load(weights_only=True) reads"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"weights: {path}: holds no state dict; expected a dict of names and tensors")
    return state
