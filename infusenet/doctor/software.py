"""Installed packages and files of weights."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from infusenet import hashing
from infusenet.config import configuration, stage_recipes
from infusenet.config.method_recipe import MethodRecipe
from infusenet.doctor.diagnosis import Diagnosis
from infusenet.errors import InputError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def wheels() -> Iterator[Diagnosis]:
    """One OpenCV with its contrib modules, dlib's model, and the versions that were tested."""
    installed = {d.name.lower().replace("_", "-"): d.version for d in metadata.distributions()}
    tested = pins()
    contrib = f"opencv-contrib-python=={tested['opencv-contrib-python']}"
    versions = [f"{name} {installed[name]}" for name in OPENCV if name in installed]
    remove = f"pip uninstall -y {' '.join(OPENCV)} && pip install --no-deps {contrib}"
    if len(versions) > 1:
        yield Diagnosis(
            "fix", "opencv", f"{', '.join(versions)}: they overwrite each other's files",
            f"{contrib} alone", remove,
        )  # fmt: skip
    elif not _has_optflow():
        yield Diagnosis("fix", "opencv", f"{', '.join(versions) or 'none'}: no cv2.optflow", contrib, remove)
    else:
        yield Diagnosis("ok", "opencv", f"{versions[0] if versions else 'another build'}, with cv2.optflow")

    from infusenet.preprocess.face_detection import landmark_model

    try:
        yield Diagnosis("ok", "dlib", f"68-point model {landmark_model()}")
    except InputError as error:
        model = f"face_recognition_models=={tested['face-recognition-models']}"
        yield Diagnosis("fix", "dlib", str(error), model, f"pip install --force-reinstall {model}")

    for name, pin in tested.items():
        if name not in OPENCV and installed.get(name) != pin:
            yield Diagnosis(
                "note" if name in installed else "fix", "wheels",
                f"{name} {installed.get(name, 'is not installed')}", f"{pin}, the tested version",
                f"pip install --constraint constraints.txt {name}=={pin}",
            )  # fmt: skip


def pins(extra: str = "") -> dict[str, str]:
    """{package: version} of the project's requirements, or of one of its extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    pairs = [line.partition("==") for line in lines]
    return {name.partition("[")[0].lower().replace("_", "-"): version for name, _, version in pairs}


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
