"""An option, and the kinds of values that options take, each as a JSON schema and in words. Light at import."""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infusenet.errors import did_you_mean


@dataclass(frozen=True)
class Values:
    """The values of an option: ``schema`` accepts them, ``words`` describes them to a reader.

    ``choices`` are the names among them, for "did you mean". ``test``, where given, decides in place of
    the schema: for what a schema cannot know, such as whether a file exists.
    """

    schema: dict
    words: str
    choices: tuple[str, ...] = ()
    test: Callable[[object], bool] | None = None

    def accept(self, value) -> bool:
        """Whether the option can have this value."""
        return self.test(value) if self.test else strict_validator()(self.schema).is_valid(value)

    def refusal(self, value) -> str:
        """A value that is not accepted, and the expected ones, for an error message."""
        if self.schema.get("type") in ("integer", "number"):
            return f"{value!r}, expected {self.words}{number_hint(value)}"
        words = "" if self.schema.get("enum") else f", expected {self.words}"
        return f"{value!r}{words}{f' {did_you_mean(value, self.choices)}' if self.choices else ''}"


@dataclass(frozen=True)
class Option:
    """One key of the configuration.

    ``required``: the key may not be left out of its block. ``variants_only``: choices that only a store
    beside the main one can have, so that a stage's block refuses them and a variant takes them.
    """

    values: Values
    default: object
    prose: str
    required: bool = False
    variants_only: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[str, ...]:
        return self.values.choices

    @property
    def block_values(self) -> Values:
        """The values in a block: all but those for variants only."""
        if not self.variants_only:
            return self.values
        return one_of(*(choice for choice in self.choices if choice not in self.variants_only))


def one_of(*choices: str) -> Values:
    return Values({"enum": list(choices)}, ", ".join(choices), choices)


def integer(least: int) -> Values:
    return Values({"type": "integer", "minimum": least}, f"integer >= {least}")


def number(bound: float, least: bool = False) -> Values:
    """Finite numbers above ``bound``, or from it on."""
    key, sign = ("minimum", ">=") if least else ("exclusiveMinimum", ">")
    return Values({"type": "number", key: bound}, f"a finite number {sign} {bound}")


def text(words: str) -> Values:
    return Values({"type": "string", "minLength": 1}, words)


def list_of_text(words: str, **limits) -> Values:
    return Values({"type": "array", "items": {"type": "string", "minLength": 1}, **limits}, words)


def is_finite(value) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_initial_weights(value) -> bool:
    return isinstance(value, str) and (value in ("none", "imagenet") or Path(value).is_file())


FLAG = Values({"type": "boolean"}, "true or false")
# The command line hands over a Path.
FILE = Values(
    {"type": ["string", "null"]},
    "a file or null",
    test=lambda value: value is None or isinstance(value, (str, os.PathLike)),
)
INITIAL_WEIGHTS = Values(
    {"type": "string"},
    "none, imagenet or an existing file",
    ("none", "imagenet"),
    test=_is_initial_weights,
)
PATHS = Values(
    {"anyOf": [{"type": "string"}, list_of_text("", minItems=1, uniqueItems=True).schema]},
    "a file or a list of files",
)
SEEDS = Values(
    {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        # Snakemake's --config 'seeds=[0,1]' hands over text.
        "items": {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"},
    },
    "a list of integers >= 0",
)
FIGURE1_CLIP = Values(
    {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_./-]+$"}, "DATABASE/SUBJECT/CLIP or null"
)
FIGURE5_CLIPS = Values(
    {
        "type": "array",
        "maxItems": 6,
        "items": {"type": "string", "pattern": "^[A-Za-z0-9_./-]+:AU[0-9]+$"},
    },
    "a list of at most 6 DATABASE/SUBJECT/CLIP:AU<n>",
)


@cache
def strict_validator() -> type:
    """The class of jsonschema's validators, for which 2.0 is no integer and YAML's .nan no number.

    Imported at the first check, so that the import of the configuration stays light.
    """
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": lambda _, value: type(value) is int, "number": lambda _, value: is_finite(value)}
    )
    return validators.extend(Draft202012Validator, type_checker=types)


def number_hint(value) -> str:
    """The spelling of text that means a number: to YAML ``1e-3`` is text and ``1.0e-3`` a number."""
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
