"""What each setting can be: the one table of choices and ranges. Light, because Snakemake parses it.

Stage recipes, method recipes and the command line are checked against it alike, before any work starts.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infusenet.errors import did_you_mean
from infusenet.texts import visible

BLOCKS = ("block1", "block2", "block3", "block4")
# After which blocks, and whether after average pooling, FrameFlow is infused into FrameMag.
PLACES = (*BLOCKS, "pooled")


@dataclass(frozen=True)
class Values:
    """What a setting can be: the test of a value, the same in ``words``, and what a typo may have meant."""

    holds: Callable[[object], bool]
    words: str = ""
    choices: tuple[str, ...] = ()

    def expected(self, value) -> str:
        """Why ``value`` is refused."""
        words = f", expected {self.words}" if self.words else ""
        hint = f" {did_you_mean(value, self.choices)}" if self.choices else ""
        if self.words.startswith(("integer", "a finite number")):
            hint = number_hint(value)
        return f"{value!r}{words}{hint}"


def one_of(*choices: str) -> Values:
    return Values(lambda value: value in choices, choices=choices)


def integer(least: int) -> Values:
    # By type(): to isinstance, true is an integer.
    return Values(lambda value: type(value) is int and value >= least, f"integer >= {least}")


def finite(value) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def number(bound: float, least: bool = False) -> Values:
    """Finite numbers above ``bound``, or from it on."""
    return Values(
        lambda value: finite(value) and (value > bound or (least and value == bound)),
        f"a finite number {'>=' if least else '>'} {bound}",
    )


def _is_file(value) -> bool:
    return isinstance(value, str) and Path(value).is_file()


FLAG = Values(lambda value: type(value) is bool, "true or false")
NAME = Values(lambda value: isinstance(value, str) and bool(value), "a name")
PATH = Values(lambda value: value is None or isinstance(value, (str, os.PathLike)), "a file or null")
INITIAL_WEIGHTS = Values(
    lambda value: value in ("none", "imagenet") or _is_file(value),
    "none, imagenet or an existing file",
    ("none", "imagenet"),
)
PLACE_LIST = Values(
    lambda value: isinstance(value, list) and all(place in PLACES for place in value),
    f"a list of some of {', '.join(PLACES)}",
)

STAGES: dict[str, dict[str, Values]] = {
    "faces": {
        "keep": one_of("pairs", "first10", "tim10", "span"),
        "size": integer(16),
        "ecc": FLAG,
    },
    "flow": {
        "photometric": one_of("none", "global", "local"),
        "strain": one_of("tensor", "meb"),
    },
    "latents": {
        "weights": PATH,
        "latent": one_of("difference", "magnified", "decoded"),
        "factor": number(1),
        "form": one_of("pooled", "raw"),
        "size": integer(16),
        # Without `local`: a high-passed frame is no image that the magnifier could encode.
        "photometric": one_of("none", "global"),
    },
}

METHOD: dict[str, Values] = {
    "preset": one_of("paper", "released"),
    "weights": INITIAL_WEIGHTS,
    "size": integer(16),
    "epochs": integer(1),
    "batch": integer(1),
    "rate": number(0),
    "gamma": number(0),
    "weight_decay": number(0, least=True),
    "pseudo_apex": one_of("per_epoch", "per_sample", "fixed4"),
    "factor": number(1),
    "frames": NAME,
    "variant": one_of("tinyvit_5m", "tinyvit_21m", "patch16"),
}

# Laid over a preset.
INFUSION: dict[str, Values] = {
    "scope": one_of("sample", "channel", "batch"),
    "places": PLACE_LIST,
    "detach": FLAG,
    "latent_norm": FLAG,
}


def number_hint(value) -> str:
    """How to write text that means a number as one: to YAML ``1e-3`` is text and ``1.0e-3`` a number."""
    if not isinstance(value, str) or not re.fullmatch(
        r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", value, re.I
    ):
        return ""
    mantissa, _, exponent = value.lower().partition("e")
    if float(value).is_integer():
        spelling = f"{float(value):.0f}"
    elif exponent:
        spelling = f"{mantissa}{'' if '.' in mantissa else '.0'}e{int(exponent):+d}"
    else:
        spelling = mantissa
    return f"; this is text: write {spelling}, without quotes"


def odd_keys(where: str, block) -> Iterator[str]:
    """A sentence for every key, at any depth, that YAML did not take for text."""
    for key, value in block.items() if isinstance(block, Mapping) else ():
        if not isinstance(key, str):
            yield (
                f"{where}: the key {key!r} is no text: YAML takes no, yes, on, off, null and numbers for "
                "values; write it in quotes"
            )
        yield from odd_keys(str(key) if where == "top level" else f"{where}.{key}", value)


def problems(where: str, settings: Mapping, known: Mapping[str, Values]) -> Iterator[str]:
    """A sentence for every setting that is unknown (with the nearest known one) or has no such value."""
    for name, value in settings.items():
        if name not in known:
            yield f"{where}: unknown key '{visible(name)}' {did_you_mean(name, known)}"
        elif not known[name].holds(value):
            yield f"{where}.{name} is {known[name].expected(value)}"
