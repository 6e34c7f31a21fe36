"""Departures of each method from its source: one line of prose, the same in `infusenet methods` and below tables.

Light, like `infusenet.config.methods`.
"""

from collections.abc import Iterator, Mapping

from infusenet.config.methods import METHODS
from infusenet.config.options import INFUSION

FLOW = "flow by TV-L1, the source's by Classic+NL (fast)"
MAGNIFIER = "magnifier frozen, the source's fine-tuned"
LED = "clips of more than 144 frames read as 144 evenly spread ones; those under 8 repeat frames to be 8"


def departure(name: str, recipe: Mapping) -> str:
    """The departures of a training by ``recipe`` (JSON values) of the method ``name``; empty where there is none.

    The settings that differ from the source's are named with the source's value in brackets. A method that
    this version does not know has no departures.
    """
    return "; ".join(_departures(name, recipe)) if name in METHODS else ""


def _departures(name: str, recipe: Mapping) -> Iterator[str]:
    inputs = METHODS[name].inputs
    if "flow" in inputs:
        yield FLOW
    if inputs.keys() & {"latents", "decoded"}:
        yield MAGNIFIER
    if METHODS[name].fixed["model"] == "led":
        yield LED
    for setting, value in METHODS[name].recipe.items():
        if setting != "revision" and recipe.get(setting, value) != value:
            yield f"{setting.replace('_', ' ')} {recipe[setting]} ({value})"
    for setting in INFUSION:
        if recipe.get(setting) is not None:
            yield f"{setting.replace('_', ' ')} {recipe[setting]} (preset's)"
