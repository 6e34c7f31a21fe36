"""Sentences on folds that differ in what a table cannot show: the machine of a training, and how clips were scored."""

from collections.abc import Callable, Iterator, Sequence

ONE, ALL = "one pseudo-apex candidate, which the seed draws", "the mean over all six pseudo-apex candidates"


def fold_notes(folds: Sequence) -> list[str]:
    """Sentences on differences between `infusenet.evaluation.evaluate.Fold`s.

    One per method whose folds differ in device or precision: their last bits differ, and between precisions more than
    that; a run of an older version noted no precision, because it had float32 alone. Then one where runs are scored by
    `infusenet predict --all-candidates`, which gives other scores than the seed's draw.
    """
    by_method: dict[str, list] = {}
    for fold in folds:
        by_method.setdefault(fold.method, []).append(fold)
    machines = [
        f"`{method}` was trained on different devices or in different precisions: "
        + "; ".join(f"{place}: without {runs}" for place, runs in sorted(groups.items()))
        + "."
        for method, method_folds in sorted(by_method.items())
        if len(groups := _groups(method_folds, _machine)) > 1
    ]
    return machines + list(_scoring_notes(by_method))


def _scoring_notes(by_method: dict[str, list]) -> Iterator[str]:
    drawn = {m: [fold for fold in folds if _has_draw(fold)] for m, folds in sorted(by_method.items())}
    by_scoring: dict[str, list[str]] = {}
    for method, folds in drawn.items():
        for scoring, runs in _groups(folds, _scoring).items():
            by_scoring.setdefault(scoring, []).append(f"`{method}` without {runs}")
    if list(by_scoring) == [ALL]:
        yield f"Clips are scored by {ALL} (`predict --all-candidates`), not by {ONE}, as in the paper."
    elif ALL in by_scoring:
        groups = "; ".join(f"by {scoring}: {', '.join(runs)}" for scoring, runs in sorted(by_scoring.items()))
        yield f"**Runs are scored in two ways, so their figures cannot be compared**: {groups}. Predict again."


def _groups(folds: Sequence, kind: Callable[[object], str]) -> dict[str, str]:
    """The runs of each kind, in words."""
    runs: dict[str, list[str]] = {}
    for fold in folds:
        runs.setdefault(kind(fold), []).append(f"{fold.held_out} (seed {fold.seed})")
    return {name: ", ".join(words) for name, words in runs.items()}


def _machine(fold) -> str:
    return f"{fold.facts.get('device', 'an unknown device')}, {fold.facts.get('precision', 'float32')}"


def _scoring(fold) -> str:
    return ALL if fold.facts.get("predicted", {}).get("all_candidates") else ONE


def _has_draw(fold) -> bool:
    return bool(fold.facts["recipe"].get("pseudo_apex"))
