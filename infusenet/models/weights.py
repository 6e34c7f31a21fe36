"""Initial weights of a backbone: ImageNet's, a file's, or none."""

import pickle
from pathlib import Path
from urllib.error import URLError

import torch
from huggingface_hub import try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import WeightsEnum

from infusenet.errors import InputError, raise_all
from infusenet.models.backbone import Backbone


class TimmWeights:
    """Weights that timm publishes, with the interface of a torchvision weights enum's member."""

    def __init__(self, name: str):
        self.name = name
        self.url = f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors"

    def __str__(self) -> str:
        return f"timm {self.name}"

    def get_state_dict(self, **_) -> dict[str, Tensor]:
        import timm  # here alone: it takes a second to start, and few trainings ask for its weights

        return timm.create_model(self.name, pretrained=True).state_dict()


def initialise(weights: str, *backbones: Backbone) -> tuple[Backbone, ...]:
    """Load the same weights into each backbone; its ``fresh`` parameters keep their random start.

    Parameters
    ----------
    weights : str
        ``none``, ``imagenet`` (from where the first backbone's ``imagenet`` says), or a file:
        safetensors, or a state dict saved by torch.
    backbones : backbones
        Parameters of the file that a backbone does not have (FrameMag's ``conv1``) are passed over.

    Returns
    -------
    the backbones

    Raises
    ------
    InputError
        No such file, not a state dict, parameters missing or of another shape, or no network.
    """
    if weights == "none":
        return backbones
    file = _imagenet(backbones[0].imagenet) if weights == "imagenet" else read_state(Path(weights))
    for backbone in backbones:
        state = backbone.adapt(file)
        wanted = {
            name: value
            for name, value in backbone.state_dict().items()
            if not name.startswith(backbone.fresh)
            # Older files do not have this count, and nothing here reads it.
            and (name in state or not name.endswith("num_batches_tracked"))
        }
        problems = [f"missing {name}" for name in wanted if name not in state]
        problems += [
            f"{name} has shape {tuple(state[name].shape)}, expected {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in state and state[name].shape != value.shape
        ]
        raise_all(problems, f"{weights}: not the weights of {type(backbone).__name__}")
        backbone.load_state_dict({name: state[name] for name in wanted}, strict=False)
    return backbones


def _imagenet(source: WeightsEnum | TimmWeights) -> dict[str, Tensor]:
    try:
        return source.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        cached = f"or put it into {folder}, " if isinstance(source, WeightsEnum) else ""
        raise InputError(
            f"weights: imagenet: {source.url} could not be fetched ({error}). Download it where there is "
            f"a network and name the file in the method's configuration (weights: FILE), {cached}"
            "or train from scratch (weights: none)"
        ) from None


def cached(source: WeightsEnum | TimmWeights) -> Path | None:
    """The file of ``source`` that an earlier training fetched, or None."""
    if isinstance(source, TimmWeights):
        file = try_to_load_from_cache(f"timm/{source.name}", "model.safetensors")
        return Path(file) if isinstance(file, str) else None
    file = Path(torch.hub.get_dir()) / "checkpoints" / source.url.rpartition("/")[2]
    return file if file.is_file() else None


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
