"""Find the first difference of two runs, from the data to the metric.

It reads only ``run.json`` and ``predictions.csv`` of the run folders: neither frames nor stores are needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infusenet.config.stage_recipes import difference
from infusenet.errors import InputError
from infusenet.evaluation import metrics
from infusenet.evaluation.evaluate import Fold, read_run, remark_unchecked
from infusenet.protocol import AUS

# Not compared as settings: files are compared by their content, and threads belong to the machine.
NOT_COMPARED = ("stores", "threads", "weights", "magnifier")


@dataclass(frozen=True)
class Comparison:
    """``same``: the steps without a difference; ``step`` and ``text``: the first difference, ``step`` is empty
    where there is none."""

    same: list[str]
    step: str
    text: str


def compare(a: Path, b: Path) -> Comparison:
    """Walk two predicted runs: data, faces, flow, latents, split, recipe, seed, metric.

    Before the split, only databases that both runs read are compared. A stage differs where its values
    differ: equal values that other versions computed are no difference.

    Raises
    ------
    InputError
        A run without predictions, or a run of an older version, whose run.json holds too little.
    """
    folds = [read_run(Path(run)) for run in (a, b)]
    remark_unchecked(folds)
    for fold in folds:
        if not all(
            isinstance(entry, dict) for stores in stores_of(fold).values() for entry in stores.values()
        ):
            raise InputError(
                f"{fold.path}: an older version noted too little in run.json; train this run again"
            )
    same = []
    for step, differences in STEPS.items():
        text = next(differences(*folds), "")
        if text:
            return Comparison(same, step, text)
        same.append(step)
    return Comparison(same, "", _outcome(*folds))


def stores_of(fold: Fold) -> dict[str, dict[str, dict]]:
    """{database: {input: identity of its store}}, of training and scoring."""
    return fold.facts["stores"] | {fold.held_out: fold.facts["predicted"]["stores"]}


def data_differences(a: Fold, b: Fold) -> Iterator[str]:
    """Clips, training labels and scored labels."""
    standins = [bool(fold.facts.get("standins")) for fold in (a, b)]
    if standins[0] != standins[1]:
        yield f"{'A' if standins[0] else 'B'} was trained on stand-ins, the other run on real databases"
    for database, left, right in _both(a, b):
        first = [next(iter(stores.values())) for stores in (left, right)]
        digests = [entry["source"].get("data") for entry in first]
        if all(digests) and digests[0] != digests[1]:
            counts = [entry["clips"] for entry in first]
            yield (
                f"{database}: frames, onset, apex or offset differ (digests {_short(*digests)}; "
                f"{counts[0]} clips in A and {counts[1]} in B)"
            )
    counts = [fold.facts["label_counts"] for fold in (a, b)]
    if _split(a) == _split(b) and a.facts["labels"] != b.facts["labels"]:
        text = difference(*counts, " in A and") or "the same number of each AU, on other clips"
        yield f"training labels: {text}"
    if a.clips == b.clips and (a.labels != b.labels).any():
        clip, au = np.argwhere(a.labels != b.labels)[0]
        rows = (a.labels != b.labels).any(1).sum()
        yield (
            f"labels of {rows} of {len(a.clips)} scored clips, first {a.clips[clip]}: "
            f"AU{AUS[au]} is {a.labels[clip, au]} in A and {b.labels[clip, au]} in B"
        )


def faces_differences(a: Fold, b: Fold) -> Iterator[str]:
    """Recipes, left-out clips and crops of the faces."""
    for database, left, right in _both(a, b):
        recipes = [
            next(iter(stores.values()))["source"].get("faces_recipe") or {} for stores in (left, right)
        ]
        if all(recipes) and recipes[0] != recipes[1]:
            yield f"{database}: {difference(*recipes, ' in A and')} in B"
        left_out = [set(_left_out(fold, database)) for fold in (a, b)]
        for run, extra in zip("AB", _extras(*left_out), strict=True):
            if extra:
                yield f"{database}: {len(extra)} clips were left out of {run} alone, first {min(extra)}"
    yield from _stage_differences("faces")(a, b)


def _stage_differences(stage: str) -> Callable[[Fold, Fold], Iterator[str]]:
    """Recipe, clips and values of the inputs that both runs read from stores of ``stage``."""

    def differences(a: Fold, b: Fold) -> Iterator[str]:
        declared = [fold.facts["recipe"]["stores"] for fold in (a, b)]
        names = [
            name
            for name in declared[0]
            if name in declared[1] and stage in {side[name]["recipe"]["stage"] for side in declared}
        ]
        for name in names:
            recipes = [side[name]["recipe"] for side in declared]
            if recipes[0] != recipes[1]:
                yield f"{difference(*recipes, ' in A and')} in B"
        for database, left, right in _both(a, b):
            for name in names:
                yield from _contents(f"{database}, {name}", left[name], right[name])

    return differences


def _contents(where: str, a: dict, b: dict) -> Iterator[str]:
    if a["clips"] != b["clips"]:
        yield f"{where}: {a['clips']} clips in A and {b['clips']} in B"
    if a["keys"] != b["keys"]:
        yield f"{where}: clips of other names or computed from other data (keys {_short(a['keys'], b['keys'])})"
    if a["content"] != b["content"]:
        crops = [side["source"].get("faces") for side in (a, b)]
        crops_note = " and the crops they were computed from differ too" if crops[0] != crops[1] else ""
        yield (
            f"{where}: other values of the same clips by the same recipe (contents "
            f"{_short(a['content'], b['content'])}){crops_note}; `infusenet store diff` on the two "
            "stores shows which clips differ, and by how much"
        )


def split_differences(a: Fold, b: Fold) -> Iterator[str]:
    """The held-out database, training databases and scored clips."""
    if a.held_out != b.held_out:
        yield f"{a.held_out} is held out in A and {b.held_out} in B"
    names = [set(fold.facts["train_databases"]) for fold in (a, b)]
    for run, extra in zip("AB", _extras(*names), strict=True):
        if extra:
            yield f"only {run} was trained on {', '.join(sorted(extra))}"
    sizes = [fold.facts["n_train"] for fold in (a, b)]
    if sizes[0] != sizes[1]:
        yield f"{sizes[0]} training clips in A and {sizes[1]} in B"
    if a.clips != b.clips:
        extras = _extras(set(a.clips), set(b.clips))
        first = min(extras[0] or extras[1] or [a.clips[0]])
        yield (
            f"scored clips: {len(extras[0])} only in A and {len(extras[1])} only in B, first {first}"
            if any(extras)
            else "the same scored clips in another order"
        )


def recipe_differences(a: Fold, b: Fold) -> Iterator[str]:
    """Settings of the method, its inputs, initial weights and the scoring."""
    settings = [{k: v for k, v in fold.facts["recipe"].items() if k not in NOT_COMPARED} for fold in (a, b)]
    for side, fold in zip(settings, (a, b), strict=True):
        side |= {"initial weights": fold.facts["initial_weights"]}
        side |= {"predict --all-candidates": bool(fold.facts["predicted"].get("all_candidates"))}
        side |= {f"input {n}": f"yes ({s['variant']})" for n, s in fold.facts["recipe"]["stores"].items()}
    if settings[0] != settings[1]:
        yield f"{difference(*settings, ' in A and')} in B"


def seed_differences(a: Fold, b: Fold) -> Iterator[str]:
    """The seed."""
    if a.seed != b.seed:
        yield f"seed {a.seed} in A and {b.seed} in B"


def metric_differences(a: Fold, b: Fold) -> Iterator[str]:
    """F1 and logits."""
    apart = [float(np.abs(a.logits[head] - b.logits[head]).max()) for head in a.heads]
    if not any(apart):
        return
    scores = [metrics.f1(fold.labels, metrics.positive(fold.score)) for fold in (a, b)]
    most = int(np.abs(scores[0] - scores[1]).argmax())
    flipped = int((metrics.positive(a.score) != metrics.positive(b.score)).sum())
    yield (
        f"mean F1 is {scores[0].mean():.4f} in A and {scores[1].mean():.4f} in B (most apart: "
        f"AU{AUS[most]}, {scores[0][most]:.4f} and {scores[1][most]:.4f}); {flipped} of {a.labels.size} "
        f"decisions differ, logits by at most {max(apart):.4g}{_machines(a, b)}"
    )


# Every step yields its differences, and the first one is reported; the order is that of the pipeline.
STEPS = {
    "data": data_differences,
    "faces": faces_differences,
    "flow": _stage_differences("flow"),
    "latents": _stage_differences("latents"),
    "split": split_differences,
    "recipe": recipe_differences,
    "seed": seed_differences,
    "metric": metric_differences,
}


def _outcome(a: Fold, b: Fold) -> str:
    score = metrics.f1(a.labels, metrics.positive(a.score)).mean()
    return f"every logit of {len(a.clips)} clips is the same, mean F1 {score:.4f}{_machines(a, b)}"


def _machines(a: Fold, b: Fold) -> str:
    """Differences of the environments: they are no difference of the runs, but may explain one."""
    texts = []
    for when, facts in (("trained", [a.facts, b.facts]), ("scored", [f.facts["predicted"] for f in (a, b)])):
        # An older version noted no precision: it had float32 alone.
        sides = [{"precision": "float32"} | side for side in facts]
        names = ("device", "precision", "threads", "cpu_capability")
        flat = [{name: side[name] for name in names} | side["versions"] for side in sides]
        if flat[0] != flat[1]:
            texts.append(f"{when} where {difference(*flat, ' in A and')} in B")
    return f"; {', '.join(texts)}" if texts else ""


def _extras(a: set[str], b: set[str]) -> tuple[set[str], set[str]]:
    """The members of each set that the other set lacks."""
    return a - b, b - a


def _both(a: Fold, b: Fold) -> Iterator[tuple[str, dict, dict]]:
    left, right = stores_of(a), stores_of(b)
    for database in sorted(left.keys() & right.keys()):
        yield database, left[database], right[database]


def _left_out(fold: Fold, database: str) -> list[str]:
    lines = [*fold.facts["left_out"], *fold.facts["predicted"]["left_out"]]
    return [line.split(": ")[0] for line in lines if line.startswith(f"{database} ")]


def _split(fold: Fold) -> tuple:
    return fold.held_out, fold.facts["train_databases"], fold.facts["n_train"]


def _short(a: str, b: str) -> str:
    return f"{a[:12]} and {b[:12]}"
