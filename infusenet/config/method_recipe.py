"""The recipe of a training: one method's settings and the recipes of the stores that it reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infusenet.config import options, stage_recipes
from infusenet.config.methods import method
from infusenet.config.stage_recipes import Recipe, StageRecipe
from infusenet.config.value_kinds import Values, integer, text
from infusenet.errors import InputError, raise_all


@dataclass(frozen=True)
class StoreRecipe:
    """The store that one of a model's inputs is read from."""

    variant: str
    recipe: StageRecipe

    @property
    def name(self) -> str:
        """``stage`` or ``stage.variant``, as in the configuration; the file is ``{name}.h5``."""
        return f"{self.recipe.stage}.{self.variant}" if self.variant else self.recipe.stage


@dataclass(frozen=True)
class MethodRecipe(Recipe):
    """The full recipe of a training (`infusenet.config.configuration.resolve_method`).

    A setting that a method does not have is None.
    """

    method: str
    model: str
    revision: int
    weights: str
    size: int
    threads: int
    stores: dict[str, StoreRecipe]
    # The sha256 of ``weights`` where that is a file.
    weights_sha256: str | None = None
    epochs: int | None = None
    batch: int | None = None
    rate: float | None = None
    gamma: float | None = None
    weight_decay: float | None = None
    pseudo_apex: str | None = None
    factor: float | None = None
    # Infusion: a preset and what is laid over it.
    preset: str | None = None
    scope: str | None = None
    places: list[str] | None = None
    detach: bool | None = None
    latent_norm: bool | None = None
    variant: str | None = None  # of a ViT
    frames: str | None = None  # of LBP-TOP
    filter_rate: float | None = None  # of LED
    filter_drop: int | None = None
    # A magnifier that is trained along: its file (None is the shipped one), and how it sees the frames.
    magnifier: str | None = None
    magnifier_sha256: str | None = None
    photometric: str | None = None

    def as_dict(self) -> dict:
        stores = {
            name: {"variant": store.variant, "recipe": store.recipe.as_dict()}
            for name, store in self.stores.items()
        }
        # The shipped magnifier is null in the JSON, not absent.
        magnifier = {"magnifier": self.magnifier} if self.magnifier_sha256 else {}
        return super().as_dict() | magnifier | {"stores": stores}


# Values that no configuration sets, or not for each method: a file from elsewhere may hold anything.
VALUES = {
    "threads": Values({"type": "integer", "minimum": 1, "maximum": 1024}, "an integer from 1 to 1024"),
    "revision": integer(1),
    "model": text("a name"),
    "weights": text("none, imagenet or a file"),
    "size": integer(1),
}
# Keys that `infusenet.config.configuration.resolve_method` adds to a method's settings.
DERIVED = ("weights_sha256", "magnifier", "magnifier_sha256", "photometric")


def from_dict(values: Mapping, origin: object) -> MethodRecipe:
    """The recipe that a run or ``--recipe`` holds as JSON values; ``origin`` is the file or the option.

    Raises
    ------
    InputError
        An unknown method, and every key that is missing or unknown to this version or has a value that is
        not accepted, in the recipes of the stores too.
    """
    raise_all(_problems(values), stage_recipes.refusal(origin))
    stores = {
        name: StoreRecipe(store["variant"], stage_recipes.from_dict(store["recipe"], origin))
        for name, store in values["stores"].items()
    }
    return MethodRecipe(**{**values, "stores": stores})


def _problems(values: Mapping) -> Iterator[str]:
    try:
        definition = method(values.get("method"))
    except InputError as error:
        yield str(error)
        return
    names = {"method", "threads", "stores", *definition.fixed, *definition.recipe}
    yield from (f"{name} is missing" for name in sorted(names - values.keys()))
    # A finished run is read without the file of its initial weights, so that may be gone; a training
    # reports it when it reads the file.
    expected = {"weights", *DERIVED, *(names - definition.settings.keys())}
    settings = {name: value for name, value in values.items() if name not in expected}
    yield from options.problems("recipe", settings, definition.settings)
    for name, kind in VALUES.items():
        if name in values and not kind.accept(values[name]):
            yield f"recipe.{name} is {kind.refusal(values[name])}"
    for name in DERIVED:
        if not isinstance(values.get(name), str | None):
            yield f"recipe.{name} is {values[name]!r}, expected text"
    stores = values.get("stores", {})
    if not isinstance(stores, dict):
        yield f"stores is {stores!r}, expected an object"
        return
    for name, store in stores.items():
        if isinstance(store, dict) and isinstance(store.get("recipe"), dict) and "variant" in store:
            yield from (f"stores.{name}: {problem}" for problem in stage_recipes.problems(store["recipe"]))
        else:
            yield f"stores.{name} is {store!r}, expected an object with `variant` and `recipe`"
