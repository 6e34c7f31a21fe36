"""The models by name: a new one is one file here, one decorator and one import line below.

A model takes its inputs by name (``flow``, ``latents``, ...) and returns a dict of heads, each
float32 (B, 12) logits in the order of `infusenet.manifest.AUS`. Its attribute ``heads`` names them;
every head is trained, the first one is a clip's score. ``scoring_batch`` says how many clips are
scored together: 1, unless batch-mates matter.
"""

from collections.abc import Callable

from torch import nn

from infusenet.errors import InputError, did_you_mean

MODELS: dict[str, Callable[[dict], nn.Module]] = {}


def register(build: Callable[[dict], nn.Module]):
    """Decorator: file a function ``build(recipe) -> module`` under its own name."""
    MODELS[build.__name__] = build
    return build


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
    return MODELS[name](recipe)


# Importing a family registers its models.
from infusenet.models import lbp_top, led, resnet, resnet10, shallow, vit  # noqa: E402, F401
