"""Trained models for other people: write the bundle of some run folders, take one in, and describe either."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save

from infusenet.detection import model_bundle, model_card, model_words
from infusenet.detection.model_bundle import CARD, CARD_TEXT, MAGNIFIER, MODEL_BUNDLE, is_bundle, weights_name
from infusenet.detection.trained_models import TrainedModel, latents_magnifier, load_models
from infusenet.errors import InputError, raise_all
from infusenet.files import folder_aside
from infusenet.hashing import canonical
from infusenet.magnifier import load as load_magnifier
from infusenet.store.bundles import archive
from infusenet.texts import aligned, visible
from infusenet.training import run_folder


def export_models(
    runs: Sequence[Path],
    output: Path,
    *,
    licence: str | None = None,
    magnifier: Path | None = None,
    standins: bool = False,
) -> None:
    """Write the bundle of some folds or seeds of one method: a folder or, where ``output`` ends so, a ``.tar``.

    The same runs in any order give the same bytes.

    Parameters
    ----------
    licence : the note of the model card; without it the card has a place to fill in
    magnifier : the file of the magnifier that the recipe names, where it is not one of this package
    standins : the models were trained on stand-ins, whatever ``run.json`` says

    Raises
    ------
    InputError
        ``output`` exists; errors of `load_models`; two runs of one held-out database and seed; runs of which nothing
        says whether they were trained on stand-ins, or of which some were.
    """
    if output.exists():
        raise InputError(f"{output} exists; remove it or give another name")
    raise_all((f"{run} is a bundle" for run in runs if is_bundle(run)), "expected run folders")
    models = sorted(
        load_models(runs, magnifier=magnifier), key=lambda m: (m.facts["held_out"], m.facts["seed"])
    )
    names = [weights_name(model.facts["held_out"], model.facts["seed"]) for model in models]
    raise_all(
        (f"{count} runs of {name}" for name, count in Counter(names).items() if count > 1),
        "expected one run of each held-out database and seed",
    )
    on_standins = standins or _on_standins(models)
    card = model_card.card(models, on_standins, licence)
    contents: dict[str, Path | bytes] = {
        CARD: f"{canonical(card)}\n".encode(),
        CARD_TEXT: model_card.card_text(card).encode(),
        **{name: _weights(model) for name, model in zip(names, models, strict=True)},
    }
    sha256 = None
    if file := models[0].magnifier:
        sha256 = latents_magnifier(models[0].recipe)
        contents[MAGNIFIER] = (
            file if file.suffix == ".safetensors" else save(load_magnifier(file).state_dict())
        )
    facts = {"models": names, "standins": on_standins, "recipes": models[0].recipes, "magnifier": sha256}
    archive.write(MODEL_BUNDLE, output, contents, facts)


def _on_standins(models: Sequence[TrainedModel]) -> bool:
    raise_all(
        (str(model.path) for model in models if model.on_standins is None),
        "nothing says whether these runs were trained on synthetic stand-ins; run `infusenet predict` on them, or, if "
        "they were, give --standins",
    )
    on_standins = {model.on_standins for model in models}
    if len(on_standins) > 1:
        raise InputError(
            "some of the runs were trained on synthetic stand-ins and some not; export them apart"
        )
    return on_standins.pop()


def _weights(model: TrainedModel) -> Path | bytes:
    """The file of a run's weights; where its recipe names files, one without their folders."""
    files = {
        name: Path(model.facts["recipe"][name]).name
        for name, sha256 in (("weights", "weights_sha256"), ("magnifier", "magnifier_sha256"))
        if sha256 in model.facts["recipe"]
    }
    path = model.path / "weights.safetensors"
    if not files:
        return path
    state, facts = run_folder.load_weights(model.path)
    return save(state, metadata={"infusenet": canonical(facts | {"recipe": facts["recipe"] | files})})


def import_models(bundle: Path, output: Path) -> list[TrainedModel]:
    """The models of a bundle, after every check; a ``.tar`` is unpacked into the folder ``output``.

    Raises
    ------
    InputError
        ``output`` exists, or all that is wrong with the bundle (`load_models`).
    """
    if not is_bundle(bundle):
        raise InputError(f"{bundle}: expected a bundle, a .tar or its folder with {archive.INDEX}")
    if bundle.is_dir():
        return load_models([bundle])
    if output.exists():
        raise InputError(f"{output} exists; remove it or give another name")
    models = load_models([bundle])
    with archive.opened(MODEL_BUNDLE, bundle) as (_, unpack), folder_aside(output) as temporary:
        unpack(temporary)
        model_bundle.checked(temporary)
    return models


def describe(path: Path, magnifier: Path | None = None) -> str:
    """A run folder or a bundle in aligned lines: models, training databases, recipes, figures, licence.

    Raises
    ------
    InputError
        Errors of `load_models`.
    """
    models = load_models([path], magnifier=magnifier)
    first = models[0]
    lines: dict[str, object] = {
        "models": str(path),
        "trained on": model_words.origin(models),
        **({"caution": words} if (words := model_words.caution(models)) else {}),
        "heads": f"{', '.join(first.network.heads)}; the first is scored",
        "magnifier": first.magnifier.name if first.magnifier else "none",
    }
    for number, model in enumerate(models, 1):
        lines[f"model {number}"] = model.title
    for name in dict.fromkeys(name for model in models for name in model.training_databases):
        digests = dict.fromkeys(model.training_databases.get(name) for model in models)
        lines[f"database {name}"] = ", ".join(filter(None, digests))
    for name, recipe in first.recipes.items():
        settings = recipe["recipe"] if "variant" in recipe else recipe
        lines[f"recipe {name}"] = ", ".join(
            f"{key} {value}" for key, value in settings.items() if key != "stage"
        )
    for figure in first.card["figures"] if first.card else ():
        score = model_card.cell(figure["f1"]["average"])
        lines[f"F1 on {figure['held_out']}"] = f"{score}, {figure['clips']} clips"
    if first.card:
        lines["licence"] = first.card["licence"] or "not filled in by the lab that shares it"
    return aligned({visible(name): visible(str(value)) for name, value in lines.items()})
