"""The area of the class activation maps of all clips: the measure of figure 5's "smaller activation"."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from infusenet.csv_tables import csv_text
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.protocol_label import protocol
from infusenet.files import write_if_changed
from infusenet.protocol import AUS
from infusenet.report.activation_table import COLUMNS
from infusenet.report.figure5 import SYSTEMS
from infusenet.report.figure_inputs import by_database, split
from infusenet.report.gradcam import cam, cam_layers, resolving_block
from infusenet.training.trained_run import restore

HALF = 0.5


def activation(paths: Sequence[Path], stores: Path, manifests: Path, output: Path) -> None:
    """Write ``activation.csv``: one row per method of figure 5, clip and AU that the clip is labelled with.

    ``area`` is `area` of the map that figure 5 would draw (`infusenet.report.gradcam`), of the network that
    held the clip's database out; empty where the map is empty, because no place supports the AU. Of several
    seeds the lowest. Arguments and errors as for `infusenet.report.figure5.figure5`.
    """
    rows, folds = [], []
    for method in SYSTEMS.values():
        for database, run in by_database(paths, method).items():
            fold, trained = read_run(run), restore(run, stores, manifests)
            folds.append(fold)
            layers = cam_layers(trained.model, resolving_block(trained.recipe.size))
            for clip, labels in zip(
                tqdm(fold.clips, f"{method}, {database}", unit="clip", disable=None), fold.labels, strict=True
            ):
                key = split(clip, [database])[1]
                inputs = trained.inputs(key) if labels.any() else {}
                for au in np.array(AUS)[labels == 1]:
                    share = area(cam(trained.model, inputs, int(au), layers, trained.recipe.size))
                    rows.append([method, fold.seed, database, *key.split("/"), f"AU{au}", share])
    column = protocol(folds).column
    write_if_changed(Path(output), csv_text(COLUMNS, ([*row, column] for row in rows)))


def area(activation_map: np.ndarray) -> float | None:
    """The share of a map (S, S) in [0, 1] that exceeds half of its maximum; None for an empty map."""
    return float((activation_map > HALF * activation_map.max()).mean()) if activation_map.any() else None
