"""Runs of all methods of the paper with made-up predictions, and other ways to read and to score them."""

import csv

import numpy as np
from predictions import write_run
from sklearn.metrics import f1_score

from infusenet.csv_tables import csv_text
from infusenet.protocol import AUS, CD6ME
from infusenet.report import activation_table
from infusenet.report.tables_and_figures import INFUSENET, TARGETS

METHODS = sorted({method for target in TARGETS.values() for method in target.methods})
MADE = {name: target for name, target in TARGETS.items() if target.function}  # from predictions alone
SEEDS = {INFUSENET: (0, 1), "sssnet": (0, 1, 2)}


def clips_of(database):
    """Unequal, so that a pooled figure is not the folds' mean."""
    return 4 * len(database) - 8


def write_all(root, methods=METHODS, databases=CD6ME, seeds=SEEDS, **facts):
    recipe = {"variant": "tiny_vit_5m", "weights": "imagenet"}
    return [
        write_run(
            root / "r", name, seed, method, noise=1 + 2 * (method != INFUSENET), clips=clips_of(name),
            heads=["fused"] if method == "late_fusion" else ["mag", "flow"],
            recipe=recipe if "vit" in method else {}, **facts,
        )
        for method in methods for name in databases for seed in seeds.get(method, (0,))
    ]  # fmt: skip


def write_areas(runs, folder):
    """FrameFlow's areas are half of the others'; InfuseNet has one empty map."""
    rows = []
    for run in runs:
        method, database, seed = run.parts[-3:]
        if method in TARGETS["activation"].methods and seed == "seed0":
            for line in rows_of(run / "predictions.csv"):
                aus = [f"AU{n}" for n in AUS if line[f"AU{n}"] == "1"]
                area = 0.2 if method == "resnet18_flow" else 0.4
                rows += [[method, 0, database, line["subject"], line["clip"], au, area, ""] for au in aus]
    rows[0][6] = ""
    (folder / "activation.csv").write_text(csv_text(activation_table.COLUMNS, rows))


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def loaded(runs, method, seed):
    """Labels and decisions by database, read from the files in another way."""
    tables = {}
    for run in runs:
        if run.parts[-3] == method and run.name == f"seed{seed}":
            lines = rows_of(run / "predictions.csv")
            labels = np.array([[int(line[f"AU{n}"]) for n in AUS] for line in lines])
            logits = np.array([[float(line[f"mag_AU{n}"]) for n in AUS] for line in lines])
            tables[run.parts[-2]] = labels, (logits > 0).astype(int)
    return tables


def pooled_f1(runs, method, seed):
    tables = loaded(runs, method, seed).values()
    labels, said = (np.vstack(parts) for parts in zip(*tables, strict=True))
    return f1_score(labels, said, average=None, zero_division=0)
