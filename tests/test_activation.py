"""The areas of class activation maps: what is measured, of which clips, and what an empty map counts."""

import csv

import numpy as np
import pytest
from narrow import narrow_resnets
from synthetic import RECIPES, write_database
from untrained import LATENTS, write_run

from infusenet import cli
from infusenet.evaluation.evaluate import read_run
from infusenet.protocol import AUS
from infusenet.report import activation
from infusenet.report.figure5 import SYSTEMS
from infusenet.report.gradcam import cam, cam_layers, resolving_block
from infusenet.training.trained_run import restore


def test_an_area_is_the_share_above_half_of_the_maximum():
    ramp = np.tile(np.linspace(0, 1, 101), (4, 1))
    assert activation.area(ramp) == 50 / 101
    assert activation.area(ramp / 4) == 50 / 101, "of the map's own maximum"
    assert activation.area(np.zeros((4, 4))) is None


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two databases and narrow networks that held them out; networks are narrow until the last test."""
    root = tmp_path_factory.mktemp("activation")
    with narrow_resnets():
        for database in ("alpha", "beta"):
            write_database(root, database, recipes=RECIPES | {"latents": LATENTS})
            for method in SYSTEMS.values():
                write_run(root, method, database)
        yield root


def test_every_label_of_every_clip_is_measured_without_faces(root, tmp_path):
    runs = sorted(root.glob("results/*/*/seed0"))
    places = ["--stores", str(root / "cache"), "--manifests", str(root / "manifests")]
    output = ["--output", str(tmp_path)]
    assert cli.main(["report", "activation", *map(str, runs), *places, *output]) == 0
    with open(tmp_path / "activation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = set()
    for run in runs:
        fold = read_run(run)
        for name, labels in zip(fold.clips, fold.labels, strict=True):
            expected |= {(fold.method, name, f"AU{n}") for n, label in zip(AUS, labels, strict=True) if label}
    names = [(r["method"], f"{r['database']}/{r['subject']}/{r['clip']}", r["au"]) for r in rows]
    assert len(names) == len(set(names))
    assert set(names) == expected
    row = next(row for row in rows if row["method"] == "resnet18_mag" and row["area"])
    trained = restore(
        root / f"results/resnet18_mag/{row['database']}/seed0", root / "cache", root / "manifests"
    )
    layers = cam_layers(trained.model, resolving_block(trained.recipe.size))
    inputs = trained.inputs(f"{row['subject']}/{row['clip']}")
    found = cam(trained.model, inputs, int(row["au"][2:]), layers, trained.recipe.size)
    assert float(row["area"]) == pytest.approx((found > 0.5).mean())
    assert cli.main(["report", "activation", *map(str, runs), *output]) == 1, "it needs stores and manifests"
