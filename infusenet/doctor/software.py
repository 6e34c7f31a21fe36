"""Wheels and weights."""

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from infusenet import hashing
from infusenet.config import configuration, recipes
from infusenet.doctor.finding import Finding
from infusenet.errors import InputError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def wheels() -> Iterator[Finding]:
    """One OpenCV with its contrib modules, dlib's model, and the versions that were tested."""
    installed = {d.name.lower().replace("_", "-"): d.version for d in metadata.distributions()}
    tested = pins()
    contrib = f"opencv-contrib-python=={tested['opencv-contrib-python']}"
    found = [f"{name} {installed[name]}" for name in OPENCV if name in installed]
    remove = f"pip uninstall -y {' '.join(OPENCV)} && pip install --no-deps {contrib}"
    if len(found) > 1:
        yield Finding(
            "mend", "opencv", f"{', '.join(found)}: they overwrite each other's files",
            f"{contrib} alone", remove,
        )  # fmt: skip
    elif not _has_optflow():
        yield Finding("mend", "opencv", f"{', '.join(found) or 'none'}: no cv2.optflow", contrib, remove)
    else:
        yield Finding("ok", "opencv", f"{found[0] if found else 'another build'}, with cv2.optflow")

    from infusenet.preprocess.alignment import landmark_model

    try:
        yield Finding("ok", "dlib", f"68-point model {landmark_model()}")
    except InputError as error:
        model = f"face_recognition_models=={tested['face-recognition-models']}"
        yield Finding("mend", "dlib", str(error), model, f"pip install --force-reinstall {model}")

    for name, pin in tested.items():
        if name not in OPENCV and installed.get(name) != pin:
            yield Finding(
                "note" if name in installed else "mend", "wheels",
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


def weights(config: dict) -> Iterator[Finding]:
    """The magnifier's weights, and those that the configured methods start from."""
    from infusenet.magnifier import load

    given = config["latents"].get("weights") or recipes.SHIPPED_WEIGHTS
    try:
        if hashing.SHA256.fullmatch(str(given)):
            yield Finding("ok", "weights", f"magnifier known by its sha256 alone, {given}: makes no latents")
        else:
            load(Path(given))
            yield Finding("ok", "weights", f"magnifier {given}")
    except InputError as error:
        yield Finding("mend", "weights", str(error), "a magnifier's weights", "set latents: weights")
    seen = set()
    for name in config["methods"]:
        recipe = configuration.resolve_method(config, name)
        start = recipe.get("weights", "none")
        if start == "imagenet":
            seen |= {(source.url, source) for source in _sources(recipe)}
        elif start != "none":
            yield _own(name, Path(start), _sources(recipe)[0])
    for url, source in sorted(seen, key=lambda pair: pair[0]):
        yield _imagenet(url, source)


def _sources(recipe: dict) -> list:
    """Where the parts of a method's model have their ImageNet weights from."""
    from infusenet import models

    model = models.create(recipe | {"weights": "none"})
    return [part.imagenet for part in model.modules() if hasattr(part, "imagenet")]


def _imagenet(url: str, source) -> Finding:
    from infusenet.models.weights import cached, check

    file = cached(source)
    if file is None:
        return Finding(
            "note", "weights", f"{url} is not on this machine yet: the first training fetches it",
            "the file in the cache where the training nodes have no network",
            "train once where there is a network, or set the method's weights to a file or to none",
        )  # fmt: skip
    try:
        check(file, source)
    except InputError as error:
        return Finding(
            "mend", "weights", str(error), "the published file", "delete it, or put that file in its place"
        )
    return Finding("ok", "weights", f"ImageNet {file}")


def _own(method: str, file: Path, source) -> Finding:
    from infusenet.models.weights import read_own

    try:
        read_own(file, source)
    except InputError as error:
        return Finding(
            "mend", "weights", str(error), "imagenet, none or a file of weights",
            f"put the file there or set methods: {method}: weights",
        )  # fmt: skip
    return Finding("ok", "weights", f"methods.{method}.weights {file}")
