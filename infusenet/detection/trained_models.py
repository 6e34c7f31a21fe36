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
from infusenet.errors import InputError, raise_all
from infusenet.hashing import canonical, digest, file_digest
from infusenet.json_notes import fits, read_note
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


def load_model(path: Path | str, device: str = "cpu", magnifier: Path | None = None) -> TrainedModel:
    """The trained model of a run folder.

    Parameters
    ----------
    path : a run folder, such as results/infusenet_resnet18/samm/seed0
    device : {"auto", "cpu", "cuda"}
        Torch is set as in training, so that the same inputs give the same bits.
    magnifier : the file of the magnifier that the recipe names, where it is not one of this package

    Raises
    ------
    InputError
        No finished training in ``path``; a recipe of another version or revision than this package's; stores that do
        not tell the recipe of their faces, or tell several; a magnifier that is not here.
    """
    path = Path(path)
    state, facts = run_folder.load_weights(path)
    return _model(path, state, facts, device, magnifier, _on_standins(path, facts), None)


def load_models(
    paths: Sequence[Path | str], device: str = "cpu", magnifier: Path | None = None
) -> list[TrainedModel]:
    """The trained models of run folders, in order, which can score together (`check_alike`).

    Parameters and errors are those of `load_model`.
    """
    models = [load_model(path, device, magnifier) for path in paths]
    check_alike(models)
    return models


def check_alike(models: Sequence[TrainedModel]) -> None:
    """Raise InputError where models cannot score together: where their recipes or their faces' recipes differ."""
    first, *others = models
    raise_all(
        (
            f"{model.path}: {name} of another recipe than in {first.path}"
            for model in others
            for name, value in _recipes(model).items()
            if value != _recipes(first).get(name)
        ),
        "models of different recipes; give folds or seeds of one method",
    )


def _recipes(model: TrainedModel) -> dict[str, dict]:
    """The recipes by name, without what depends on the machine."""
    recipe = model.recipe.as_dict()
    settings = {key: value for key, value in recipe.items() if key not in ("stores", "threads", "magnifier")}
    if "weights_sha256" in settings:
        del settings["weights"]
    return {recipe["method"]: settings, "faces": model.faces.as_dict(), **recipe["stores"]}


def _model(
    path: Path,
    state: dict[str, torch.Tensor],
    facts: dict,
    device: str,
    magnifier: Path | None,
    on_standins: bool | None,
    card: dict | None,
) -> TrainedModel:
    recipe = run_folder.recipe_of(path, facts)
    if not fits(facts, FACTS):
        raise InputError(f"{path}: no facts of the stores that it was trained on; train this run again")
    faces = _faces_recipe(path, facts["stores"], recipe)
    stages = [faces, *(store.recipe for store in recipe.stores.values())]
    raise_all(
        _other_revisions(recipe, stages), f"{path}: made by another version of the code; use that version"
    )
    model, place = network(recipe, state, path), devices.start(device, recipe.threads)
    return TrainedModel(
        path,
        f"{method(recipe.method).title}, {facts['held_out']} held out, seed {facts['seed']}",
        facts,
        recipe,
        faces,
        devices.place(model, place),
        _magnifier(path, stages, magnifier),
        on_standins,
        {name: _data(stores) for name, stores in facts["stores"].items()},
        card,
        place,
    )


def _faces_recipe(path: Path, databases: dict, recipe: MethodRecipe) -> FacesRecipe:
    """The recipe of the faces that all stores of a training were made from, or are."""
    sources = [store["source"] for stores in databases.values() for store in stores.values()]
    recipes = [source["faces_recipe"] for source in sources if "faces_recipe" in source]
    recipes += [store.recipe.as_dict() for store in recipe.stores.values() if store.recipe.stage == "faces"]
    if not recipes:
        raise InputError(
            f"{path}: its stores do not tell the recipe of their faces, because an older version made them; build "
            "the stores again and train again"
        )
    first = recipes[0]
    raise_all(
        {difference(other, first, between=" and ") for other in recipes if other != first},
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


def _magnifier(path: Path, stages: Sequence[StageRecipe], file: Path | None) -> Path | None:
    """The magnifier that the latents' recipe names: ``file``, or one of this package."""
    named = {stage.weights for stage in stages if stage.stage == "latents"}
    if not named:
        return None
    (sha256,) = named
    if file and file_digest(file) != sha256:
        raise InputError(
            f"{file}: its sha256 is {file_digest(file)}, expected {sha256}, the magnifier of {path}"
        )
    file = file or stage_recipes.shipped_weights(sha256)
    if file is None:
        raise InputError(
            f"{path}: reads latents of a magnifier with sha256 {sha256}; give its file with --magnifier"
        )
    return Path(file)


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
