"""The run folder of one training: its weights, and the facts of how they were made.

A run has a checkpoint (``checkpoint.pt``) while it trains; after that it has its weights with their
facts. Weights are safetensors whose metadata has one entry, ``infusenet``: canonical JSON of the facts
of the training (recipe, held-out database, seed, inputs, environment). One entry, because safetensors
writes several in no fixed order.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from infusenet import __version__
from infusenet.config import method_recipe
from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError
from infusenet.files import aside, check_readable, write_if_changed
from infusenet.hashing import SHA256, canonical, digest, file_digest
from infusenet.json_notes import parse
from infusenet.protocol import AUS
from infusenet.store.format import sidecar_text
from infusenet.store.provenance import identity
from infusenet.training.dataset import ClipDataset
from infusenet.training.folds import Database

DIGEST_NOTE = ".weights.safetensors.sha256"
# Of the facts that readers of every run use; the form of the values inside is that of their writer.
FACTS = {"recipe": {"method": str, "stores": dict}, "held_out": str, "seed": int}
TRAIN_AGAIN = "delete it and train this run again"


def environment(device: torch.device, precision: str = "float32") -> dict:
    """The machine, the precision and the versions, as JSON values: with recipe and inputs they decide the bits
    of a result."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": precision,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": {
            "infusenet": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),  # importing it takes seconds
            "numpy": numpy.__version__,
        },
    }


def describe(
    recipe: MethodRecipe,
    held_out: str,
    seed: int,
    databases: list[Database],
    data: ClipDataset,
    model: torch.nn.Module,
) -> dict:
    """The facts of a training as JSON values: its stores and labels, initial weights, and label counts."""
    return {
        "recipe": recipe.as_dict(),
        "held_out": held_out,
        "seed": seed,
        "train_databases": [database.name for database in databases],
        "n_train": len(data),
        "left_out": [clip for database in databases for clip in database.left_out],
        "label_counts": {f"AU{n}": int(k) for n, k in zip(AUS, data.labels.sum(0), strict=True)},
        "labels": digest([[d.name, c.key, [c.labels[n] for n in AUS]] for d, c in data.rows]),
        "stores": {d.name: {name: identity(store) for name, store in d.stores.items()} for d in databases},
        "initial_weights": initial_weights(recipe, model),
    }


def initial_weights(recipe: MethodRecipe, model: torch.nn.Module) -> str:
    """``none``, the published name of ImageNet's weights, or the sha256 of a file."""
    weights = recipe.weights
    if weights == "imagenet":
        return next(str(part.imagenet) for part in model.modules() if hasattr(part, "imagenet"))
    return weights if weights == "none" else file_digest(weights)


def save_weights(run: Path, model: torch.nn.Module, facts: dict) -> None:
    """Publish the weights, and their sha256 in a hidden file; the same weights and facts give the same bytes."""
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    note = run / DIGEST_NOTE
    note.unlink(missing_ok=True)  # it must never be beside other weights
    with aside(run / "weights.safetensors") as temporary:
        save_file(tensors, temporary, metadata={"infusenet": canonical(facts)})
        sha256 = file_digest(temporary)
    write_if_changed(note, f"{sha256}\n")


def finished(run: Path, facts: dict) -> bool:
    """Whether the folder has the weights of a training with these facts."""
    return (run / "weights.safetensors").is_file() and canonical(load_weights(run)[1]) == canonical(facts)


def load_weights(run: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """State dict and facts of a finished training.

    Raises
    ------
    InputError
        No weights in the folder, a damaged file, or one that `save_weights` did not write. Values carry no
        checksum of their own, so where the note of `save_weights` is missing, changed values are not noticed.
    """
    path = _weights_of(run)
    _check_bytes(path)
    return read_weights(path, TRAIN_AGAIN)


def load_facts(run: Path) -> dict:
    """The facts of a finished training alone, to choose among runs: neither values nor digest of its weights are read.

    Raises
    ------
    InputError
        No weights in the folder, or a file that `load_weights` refuses without a look at its values.
    """
    path = _weights_of(run)
    try:
        with _opened(path, TRAIN_AGAIN) as (_, facts):
            return facts
    except InputError:
        _check_bytes(path)  # its message says more of half of a copy
        raise


def _weights_of(run: Path) -> Path:
    path = Path(run) / "weights.safetensors"
    if not path.is_file():
        raise InputError(f"{path}: no such file; train this run first")
    check_readable(path)
    return path


def read_weights(path: Path, remedy: str) -> tuple[dict[str, torch.Tensor], dict]:
    """State dict and facts in a file of weights, without a look at its digest; ``remedy`` ends the message on a
    damaged one."""
    with _opened(path, remedy) as (file, facts):
        return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118


@contextmanager
def _opened(path: Path, remedy: str) -> Iterator[tuple[safe_open, dict]]:
    """A file of weights, whose tensors can be read, and its facts."""
    try:
        with safe_open(path, "pt") as file:
            facts = parse((file.metadata() or {}).get("infusenet", ""), FACTS)
            if facts is None:
                raise InputError(f"{path}: no facts of a training inside; expected what `train` writes")
            yield file, facts
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({error}); {remedy}") from None


def recipe_of(run: Path, facts: dict) -> MethodRecipe:
    """The recipe among the facts of a finished training; InputError where another version wrote other keys."""
    return method_recipe.from_dict(facts["recipe"], Path(run) / "weights.safetensors")


def _check_bytes(path: Path) -> None:
    """Raise InputError for weights with other bytes than those that were written, such as half of a copy."""
    note = path.with_name(DIGEST_NOTE)
    noted = sidecar_text(note) if note.is_file() else ""
    if SHA256.fullmatch(noted) and noted != (sha256 := file_digest(path)):
        raise InputError(
            f"{path}: damaged, or a copy that broke off (its sha256 is {sha256}, {note.name} has {noted}); copy "
            "both files again, or delete both and train this run again"
        )
