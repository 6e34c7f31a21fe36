"""Sentences on methods whose folds were trained on different devices or in different precisions."""

from collections.abc import Sequence


def machine_notes(folds: Sequence) -> list[str]:
    """One sentence per method whose `infusenet.evaluation.evaluate.Fold`s differ in device or precision.

    Their last bits differ, and between precisions more than that; a run of an older version noted no precision,
    because it had float32 alone.
    """
    places: dict[str, dict[str, list[str]]] = {}
    for fold in folds:
        place = f"{fold.facts.get('device', 'an unknown device')}, {fold.facts.get('precision', 'float32')}"
        run = f"{fold.held_out} (seed {fold.seed})"
        places.setdefault(fold.method, {}).setdefault(place, []).append(run)
    return [
        f"`{method}` was trained on different devices or in different precisions: "
        + "; ".join(f"{place}: without {', '.join(runs)}" for place, runs in sorted(groups.items()))
        + "."
        for method, groups in sorted(places.items())
        if len(groups) > 1
    ]
