"""Initial weights of a backbone: ImageNet's, a file's, or none."""

from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from infusenet import hashing
from infusenet.errors import InputError, raise_all
from infusenet.models.backbone_base import Backbone
from infusenet.tensor_files import read_weights


class TorchvisionWeights:
    """Weights that torchvision publishes in ``file``, by the ``name`` that they have there. Other weights of the same
    network have published names too, ``other_files``."""

    def __init__(self, name: str, file: str, other_files: Sequence[str] = ()):
        self.name, self.file, self.published = name, file, (file, *other_files)
        self.url = f"https://download.pytorch.org/models/{file}"

    def __str__(self) -> str:
        return self.name

    def get_state_dict(self) -> dict[str, Tensor]:
        return torch.hub.load_state_dict_from_url(self.url, progress=False, check_hash=True)


class TimmWeights:
    """Weights that timm publishes, with the interface of `TorchvisionWeights`."""

    def __init__(self, name: str):
        self.name = name
        self.url = f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors"

    def __str__(self) -> str:
        return f"timm {self.name}"

    def get_state_dict(self) -> dict[str, Tensor]:
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
        No such file, not a state dict, parameters missing or of another shape, no network, or a file that is
        not the published one (`check`).
    """
    if weights == "none":
        return backbones
    source = backbones[0].imagenet
    file = _imagenet(source) if weights == "imagenet" else read_own(Path(weights), source)
    for backbone in backbones:
        state = backbone.adapt(file)
        expected = {
            name: value
            for name, value in backbone.state_dict().items()
            if not name.startswith(backbone.fresh)
            # Older files do not have this count, and nothing here reads it.
            and (name in state or not name.endswith("num_batches_tracked"))
        }
        problems = [f"missing {name}" for name in expected if name not in state]
        problems += [
            f"{name} has shape {tuple(state[name].shape)}, expected {tuple(value.shape)}"
            for name, value in expected.items()
            if name in state and state[name].shape != value.shape
        ]
        raise_all(problems, f"{weights}: not the weights of {type(backbone).__name__}")
        backbone.load_state_dict({name: state[name] for name in expected}, strict=False)
    return backbones


def _imagenet(source: TorchvisionWeights | TimmWeights) -> dict[str, Tensor]:
    if file := cached(source):
        check(file, source)
        try:
            return source.get_state_dict()
        except Exception as error:  # on foreign bytes the loaders can raise any exception
            raise InputError(_unfit(file, source, _first_line(error))) from None
    try:
        return source.get_state_dict()
    except (URLError, OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        cached_name = f"or put it into {folder}, " if isinstance(source, TorchvisionWeights) else ""
        raise InputError(
            f"weights: imagenet: {source.url} could not be fetched ({error}). Download it where there is "
            f"a network and name the file in the method's configuration (weights: FILE), {cached_name}"
            "or train from scratch (weights: none)"
        ) from None


def check(file: Path, source: TorchvisionWeights | TimmWeights) -> None:
    """Refuse a file that has a published name and other bytes.

    torchvision's names end in the first digits of the file's sha256, and huggingface's cache names a file by
    all of them. A file of any other name is its owner's: only its parameters' names and shapes count.

    Raises
    ------
    InputError
        The file has another sha256 than its name says, or cannot be read.
    """
    published = _published(file, source)
    try:
        if not published or hashing.file_digest(file).startswith(published):
            return
        reason = f"{_content(file)}, expected sha256 {published[:8]}..."
    except OSError as error:
        reason = error.strerror
    raise InputError(_unfit(file, source, reason))


def _published(file: Path, source: TorchvisionWeights | TimmWeights) -> str:
    """The first digits of the sha256 that was published of a file of this name; empty where none was."""
    if (blob := _blob(file)) != file:
        return blob.name
    names = source.published if isinstance(source, TorchvisionWeights) else ()
    return file.stem.rpartition("-")[2] if file.name in names else ""


def _blob(file: Path) -> Path:
    """The file in huggingface's cache that a link points to: deleting the link alone would not remove it."""
    target = file.resolve()
    return target if target.parent.name == "blobs" and hashing.SHA256.fullmatch(target.name) else file


def _content(file: Path) -> str:
    """The kind of a file that is not the published one, for a message."""
    with open(file, "rb") as stream:
        head = stream.read(64).lstrip().lower()
    if not head:
        return "an empty file"
    if head.startswith(b"<"):
        return "a web page"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not what it points to"
    try:
        read_weights(file)
    except InputError:
        return "a cut or damaged file"
    return "other weights"


def _unfit(file: Path, source: TorchvisionWeights | TimmWeights, reason: str) -> str:
    return (
        f"weights: {_blob(file)} is not {source.url} ({reason}); delete it, put the published file in its "
        "place, or give weights of your own another name"
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def cached(source: TorchvisionWeights | TimmWeights) -> Path | None:
    """The file of ``source`` that an earlier training downloaded, or None."""
    if isinstance(source, TimmWeights):
        from huggingface_hub import try_to_load_from_cache  # here alone, as timm above

        file = try_to_load_from_cache(f"timm/{source.name}", "model.safetensors")
        return Path(file) if isinstance(file, str) else None
    file = Path(torch.hub.get_dir()) / "checkpoints" / source.file
    return file if file.exists() else None


def read_own(file: Path, source: TorchvisionWeights | TimmWeights) -> dict[str, Tensor]:
    """The state dict in a file that a configuration names; `check` holds it to a published name."""
    if not file.is_file():
        raise InputError(f"weights: {file}: no such file; expected imagenet, none or a file of weights")
    check(file, source)
    return read_weights(file)
