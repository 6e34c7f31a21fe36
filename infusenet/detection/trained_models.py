"""Trained models without their databases: the network of a run folder, and all that new footage has to be made with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from infusenet import devices
from infusenet.config import stage_recipes
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.methods import method
from infusenet.config.stage_recipes import FacesRecipe, StageRecipe, difference
from infusenet.detection import model_bundle
from infusenet.detection.model_bundle import is_bundle
from infusenet.errors import InputError, raise_all
from infusenet.hashing import canonical, digest, file_digest
from infusenet.json_notes import fits, read_note
from infusenet.magnifier import load as load_magnifier
from infusenet.store.bundles.archive import INDEX
from infusenet.training import run_folder
from infusenet.training.trained_run import network

# Of the facts of a training, what is read here beside `infusenet.training.run_folder.FACTS`.
FACTS = {"stores": {str: {str: {"content": str, "source": dict}}}}


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with its recipes.

    ``title``: method, held-out database and seed in words. ``facts`` of the training, as in the run's weights.
    ``recipe`` of the method, with those of the stores that it reads; ``faces``: the recipe of the faces behind these
    stores. ``network`` in evaluation mode on ``device``. ``magnifier``: the file of the weights that the latents'
    recipe names, None where no latents are read. ``on_standins``: whether it was trained on synthetic stand-ins; None
    where nothing says so. ``training_databases``: a digest of the clips, windows and frames by database. ``card``: the
    model card of a bundle.
    """

    path: Path
    title: str
    facts: dict
    recipe: MethodRecipe
    faces: FacesRecipe
    network: torch.nn.Module
    magnifier: Path | None
    on_standins: bool | None
    training_databases: dict[str, str]
    card: dict | None
    device: torch.device

    @property
    def recipes(self) -> dict[str, dict]:
        """The settings of the method, and the recipes of the faces and of the stores, by name; without what depends on
        the machine."""
        recipe = self.recipe.as_dict()
        machine = {"threads", "magnifier", *(["weights"] if "weights_sha256" in recipe else [])}
        settings = {name: value for name, value in recipe.items() if name not in ("stores", *machine)}
        return {recipe["method"]: settings, "faces": self.faces.as_dict(), **recipe["stores"]}


def load_model(path: Path | str, device: str = "cpu", magnifier: Path | None = None) -> TrainedModel:
    """The one trained model of a run folder or of a model bundle; parameters and errors as those of `load_models`."""
    models = load_models([path], device, magnifier)
    if len(models) > 1:
        raise InputError(f"{path}: a bundle of {len(models)} models, expected one; use load_models")
    return models[0]


def load_models(
    paths: Sequence[Path | str], device: str = "cpu", magnifier: Path | None = None
) -> list[TrainedModel]:
    """The trained models of run folders and model bundles, in order, which can score together (`check_alike`).

    Parameters
    ----------
    paths : run folders, such as results/infusenet_resnet18/samm/seed0, and bundles: a ``.tar`` or its folder
    device : {"auto", "cpu", "cuda"}
        Torch is set as in training, so that the same inputs give the same bits.
    magnifier : the file of the magnifier that the recipes of run folders name, where it is not one of this package

    Raises
    ------
    InputError
        No finished training in a folder; a bundle that is damaged or holds something else; a recipe of another version
        or revision than this package's; stores that do not tell the recipe of their faces, or tell several; a
        magnifier that is not here; recipes that differ.
    """
    models = []
    for path in map(Path, paths):
        models += _of_bundle(path, device) if is_bundle(path) else [_of_run(path, device, magnifier)]
    check_alike(models)
    return models


def check_alike(models: Sequence[TrainedModel]) -> None:
    """Raise InputError where models cannot score together: where their recipes or their faces' recipes differ."""
    first, *others = models
    raise_all(
        (
            f"{model.path}: {name} of another recipe than in {first.path}"
            for model in others
            for name, value in model.recipes.items()
            if value != first.recipes.get(name)
        ),
        "models of different recipes; give folds or seeds of one method",
    )


def _of_run(path: Path, device: str, magnifier: Path | None) -> TrainedModel:
    state, facts = run_folder.load_weights(path)
    recipe, faces = _recipes_of(path, facts)
    sha256 = latents_magnifier(recipe)
    if sha256 and magnifier and (actual := file_digest(magnifier)) != sha256:
        raise InputError(f"{magnifier}: its sha256 is {actual}, expected {sha256}, the magnifier of {path}")
    file = (magnifier or stage_recipes.shipped_weights(sha256)) if sha256 else None
    if sha256 and file is None:
        raise InputError(
            f"{path}: it reads latents of a magnifier with sha256 {sha256}; give its file with --magnifier"
        )
    return _model(path, state, facts, recipe, faces, file, _on_standins(path, facts), None, device)


