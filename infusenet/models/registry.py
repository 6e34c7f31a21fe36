"""The models by name: a new one is one file in this folder and one line in `MODELS`.

The line says what the rest of the package must know without running the model: its inputs, and its
heads (`infusenet.models.heads`). The file has a function of the model's name that takes a method
recipe and returns a `torch.nn.Module`, whose ``forward`` takes the inputs by name (shapes:
`infusenet.training.dataset.ClipDataset`) and returns {head: float32 logits (B, 12)}, the Action Units
in the order of `infusenet.protocol.AUS`. Every head is trained; the first one gives a clip's score.

The module has the attribute ``scoring_batch``, the number of clips that are scored together: 1, unless a
clip's score depends on the other clips of its batch. It may have ``fit(inputs, labels)``, which then
replaces training by gradients. It may have ``parameter_groups(rate)`` and ``group_rates(epoch)``, which
give parts of the model their own learning rates (`infusenet.models.led`).

A model is trained under the name of a method, its line in `infusenet.config.methods.METHODS`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError, did_you_mean
from infusenet.models.heads import FLOW, FUSED, MAG, VIDEO, Head

if TYPE_CHECKING:  # reports look heads up here, without waiting for torch
    from torch.nn import Module


class Model(NamedTuple):
    """``file``: the module in this folder. ``inputs`` as ``forward`` names them. ``heads``: the scored one
    first. ``can_be_captured``: a training step draws no random numbers on the CPU, which a CUDA graph would not
    draw again."""

    file: str
    inputs: tuple[str, ...]
    heads: tuple[Head, ...]
    can_be_captured: bool = True


MODELS = {
    "lbp_top": Model("lbp_top", ("video",), (VIDEO,)),
    "off_apexnet": Model("shallow", ("flow",), (FLOW,)),
    "sssnet": Model("shallow", ("flow",), (FLOW,)),
    "resnet10": Model("resnet10", ("flow",), (FLOW,)),
    "resnet18_flow": Model("resnet", ("flow",), (FLOW,)),
    "resnet18_mag": Model("resnet", ("latents",), (MAG,)),
    "resnet34": Model("resnet", ("flow",), (FLOW,)),
    "resnet50": Model("resnet", ("flow",), (FLOW,)),
    "late_fusion": Model("resnet", ("flow", "latents"), (FUSED,)),
    "infusenet_resnet18": Model("resnet", ("flow", "latents"), (MAG, FLOW)),
    "infusenet_decoded": Model("resnet", ("flow", "decoded"), (MAG, FLOW)),
    "infusenet_finetuned": Model("resnet", ("flow", "frames"), (MAG, FLOW)),
    "led": Model("led", ("video",), (VIDEO,), can_be_captured=False),
    "vit_tiny_flow": Model("vit", ("flow",), (FLOW,)),
    "vit_tiny_mag": Model("vit", ("latents",), (MAG,)),
    "infusenet_vit": Model("vit", ("flow", "latents"), (MAG, FLOW)),
}


def heads_by_name() -> dict[str, Head]:
    """The heads of all registered models by name; a head of one name is the same in every model."""
    return {head.name: head for model in MODELS.values() for head in model.heads}


def create(recipe: MethodRecipe) -> "Module":
    """The model of a method recipe, initialised as its ``weights`` says (``none``: from torch's seed).

    Its attribute ``heads`` is the names of its heads, the scored one first.

    Raises
    ------
    InputError
        Unknown model or preset, stores of other inputs than the model's, a size that it cannot take, or
        weights that are not there.
    """
    name = recipe.model
    if name not in MODELS:
        raise InputError(f"unknown model '{name}' {did_you_mean(name, MODELS)}")
    model = MODELS[name]
    if set(recipe.stores) != set(model.inputs):
        raise InputError(
            f"{name}: the method reads {', '.join(recipe.stores)}, expected {', '.join(model.inputs)}; "
            "correct the method's inputs in infusenet/config/methods.py"
        )
    # Imported here alone: every fold is a process, and timm and scikit-learn take long to start.
    module = getattr(import_module(f"infusenet.models.{model.file}"), name)(recipe)
    module.heads = tuple(head.name for head in model.heads)
    return module
