"""The models by name: a new one is one file here and one line below.

A model takes its inputs by name (``flow``, ``latents``, ...) and returns a dict of heads, each
float32 (B, 12) logits in the order of `infusenet.protocol.AUS`. Its attribute ``heads`` names them;
every head is trained, the first one is a clip's score. ``scoring_batch`` says how many clips are
scored together: 1, unless batch-mates matter.
"""

from importlib import import_module

from torch import nn

from infusenet.errors import InputError, did_you_mean

# The file of each model; its function of the model's name builds it from a recipe. A file is imported
# when its model is wanted: every fold is a process, and timm and scikit-learn take long to start.
MODELS = {
    "lbp_top": "lbp_top",
    "off_apexnet": "shallow",
    "sssnet": "shallow",
    "resnet10": "resnet10",
    "resnet18_flow": "resnet",
    "resnet18_mag": "resnet",
    "resnet34": "resnet",
    "resnet50": "resnet",
    "late_fusion": "resnet",
    "infusenet_resnet18": "resnet",
    "infusenet_decoded": "resnet",
    "infusenet_finetuned": "resnet",
    "led": "led",
    "vit_tiny_flow": "vit",
    "vit_tiny_mag": "vit",
    "infusenet_vit": "vit",
}


def create(recipe: dict) -> nn.Module:
    """The model of a method recipe, initialised as its ``weights`` says (``none``: from torch's seed).

    Raises
    ------
    InputError
        Unknown model or preset, a size that the model cannot take, or weights that are not there.
    """
    name = recipe["model"]
    if name not in MODELS:
        raise InputError(f"unknown model '{name}' {did_you_mean(name, MODELS)}")
    return getattr(import_module(f"infusenet.models.{MODELS[name]}"), name)(recipe)
