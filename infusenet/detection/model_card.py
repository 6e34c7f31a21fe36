"""The card of shared models: how they were trained, their F1 on databases that they have not seen, what they are not for."""

from collections.abc import Iterator, Sequence

import numpy as np

from infusenet import __version__
from infusenet.config.methods import method
from infusenet.detection.model_bundle import weights_name
from infusenet.detection.model_words import CAUTIONS
from infusenet.detection.trained_models import TrainedModel
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_runs
from infusenet.evaluation.markdown_latex import Grid
from infusenet.evaluation.metrics import AU_NAMES
from infusenet.evaluation.protocol_label import protocol
from infusenet.json_notes import fits
from infusenet.report.comparisons import EVERY_AU, of_a_score
from infusenet.report.paper_runs import DRAWS, Results

# Of the facts of a training, what is read here alone.
FACTS = {"n_train": int, "labels": str}
NOT_FOR = (
    "Decisions about a person: hiring, schooling, insurance, policing, border control, credibility, diagnosis. An Action "
    "Unit is a movement of the face and neither a feeling nor an intention.",
    "Footage unlike that of the training databases: micro-expressions of people in a laboratory, frontal, in even light, "
    "at 30 to 200 frames per second. The figures say nothing about other footage, ages, skins or head poses.",
    "Long, strong or posed expressions. The figures are of onsets and apexes that coders set; expect less where "
    "`infusenet detect --spot` finds them.",
)
NO_LICENCE = (
    "**To be filled in by the lab that shares these models** (`infusenet model export --licence`). Until then they may "
    "not be passed on: the agreements of the training databases may bind what is derived from them."
)


def card(models: Sequence[TrainedModel], on_standins: bool, licence: str | None) -> dict:
    """The model card of run folders as JSON values.

    ``figures`` are of the runs with predictions: F1 of each held-out database, its mean over the seeds, with the 95 %
    interval over draws of subjects (`infusenet.report.paper_runs.Results.contrast`), cut to [0, 1]: of each Action
    Unit and of their average.

    Raises
    ------
    InputError
        Facts without labels, predictions that are cut, or whose seeds scored different clips.
    """
    scored = [model for model in models if (model.path / "predictions.csv").is_file()]
    held_out = dict.fromkeys(model.facts["held_out"] for model in scored)
    folds = [read_runs([m.path for m in scored if m.facts["held_out"] == name]) for name in held_out]
    return {
        "title": method(models[0].recipe.method).title,
        "method": models[0].recipe.method,
        "package": __version__,
        "standins": on_standins,
        "models": [_training(model) for model in models],
        "protocol": protocol([fold for group in folds for fold in group]).column if folds else None,
        "figures": [_figures(Results(group)) for group in folds],
        "not_for": [*([CAUTIONS[True]] if on_standins else []), *NOT_FOR],
        "licence": licence,
    }


def _training(model: TrainedModel) -> dict:
    facts, databases = model.facts, model.training_databases
    if not fits(facts, FACTS):
        raise InputError(f"{model.path}: no facts of its training clips and labels; train this run again")
    return {
        "file": weights_name(facts["held_out"], facts["seed"]),
        "held_out": facts["held_out"],
        "seed": facts["seed"],
        "clips": facts["n_train"],
        "labels": facts["labels"],
        "databases": databases,
    }


def _figures(results: Results) -> dict:
    """F1 of one method on one held-out database."""
    system, seeds = next(iter(results.decisions.items()))  # the method by its scored head
    (labels,), (subjects,) = results.labels, results.subjects
    weights = dict(zip(AU_NAMES, np.eye(len(AU_NAMES)), strict=True)) | {"average": EVERY_AU}
    scores = {}
    for name, aus in weights.items():
        score = of_a_score(results.contrast({system: 1.0}, aus, "pooled"))
        scores[name] = {"f1": _rounded(score.value), "low": _rounded(score.low), "high": _rounded(score.high)}
    for name, count in zip(AU_NAMES, labels.sum(0), strict=True):
        scores[name]["positives"] = int(count)
    return {
        "held_out": results.databases[0],
        "seeds": sorted(seeds),
        "clips": len(labels),
        "subjects": int(subjects.max()) + 1,
        "f1": scores,
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)


def card_text(card: dict) -> str:
    """The model card in Markdown."""
    return "\n\n".join(_parts(card)) + "\n"


def _parts(card: dict) -> Iterator[str]:
    yield f"# Model card: {card['title']}"
    if card["standins"]:
        yield f"**{CAUTIONS[True]}**"
    yield (
        f"`{card['method']}` of infusenet {card['package']}, {len(card['models'])} trained "
        f"{'model' if len(card['models']) == 1 else 'models'}. Each gives a logit per clip and Action Unit "
        f"({', '.join(AU_NAMES)}) from the onset, the apex and the frames after it; above 0, the Action Unit is found."
    )
    yield "## Training"
    rows = [
        [m["file"], m["held_out"], m["seed"], m["clips"], ", ".join(m["databases"])] for m in card["models"]
    ]
    yield Grid("", ["weights", "held out", "seed", "clips", "databases"], rows).markdown()
    digests = dict.fromkeys(pair for model in card["models"] for pair in model["databases"].items())
    yield Grid(
        "", ["database", "digest of its clips, windows and frames"], list(map(list, digests))
    ).markdown()
    yield "## F1 on the held-out databases"
    yield from _figure_parts(card) if card["figures"] else ["Not measured: no run had predictions."]
    yield "## Not for"
    yield "\n".join(f"- {line}" for line in card["not_for"])
    yield "## Licence"
    yield card["licence"] or NO_LICENCE


def _figure_parts(card: dict) -> Iterator[str]:
    figures = card["figures"]
    yield f"Protocol: {card['protocol']}."
    rows = [
        [f["held_out"], len(f["seeds"]), f["clips"], f["subjects"], cell(f["f1"]["average"])] for f in figures
    ]
    yield Grid("", ["held out", "seeds", "clips", "subjects", "F1, average of the 12 AUs"], rows).markdown()
    rows = [
        [name, *(f"{cell(f['f1'][name])}, {f['f1'][name]['positives']}" for f in figures)]
        for name in AU_NAMES
    ]
    yield Grid("", ["F1, positive clips", *(f["held_out"] for f in figures)], rows).markdown()
    yield (
        f"F1 is the mean over seeds. In brackets: 95 % interval, {DRAWS:,} bootstrap draws of subjects, cut to [0, 1]; it "
        "covers people like those of that database, and no others. An Action Unit without a positive clip counts as 0."
    )


def cell(score: dict) -> str:
    """F1 with its interval."""
    return f"{score['f1']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
