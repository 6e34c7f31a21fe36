"""Words on the models behind a score, which every output of new footage has: names, and what they were trained on."""

from collections.abc import Sequence

from infusenet.config.methods import method
from infusenet.detection.trained_models import TrainedModel

ORIGINS = {True: "synthetic stand-ins", False: "real databases", None: "unknown"}
CAUTIONS = {
    True: "Trained on synthetic stand-ins: says nothing about real faces.",
    None: "Not known whether trained on synthetic stand-ins, which say nothing about real faces.",
}


def heading(models: Sequence[TrainedModel]) -> str:
    """``InfuseNet-ResNet18: mean of 2 models; held out casme, samm; seed 0``."""
    title = method(models[0].recipe.method).title
    mean = f": mean of {len(models)} models" if len(models) > 1 else ""
    parts = [f"{title}{mean}"]
    for name, fact in (("held out", "held_out"), ("seed", "seed")):
        values = dict.fromkeys(str(model.facts[fact]) for model in models)
        parts.append(f"{name} {', '.join(values)}")
    return "; ".join(parts)


def origin(models: Sequence[TrainedModel]) -> str:
    """``synthetic stand-ins``, ``real databases`` or ``unknown``; of models that differ, all with ``and``."""
    return " and ".join(dict.fromkeys(ORIGINS[model.on_standins] for model in models))


def caution(models: Sequence[TrainedModel]) -> str:
    """A sentence for pictures and pages, the gravest of the models'; empty where all were trained on real faces."""
    states = {model.on_standins for model in models}
    return next((text for state, text in CAUTIONS.items() if state in states), "")
