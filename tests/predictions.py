"""Run folders with made-up predictions, for the tests of evaluation and reports."""

import csv
import json
from dataclasses import asdict

import numpy as np

from infusenet.databases.cd6me import Digests, labels_digest
from infusenet.protocol import AUS, CD6ME


def write_run(
    root, held_out, seed=0, method="infusenet_resnet18", noise=1.0, clips=30, heads=("mag", "flow"), **facts
):
    """One run folder with random predictions that know something of the labels.

    ``facts`` join run.json; ``recipe`` among them joins the recipe.
    """
    run = root / method / held_out / f"seed{seed}"
    run.mkdir(parents=True)
    labels = (np.random.default_rng([*held_out.encode()]).random((clips, 12)) < 0.3).astype(int)
    if held_out == "casme":
        labels[:, 3] = 0
    generator = np.random.default_rng([seed, *method.encode(), *held_out.encode()])
    logits = {h: (2 * labels - 1 + noise * generator.normal(size=labels.shape)) for h in heads}
    with open(run / "predictions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{h}_AU{n}" for h in heads for n in AUS] + [f"AU{n}" for n in AUS]
        writer.writerow(["database", "subject", "clip", "method", "seed", *columns])
        for k in range(clips):
            row = [value for h in heads for value in logits[h][k].tolist()] + labels[k].tolist()
            writer.writerow([held_out, f"s{k % 4}", f"c{k}", method, seed, *row])
    recipe = {
        "method": method, "weights": "none", "size": 64, "epochs": 2, "batch": 8,
        "stores": {"latents": {"variant": "", "recipe": {"weights": 64 * "a"}}},
    } | facts.pop("recipe", {})  # fmt: skip
    facts |= {
        "recipe": recipe, "heads": list(heads), "held_out": held_out, "seed": seed, "n_train": 100,
        "label_counts": {f"AU{n}": 20 for n in AUS},
        "initial_weights": "timm tiny_vit" if recipe["weights"] == "imagenet" else recipe["weights"],
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(facts))
    losses = ["".join(f",{loss / epoch}" for loss in range(5, 5 + len(heads))) for epoch in (1, 2)]
    head = ",".join(["epoch,rate", *(f"loss_{h}" for h in heads)])
    (run / "log.csv").write_text(f"{head}\n1,0.1{losses[0]}\n2,0.1{losses[1]}\n")
    return run


def make_cd6me(runs, folder):
    """Let runs of the six databases pass for CD6ME's: ``folder`` gets the digests of what they score.

    Their run.json gets the facts that go with it: windows compared, trained on all other folds' clips.
    """
    scored = {}
    for run in runs:
        with open(run / "predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        scored[run.parts[-2]] = {f"{r['subject']}/{r['clip']}": [int(r[f"AU{n}"]) for n in AUS] for r in rows}
    digests = {name: asdict(Digests(len(rows), labels_digest(rows), "")) for name, rows in scored.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digests.json").write_text(json.dumps(digests))
    assert set(scored) == set(CD6ME)
    for run in runs:
        others = [row for name, rows in scored.items() if name != run.parts[-2] for row in rows.values()]
        counts = {f"AU{n}": sum(row[k] for row in others) for k, n in enumerate(AUS)}
        edit_facts(run, cd6me="", n_train=len(others), label_counts=counts)
    return runs


def edit_facts(run, **facts):
    path = run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
