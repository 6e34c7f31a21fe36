"""Stage recipes: every setting that changes a stage's numbers, plus the revision of the stage's code.

A recipe travels as one canonical JSON text: Snakemake param, command-line argument and HDF5
attribute. Two stores of one stage are interchangeable exactly when their recipes are equal.
Raise a stage's ``revision`` in `REVISIONS` whenever its code starts to give other numbers: Snakemake
cannot see edits inside a package. This module is imported while Snakemake parses, so it stays light.
"""

from collections.abc import Iterator
from pathlib import Path

from infusenet.config import options
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.hashing import SHA256, file_digest

REVISIONS = {"faces": 1, "latents": 1}
# Each solver of the flow has its own, and the settings that it reads.
SOLVER_REVISIONS = {"spline_tvl1": 1, "opencv_tvl1": 1}
SOLVER_SETTINGS = {"spline_tvl1": ("solver", "frames", "strain"), "opencv_tvl1": ("photometric", "strain")}

# The default settings of each stage.
STAGES = {
    stage: {name: option.default for name, option in table.items()} for stage, table in options.STAGES.items()
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
    names = actual.keys() | expected.keys()
    if actual.get("stage") == expected.get("stage") == "flow":
        actual, expected = _with_solver(actual), _with_solver(expected)
        names = actual.keys() & expected.keys()  # the rest belongs to one solver alone
    names = sorted(n for n in names if actual.get(n) != expected.get(n))
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
    if stage == "flow":
        return _flow_recipe(recipe)
    recipe["revision"] = REVISIONS[stage]
    if stage == "latents" and not SHA256.fullmatch(str(recipe["weights"])):
        weights = Path(recipe["weights"] or SHIPPED_WEIGHTS)
        if not weights.is_file():
            raise InputError(f"magnifier weights not found: {weights}; set latents: weights to a file")
        recipe["weights"] = file_digest(weights)
    return recipe


def _flow_recipe(settings: dict) -> dict:
    """The settings that the flow's solver reads. OpenCV's recipe does not name its solver: it is the text of
    the time before there was a choice, so that stores made then stay valid."""
    solver = settings["solver"]
    if solver == "opencv_tvl1" and settings["frames"] != 1:
        raise InputError(
            f"flow.frames is {settings['frames']}, expected 1 with solver opencv_tvl1, which fits one frame; "
            "set solver: spline_tvl1 or frames: 1"
        )
    recipe = {name: settings[name] for name in ("stage", *SOLVER_SETTINGS[solver])}
    return recipe | {"revision": SOLVER_REVISIONS[solver]}


def settings_of(recipe: dict) -> dict:
    """The settings that `resolve` makes a stage's recipe from."""
    settings = {name: value for name, value in recipe.items() if name not in ("stage", "revision")}
    return _with_solver(settings) if recipe["stage"] == "flow" else settings


def _with_solver(flow_recipe: dict) -> dict:
    return {"solver": "opencv_tvl1"} | flow_recipe


def ignored(stage: str, settings: dict, effective: dict) -> Iterator[str]:
    """The names of ``settings`` that change nothing under the ``effective`` settings of the stage."""
    if stage == "flow" and effective.get("solver", STAGES["flow"]["solver"]) == "spline_tvl1":
        yield from settings.keys() & {"photometric"}
