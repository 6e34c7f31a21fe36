"""Stage recipes: every setting that changes a stage's numbers, plus the revision of the stage's code.

A recipe travels as one canonical JSON text: Snakemake param, command-line argument and HDF5
attribute. Two stores of one stage are interchangeable exactly when their recipes are equal.
Raise a stage's ``revision`` in `REVISIONS` whenever its code starts to give other numbers: Snakemake
cannot see edits inside a package. This module is imported while Snakemake parses, so it stays light.
"""

from pathlib import Path

from infusenet.config import options
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.hashing import SHA256, file_digest

REVISIONS = {"faces": 1, "flow": 1, "latents": 1}

# The default recipe of each stage.
STAGES = {
    stage: {"revision": REVISIONS[stage], **{name: option.default for name, option in table.items()}}
    for stage, table in options.STAGES.items()
}

# Raised when `infusenet evaluate` computes or draws something else from the same predictions.
EVALUATE_REVISION = 4

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "magnifier" / "weights" / "magnifier.safetensors"


def store_name(declared: dict) -> str:
    """The file of a store that a recipe declares: ``{stage}.h5`` or ``{stage}.{variant}.h5``."""
    variant = f".{declared['variant']}" if declared["variant"] else ""
    return f"{declared['recipe']['stage']}{variant}.h5"


def difference(actual: dict, expected: dict, between: str = ", expected") -> str:
    """The settings in which two recipes differ, in words."""
    names = sorted(n for n in actual.keys() | expected.keys() if actual.get(n) != expected.get(n))
    return "; ".join(f"{n} is {actual.get(n)!r}{between} {expected.get(n)!r}" for n in names)


def resolve(stage: str, settings: dict | None = None) -> dict:
    """The full recipe of ``stage`` with ``settings`` over the defaults.

    For the latents, ``weights`` (a path, or None for the shipped file) becomes the file's sha256,
    because the numbers depend on its bytes and not on its place. A sha256 stands for itself: a lab that
    trains from latents made elsewhere need not have the file.

    Raises
    ------
    InputError
        Unknown stage, unknown setting, a value outside its choices or range, or a missing weights file.
    """
    if stage not in STAGES:
        raise InputError(f"unknown stage '{stage}' {did_you_mean(stage, STAGES)}")
    settings = settings or {}
    raise_all(options.problems(stage, settings, options.STAGES[stage]), "settings refused")
    recipe = {"stage": stage, **STAGES[stage], **settings}
    if stage == "latents" and not SHA256.fullmatch(str(recipe["weights"])):
        weights = Path(recipe["weights"] or SHIPPED_WEIGHTS)
        if not weights.is_file():
            raise InputError(f"magnifier weights not found: {weights}; set latents: weights to a file")
        recipe["weights"] = file_digest(weights)
    return recipe
