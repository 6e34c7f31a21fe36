"""Stage recipes: every setting that changes a stage's numbers, plus the revision of the stage's code.

Two stores of one stage are interchangeable exactly when their recipes are equal.
Raise a stage's revision below whenever its code starts to give other numbers: Snakemake
cannot see edits inside a package. This module is imported while Snakemake parses, so it stays light.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from infusenet.config import options
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.hashing import SHA256, canonical, file_digest

LATENTS_REVISION = 1
# The faces have one for each kind of item.
KEEP_REVISIONS = {"pairs": 1, "first10": 1, "tim10": 1, "span": 2}
# Each solver of the flow has its own, and the settings that it reads.
SOLVER_REVISIONS = {"spline_tvl1": 1, "opencv_tvl1": 1}
SOLVER_SETTINGS = {
    "spline_tvl1": ("solver", "strain", "frames"),
    "opencv_tvl1": ("solver", "strain", "photometric"),
}

IGNORED = "is ignored: solver spline_tvl1 matches brightness by itself"

# The default settings of each stage.
STAGES = {
    stage: {name: option.default for name, option in table.items()} for stage, table in options.STAGES.items()
}

# Raised when `infusenet evaluate` computes or draws something else from the same predictions.
EVALUATE_REVISION = 5

# The magnifiers in this package by name, the newest last.
SHIPPED = {
    name: Path(__file__).parents[1] / "magnifier" / "weights" / f"{name}.safetensors" for name in ("v1", "v2")
}
SHIPPED_WEIGHTS = list(SHIPPED.values())[-1]


@dataclass(frozen=True)
class Recipe:
    """The settings that decide the numbers of a stage or of a training, as one value.

    A recipe travels as canonical JSON: Snakemake param, command-line argument, HDF5 attribute. A setting that
    has no meaning with the other settings is None; the JSON has no key for it.
    """

    def as_dict(self) -> dict:
        """The recipe as JSON values: what stores and runs keep."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def to_json(self) -> str:
        """The canonical JSON text; stores and runs of the same text are the same."""
        return canonical(self.as_dict())


@dataclass(frozen=True)
class StageRecipe(Recipe):
    """The recipe of a stage: its settings as in `infusenet.config.options.STAGES`, and the code's revision."""

    stage: ClassVar[str]
    revision: int

    def as_dict(self) -> dict:
        return {"stage": self.stage, **super().as_dict()}


@dataclass(frozen=True)
class FacesRecipe(StageRecipe):
    stage = "faces"
    keep: str
    size: int
    ecc: bool


@dataclass(frozen=True)
class FlowRecipe(StageRecipe):
    """The settings that the other solver reads are None (`SOLVER_SETTINGS`)."""

    stage = "flow"
    solver: str
    strain: str
    frames: int | None = None
    photometric: str | None = None

    @property
    def can_use_gpu(self) -> bool:
        """OpenCV's solver has only the CPU."""
        return self.solver == "spline_tvl1"

    @property
    def needs_opencv(self) -> bool:
        """For its solver, or for strain by differences of pixels."""
        return self.solver == "opencv_tvl1" or self.strain == "meb"

    def as_dict(self) -> dict:
        """OpenCV's recipe does not name its solver: its text is the same as before there was a choice of
        solvers, so that stores made then stay valid."""
        recipe = super().as_dict()
        if self.solver == "opencv_tvl1":
            del recipe["solver"]
        return recipe


