"""The methods by name: the stores that each reads, and its recipe. Light, because Snakemake parses it.

A method is a model (``infusenet.models``), its inputs (each from one store) and the training recipe of
its source. The name is the wildcard in ``results/{method}/...``.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from infusenet.config import options
from infusenet.config.options import METHOD
from infusenet.config.value_kinds import Option
from infusenet.errors import InputError, did_you_mean

# Store variants that methods declare; a configuration may add others under `variants`.
VARIANTS = {
    "latents.raw": {"form": "raw"},
    "latents.decoded": {"latent": "decoded", "form": "raw", "factor": 10},
    **{f"latents.magnified{k}": {"latent": "magnified", "factor": k} for k in (5, 10, 15, 20)},
    "faces.first10": {"keep": "first10", "size": 112},
    "faces.tim10": {"keep": "tim10", "size": 112},
    "faces.span": {"keep": "span", "size": 64},
}
# A variant that a configuration may add, of the magnifier's weights that the paper's authors released:
# `latents.released: {weights: FILE}`. Methods that repeat what the authors computed read it where it exists.
RELEASED_LATENTS = "latents.released"


@dataclass(frozen=True)
class Method:
    """``inputs`` maps each of the model's inputs to the store that it is read from, ``stage`` or
    ``stage.variant``; ``recipe`` holds every setting with its default, ``fixed`` what belongs to the
    architecture and cannot be set. ``released``: it reads `RELEASED_LATENTS` where they are configured.

    ``revision`` inside the recipe is raised when the model's or trainer's code starts to give
    other numbers, as for the stages.
    """

    title: str
    source: str
    inputs: dict[str, str]
    recipe: dict
    fixed: dict = field(default_factory=dict)
    released: bool = False

    @property
    def settings(self) -> dict[str, Option]:
        """The options that a configuration can set."""
        table = {name: METHOD[name] for name in self.recipe if name != "revision"}
        return table | (options.INFUSION if "preset" in table else {})

    def reads(self, recipe: dict, variants: Collection[str] = ()) -> dict[str, str]:
        """The inputs under a recipe and the configured variants: patches of a plain ViT need latents before
        pooling, and LBP-TOP reads the frames that its recipe names."""
        inputs = dict(self.inputs)
        if self.released and RELEASED_LATENTS in variants:
            inputs["latents"] = RELEASED_LATENTS
        if recipe.get("variant") == "patch16" and "latents" in inputs:
            inputs["latents"] = "latents.raw"
        if "frames" in recipe:
            inputs["video"] = f"faces.{recipe['frames']}"
        return inputs


# The trainings of the paper, and those of MEB's notebooks, whose rows the paper quotes.
TRAINING = ("epochs", "batch", "rate", "gamma", "weight_decay")
PAPER = {name: METHOD[name].default for name in TRAINING}
MEB = {"epochs": 50, "batch": 32, "rate": 1e-4, "gamma": 1.0, "weight_decay": 1e-3}

SECTION3, TABLE1 = "Khor et al., SCIA 2025, section 3", "Khor et al., SCIA 2025, table 1"
NOTEBOOKS = "Varanka et al., arXiv 2211.11425 (MEB)"
FLOW, LATENTS, VIDEO = {"flow": "flow"}, {"latents": "latents"}, {"video": "faces.span"}
DRAWN = {name: METHOD[name].default for name in ("pseudo_apex", "factor")}
VIT = {"variant": METHOD["variant"].default}
# Adam's rate for the three scalars of LED's filter, and the epoch from which it is a tenth of that.
LED_FILTER = {"filter_rate": 0.1, "filter_drop": 50}


def _deep(title, source, model, inputs, training, revision=1, **settings) -> Method:
    """A backbone of any size that can start from ImageNet."""
    recipe = {
        "revision": revision,
        "model": model,
        "weights": "imagenet",
        "size": 224,
        **training,
        **settings,
    }
    return Method(title, source, inputs, recipe, {"model": recipe.pop("model")})


def _shallow(title, model, inputs, size, fixed=None, revision=1, **training) -> Method:
    """A small network for one size of image, from scratch."""
    fixed = {"model": model, "weights": "none", "size": size, **(fixed or {})}
    return Method(title, NOTEBOOKS, inputs, {"revision": revision, **training}, fixed)


def _infusenet(
    title, model="infusenet_resnet18", inputs=None, preset="paper", released=False, **settings
) -> Method:
    inputs = inputs or FLOW | LATENTS
    method = _deep(title, SECTION3, model, inputs, PAPER, **{"preset": preset, **DRAWN, **settings})
    return replace(method, released=released)


METHODS: dict[str, Method] = {
    # The rows of Table 1, in its order.
    "lbp_top": _shallow("LBP-TOP with an SVM", "lbp_top", VIDEO, 112, revision=2, frames="first10"),
    "off_apexnet": _shallow("Off-ApexNet", "off_apexnet", FLOW, 28, **MEB | {"epochs": 3000}),
    "sssnet": _shallow("SSSNet", "sssnet", FLOW, 64, **MEB | {"epochs": 200}),
    "resnet10": _deep("ResNet10 (timm's resnet10t)", NOTEBOOKS, "resnet10", FLOW, MEB | {"size": 112}),
    "resnet18_flow": _deep("ResNet18 on flow (FrameFlow)", TABLE1, "resnet18_flow", FLOW, PAPER),
    "resnet18_mag": _deep("ResNet18 on latents (FrameMag)", TABLE1, "resnet18_mag", LATENTS, PAPER, **DRAWN),
    "resnet34": _deep("ResNet34", NOTEBOOKS, "resnet34", FLOW, MEB | {"size": 112}, revision=2),
    "resnet50": _deep("ResNet50 on flow", TABLE1, "resnet50", FLOW, PAPER),
    "led": _shallow("LED", "led", VIDEO, 64, LED_FILTER, revision=2, **MEB | {"epochs": 400, "batch": 64}),
    "vit_tiny_flow": _deep("ViT-Tiny on flow", TABLE1, "vit_tiny_flow", FLOW, PAPER, **VIT),
    "vit_tiny_mag": _deep("ViT-Tiny on latents", TABLE1, "vit_tiny_mag", LATENTS, PAPER, **VIT, **DRAWN),
    "late_fusion": _deep("ResNet18, late fusion", TABLE1, "late_fusion", FLOW | LATENTS, PAPER, **DRAWN),
    "infusenet_vit": _infusenet("InfuseNet (ViT-Tiny)", "infusenet_vit", **VIT),
    "infusenet_resnet18": _infusenet("InfuseNet (ResNet18)"),
    # Ablations.
    "infusenet_resnet18_released": _infusenet(
        "InfuseNet as the released code computes it", preset="released", released=True
    ),
    "infusenet_resnet18_decoded": _infusenet(
        "InfuseNet on decoded magnified images", "infusenet_decoded", FLOW | {"decoded": "latents.decoded"}
    ),
    "infusenet_resnet18_finetuned": _infusenet(
        "InfuseNet with its magnifier trained along", "infusenet_finetuned", FLOW | {"frames": "faces"}
    ),
    # That of factor 10 differs from `infusenet_resnet18` only where released latents are configured.
    **{
        f"infusenet_resnet18_factor{k}": _infusenet(f"InfuseNet, factor {k}", released=True, factor=k)
        for k in (5, 10, 15, 20)
    },
    **{
        f"infusenet_resnet18_magnified{k}": _infusenet(
            f"InfuseNet on magnified latents, factor {k}",
            inputs=FLOW | {"latents": f"latents.magnified{k}"},
            factor=k,
        )
        for k in (5, 10, 15, 20)
    },
}


def method(name: str) -> Method:
    """Look a method up; InputError lists the known names."""
    if name not in METHODS:
        raise InputError(f"unknown method '{name}' {did_you_mean(name, METHODS)}")
    return METHODS[name]
