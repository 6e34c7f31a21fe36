"""The methods by name: what each reads and its recipe. Light, because Snakemake parses it.

A method is a model (``infusenet.models``), the stage stores that it reads and the training recipe
of its source. The name is the wildcard in ``results/{method}/...``.
"""

from dataclasses import dataclass

from infusenet.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Method:
    """``stores`` names the stages read; ``recipe`` holds every setting with its default.

    ``revision`` inside the recipe is raised when the model's or trainer's code starts to give
    other numbers, as for the stages.
    """

    title: str
    source: str
    stores: tuple[str, ...]
    recipe: dict


METHODS = {
    "infusenet_resnet18": Method(
        title="InfuseNet (ResNet18)",
        source="Khor et al., SCIA 2025, section 3",
        stores=("flow", "latents"),
        recipe={
            "revision": 1,
            "preset": "paper",
            "weights": "imagenet",
            "size": 224,
            "epochs": 50,
            "batch": 32,
            "rate": 1e-3,
            "gamma": 0.9,
            "weight_decay": 0.0,
            "pseudo_apex": "per_epoch",
            "factor": 10,
        },
    ),
}


def method(name: str) -> Method:
    """Look a method up; InputError lists the known names."""
    if name not in METHODS:
        raise InputError(f"unknown method '{name}' {did_you_mean(name, METHODS)}")
    return METHODS[name]