@dataclass(frozen=True)
class LatentsRecipe(StageRecipe):
    """``weights`` is the sha256 of the magnifier's file."""

    stage = "latents"
    weights: str
    latent: str
    factor: float
    form: str
    size: int
    photometric: str

    @property
    def side(self) -> int:
        """Of the latents' maps: half of the pictures' size, of pooled ones a quarter, rounded up."""
        return -(-self.size // (4 if self.form == "pooled" else 2))


RECIPES: dict[str, type[StageRecipe]] = {cls.stage: cls for cls in (FacesRecipe, FlowRecipe, LatentsRecipe)}


def difference(actual: dict, expected: dict, between: str = ", expected") -> str:
    """The settings in which two recipes differ, in words."""
    names = actual.keys() | expected.keys()
    if actual.get("stage") == expected.get("stage") == "flow":
        actual, expected = _with_solver(actual), _with_solver(expected)
        names = actual.keys() & expected.keys()  # the rest belongs to one solver alone
    names = sorted(n for n in names if actual.get(n) != expected.get(n))
    return "; ".join(f"{n} is {actual.get(n)!r}{between} {expected.get(n)!r}" for n in names)


def resolve(stage: str, settings: dict | None = None) -> StageRecipe:
    """The full recipe of ``stage`` with ``settings`` over the defaults.

    For the latents, ``weights`` (as in `weights_path`) becomes the file's sha256,
    because the numbers depend on its bytes and not on its place. A sha256 stands for itself: a lab that
    trains from latents made elsewhere need not have the file.

    Raises
    ------
    InputError
        Unknown stage, unknown setting, a value outside its choices or range, or a missing weights file.
    """
    if stage not in STAGES:
        raise InputError(_unknown(stage))
    settings = settings or {}
    raise_all(options.problems(stage, settings, options.STAGES[stage]), "settings refused")
    values = STAGES[stage] | settings
    if stage == "latents" and not SHA256.fullmatch(str(values["weights"])):
        weights = weights_path(values["weights"])
        if not weights.is_file():
            raise InputError(f"magnifier weights not found: {weights}; set latents: weights to a file")
        values["weights"] = file_digest(weights)
    if values.get("solver") == "opencv_tvl1" and values["frames"] != 1:
        raise InputError(
            f"flow.frames is {values['frames']}, expected 1 with solver opencv_tvl1, which fits one frame; "
            "set solver: spline_tvl1 or frames: 1"
        )
    names = _names(stage, values)
    return RECIPES[stage](current_revision(stage, values), **{name: values[name] for name in names})


def weights_path(weights: Path | str | None) -> Path:
    """The file of a magnifier: a path, a name in `SHIPPED`, or None for the newest of these."""
    return SHIPPED.get(str(weights), Path(weights)) if weights else SHIPPED_WEIGHTS


def shipped_weights(sha256: str) -> Path | None:
    """The magnifier in this package whose file has this sha256."""
    return next((path for path in SHIPPED.values() if file_digest(path) == sha256), None)


def current_revision(stage: str, settings: Mapping) -> int:
    """The revision of this version's code for a stage with these settings."""
    if stage == "flow":
        return SOLVER_REVISIONS[settings["solver"]]
    return KEEP_REVISIONS[settings["keep"]] if stage == "faces" else LATENTS_REVISION


def settings_of(recipe: Mapping) -> dict:
    """From a recipe as JSON values, the settings that `resolve` would make this recipe from."""
    settings = {name: value for name, value in recipe.items() if name not in ("stage", "revision")}
    return _with_solver(settings) if recipe.get("stage") == "flow" else settings


def _with_solver(flow_recipe: Mapping) -> dict:
    return {"solver": "opencv_tvl1"} | flow_recipe


def _names(stage: str, settings: Mapping) -> Collection[str]:
    """The settings that a stage's recipe has: of the flow, those that its solver reads."""
    return SOLVER_SETTINGS.get(settings.get("solver"), options.STAGES[stage])


def ignored(stage: str, settings: dict, effective: dict) -> Iterator[str]:
    """The names of ``settings`` that change nothing under the ``effective`` settings of the stage."""
    if stage == "flow" and effective.get("solver", STAGES["flow"]["solver"]) == "spline_tvl1":
        yield from settings.keys() & {"photometric"}


def from_dict(values: Mapping, origin: object) -> StageRecipe:
    """The recipe that a store holds as JSON values, of whatever revision; ``origin`` is the file.

    Raises
    ------
    InputError
        Every key that is missing or unknown to this version, and every value that is not accepted.
    """
    raise_all(problems(values), refusal(origin))
    return RECIPES[values["stage"]](values["revision"], **settings_of(values))


def problems(values: Mapping) -> Iterator[str]:
    """One sentence for each reason why JSON values are not a recipe of a stage."""
    stage = values.get("stage")
    if not isinstance(stage, str) or stage not in RECIPES:
        yield _unknown(stage)
        return
    settings = settings_of(values)
    names = _names(stage, settings)
    yield from options.problems(stage, settings, {name: options.STAGES[stage][name] for name in names})
    yield from (f"{stage}.{name} is missing" for name in names if name not in settings)
    if "revision" not in values:
        yield f"{stage}.revision is missing"


def refusal(origin: object) -> str:
    """The headline above the problems of a recipe in ``origin``."""
    return f"{origin}: recipe refused; use the infusenet that wrote it, or make it again with this one"


def _unknown(stage: object) -> str:
    return f"unknown stage '{stage}' {did_you_mean(stage, RECIPES)}"
