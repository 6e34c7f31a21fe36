"""The Python, installed packages, and files of weights."""

import platform
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infusenet import hashing
from infusenet.config import configuration, stage_recipes
from infusenet.config.method_recipe import MethodRecipe
from infusenet.doctor.diagnosis import Diagnosis
from infusenet.errors import InputError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
CONSTRAINTS = PROJECT.with_name("constraints.txt")
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
# What each extra is for; the extras test and slurm are checked by `make test` and `infusenet doctor --slurm`.
EXTRAS = {
    "standins": "`infusenet standins` stops",
    "video": "`infusenet detect` reads folders of frames alone",
    "onnx": "`infusenet model export --onnx` stops",
}


def interpreter() -> Diagnosis:
    """Whether this Python is one of those that the project's classifiers name."""
    version = platform.python_version()
    prefix = "Programming Language :: Python :: "
    tested = [line.removeprefix(prefix) for line in _classifiers() if line.startswith(f"{prefix}3.")]
    if version.rpartition(".")[0] in tested:
        return Diagnosis("ok", "python", version)
    return Diagnosis(
        "note", "python", f"{version}, with which nothing was tested", f"{tested[0]} to {tested[-1]}",
        "make the environment with one of these",
    )  # fmt: skip


def wheels() -> Iterator[Diagnosis]:
    """One OpenCV with its contrib modules, dlib's model, and versions that were tested."""
    installed = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    needed = requirements()
    contrib = needed["opencv-contrib-python"]
    versions = [f"{name} {installed[name]}" for name in OPENCV if name in installed]
    remove = f"pip uninstall -y {' '.join(OPENCV)} && pip install --no-deps '{contrib}'"
    if len(versions) > 1:
        yield Diagnosis(
            "fix", "opencv", f"{', '.join(versions)}: they overwrite each other's files",
            f"{contrib} alone", remove,
        )  # fmt: skip
    elif not _has_optflow():
        yield Diagnosis(
            "fix", "opencv", f"{', '.join(versions) or 'none'}: no cv2.optflow", str(contrib), remove
        )
    else:
        yield Diagnosis("ok", "opencv", f"{versions[0] if versions else 'another build'}, with cv2.optflow")

    from infusenet.preprocess.face_detection import landmark_model

    try:
        yield Diagnosis("ok", "dlib", f"68-point model {landmark_model()}")
    except InputError as error:
        model = needed["face-recognition-models"]
        yield Diagnosis("fix", "dlib", str(error), str(model), f"pip install --force-reinstall '{model}'")

    tested = tested_versions()
    for name, requirement in needed.items():
        if name not in OPENCV and (fault := version_fault(requirement, installed.get(name), tested)):
            yield fault
    for extra, use in EXTRAS.items():
        for name, requirement in requirements(extra).items():
            if name not in installed:
                yield Diagnosis(
                    "note", "wheels", f"{requirement.name} is not installed",
                    f"{requirement}, without which {use}", f"pip install '{requirement}'",
                )  # fmt: skip
            elif fault := version_fault(requirement, installed[name], tested):
                yield fault


def version_fault(
    requirement: Requirement, version: str | None, tested: Mapping[str, str], check: str = "wheels"
) -> Diagnosis | None:
    """The fault of an installed package: none of it, older than the oldest that was tested, or not the one
    of constraints.txt; None if it is that one, or where there is no checkout with that file."""
    pin = tested.get(canonicalize_name(requirement.name), version)
    state = f"{requirement.name} {version or 'is not installed'}"
    if version is None or not requirement.specifier.contains(version, prereleases=True):
        return Diagnosis("fix", check, state, str(requirement), f"pip install '{requirement}'")
    if version == pin:
        return None
    remedy = f"pip install --constraint constraints.txt {requirement.name}=={pin}"
    return Diagnosis("note", check, state, f"{pin}, which make installs", remedy)


def requirements(extra: str = "") -> dict[str, Requirement]:
    """{package: requirement} of the project, or of one of its extras alone.

    A checkout's own file has them: the package that is installed may be that of another clone.
    """
    if project := _project():
        lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    else:
        pairs = [line.partition(";") for line in metadata.requires("infusenet")]
        lines = [
            line for line, _, marker in pairs if (f'extra == "{extra}"' in marker if extra else not marker)
        ]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


def _project() -> dict:
    """The table ``project`` of a checkout's pyproject.toml; empty without a checkout."""
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"] if PROJECT.is_file() else {}


def _classifiers() -> list[str]:
    project = _project()
    return project["classifiers"] if project else metadata.metadata("infusenet").get_all("Classifier")


def tested_versions() -> dict[str, str]:
    """{package: version} of constraints.txt; empty without a checkout."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").split() if CONSTRAINTS.is_file() else []
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def _has_optflow() -> bool:
    try:
        import cv2
    except ImportError:
        return False
    return hasattr(cv2, "optflow")


def weights(config: dict) -> Iterator[Diagnosis]:
    """The magnifier's weights, and the initial weights of the configured methods."""
    from infusenet.magnifier import load

    magnifier = config["latents"].get("weights")
    try:
        if hashing.SHA256.fullmatch(str(magnifier)):
            yield Diagnosis(
                "ok",
                "weights",
                f"magnifier given by its sha256 alone, {magnifier}: latents cannot be made here",
            )
        else:
            load(magnifier)
            yield Diagnosis("ok", "weights", f"magnifier {stage_recipes.weights_path(magnifier)}")
    except InputError as error:
        yield Diagnosis("fix", "weights", str(error), "a magnifier's weights", "set latents: weights")
    downloads = set()
    for name in config["methods"]:
        recipe = configuration.resolve_method(config, name)
        start = recipe.weights
        if start == "imagenet":
            downloads |= {(source.url, source) for source in _sources(recipe)}
        elif start != "none":
            yield _own(name, Path(start), _sources(recipe)[0])
    for url, source in sorted(downloads, key=lambda pair: pair[0]):
        yield _imagenet(url, source)


def _sources(recipe: MethodRecipe) -> list:
    """The sources of ImageNet weights for the parts of a method's model."""
    from infusenet import models
    from infusenet.models.unfilled_parameters import UnfilledParameters

    with UnfilledParameters():  # no value of it is read
        model = models.create(replace(recipe, weights="none"))
    return [part.imagenet for part in model.modules() if hasattr(part, "imagenet")]


def _imagenet(url: str, source) -> Diagnosis:
    from infusenet.models.weights import cached, check

    file = cached(source)
    if file is None:
        return Diagnosis(
            "note", "weights", f"{url} is not on this machine yet: the first training downloads it",
            "the file in the cache where the training nodes have no network",
            "train once where there is a network, or set the method's weights to a file or to none",
        )  # fmt: skip
    try:
        check(file, source)
    except InputError as error:
        return Diagnosis(
            "fix", "weights", str(error), "the published file", "delete it, or replace it by that file"
        )
    return Diagnosis("ok", "weights", f"ImageNet {file}")


def _own(method: str, file: Path, source) -> Diagnosis:
    from infusenet.models.weights import read_own

    try:
        read_own(file, source)
    except InputError as error:
        return Diagnosis(
            "fix", "weights", str(error), "imagenet, none or a file of weights",
            f"put the file there or set methods: {method}: weights",
        )  # fmt: skip
    return Diagnosis("ok", "weights", f"methods.{method}.weights {file}")