def _of_bundle(path: Path, device: str) -> Iterator[TrainedModel]:
    with model_bundle.folder_of(path) as folder:
        index, card = model_bundle.checked(folder)
        magnifier = folder / model_bundle.MAGNIFIER if index["magnifier"] else None
        if magnifier:
            load_magnifier(magnifier)
        for name in index["models"]:
            state, facts = run_folder.read_weights(folder / name, "get the bundle again")
            recipe, faces = _recipes_of(path, facts)
            model = _model(path, state, facts, recipe, faces, magnifier, index["standins"], card, device)
            raise_all(_unlike(index, name, model), f"{path}: not what {INDEX} says; get the bundle again")
            yield model


def _unlike(index: dict, name: str, model: TrainedModel) -> Iterator[str]:
    if name != model_bundle.weights_name(model.facts["held_out"], model.facts["seed"]):
        yield f"{name} is of another held-out database or seed"
    if model.recipes != index["recipes"]:
        yield f"{name} has other recipes"
    if index["magnifier"] != (sha256 := latents_magnifier(model.recipe)):
        yield f"{name} reads latents of the magnifier {sha256}"


def _recipes_of(path: Path, facts: dict) -> tuple[MethodRecipe, FacesRecipe]:
    """The recipe of a training and that of its faces, of this version's code."""
    recipe = run_folder.recipe_of(path, facts)
    if not fits(facts, FACTS) or not all(map(_is_source, _sources(facts["stores"]))):
        raise InputError(f"{path}: no facts of the data that it was trained on; train this run again")
    faces = _faces_recipe(path, facts["stores"], recipe)
    stages = [faces, *(store.recipe for store in recipe.stores.values())]
    raise_all(
        _other_revisions(recipe, stages), f"{path}: made by another version of the code; use that version"
    )
    return recipe, faces


def _model(
    path: Path,
    state: dict[str, torch.Tensor],
    facts: dict,
    recipe: MethodRecipe,
    faces: FacesRecipe,
    magnifier: Path | None,
    on_standins: bool | None,
    card: dict | None,
    device: str,
) -> TrainedModel:
    title = f"{method(recipe.method).title}, {facts['held_out']} held out, seed {facts['seed']}"
    databases = {name: _data(stores) for name, stores in facts["stores"].items()}
    model, place = network(recipe, state, path), devices.start(device, recipe.threads)
    return TrainedModel(
        path,
        title,
        facts,
        recipe,
        faces,
        devices.place(model, place),
        magnifier,
        on_standins,
        databases,
        card,
        place,
    )


def _sources(databases: dict) -> list[dict]:
    return [store["source"] for stores in databases.values() for store in stores.values()]


def _is_source(source: dict) -> bool:
    """Whether the two values that are read of a store's source have their types, where it has them."""
    return isinstance(source.get("faces_recipe", {}), dict) and isinstance(source.get("data"), str | None)


def _faces_recipe(path: Path, databases: dict, recipe: MethodRecipe) -> FacesRecipe:
    """The recipe of the faces that all stores of a training were made from, or are."""
    recipes = [source["faces_recipe"] for source in _sources(databases) if "faces_recipe" in source]
    recipes += [store.recipe.as_dict() for store in recipe.stores.values() if store.recipe.stage == "faces"]
    if not recipes:
        raise InputError(
            f"{path}: its stores do not tell the recipe of their faces, because an older version made them; build "
            "the stores again and train again"
        )
    first = recipes[0]
    raise_all(
        {difference(other, first, between=" and") for other in recipes if other != first},
        f"{path}: its stores were made from faces of different recipes; build them again and train again",
    )
    return stage_recipes.from_dict(first, path)


def _other_revisions(recipe: MethodRecipe, stages: Sequence[StageRecipe]) -> Iterator[str]:
    revision = method(recipe.method).recipe["revision"]
    if recipe.revision != revision:
        yield f"revision {recipe.revision} of {recipe.method}, here {revision}"
    for stage in stages:
        settings = stage_recipes.settings_of(stage.as_dict())
        if stage.revision != (revision := stage_recipes.current_revision(stage.stage, settings)):
            yield f"revision {stage.revision} of {stage.stage}, here {revision}"


def latents_magnifier(recipe: MethodRecipe) -> str | None:
    """The sha256 of the magnifier behind the latents that a method reads; None where it reads none."""
    named = {store.recipe.weights for store in recipe.stores.values() if store.recipe.stage == "latents"}
    return named.pop() if named else None


def _on_standins(run: Path, facts: dict) -> bool | None:
    """Whether a run's ``run.json`` says that no real database was used; None where nothing was predicted."""
    if not (run / "run.json").is_file():
        return None
    predicted = read_note(run / "run.json", {}) or {}
    if canonical({name: predicted.get(name) for name in facts}) != canonical(facts):
        raise InputError(
            f"{run / 'run.json'}: not of the training in weights.safetensors; predict this run again"
        )
    return predicted.get("standins") is True


def _data(stores: dict) -> str:
    """A digest of a database's clips, windows and frames; of older stores, which note none, of their contents."""
    noted = {store["source"].get("data") for store in stores.values()}
    return (
        noted.pop()
        if len(noted) == 1 and None not in noted
        else digest([s["content"] for s in stores.values()])
    )
