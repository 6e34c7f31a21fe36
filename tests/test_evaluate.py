"""Evaluation: whole sets only, every number from the saved predictions, the same bytes twice."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from predictions import make_cd6me, write_run
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from infusenet.databases import cd6me
from infusenet.errors import InputError
from infusenet.evaluation import plots, reliability_picture
from infusenet.evaluation.evaluate import WRITTEN, evaluate
from infusenet.models import heads_by_name
from infusenet.models.heads import OTHER_COLOURS
from infusenet.protocol import AUS, CD6ME


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "cd6me")
    made = [write_run(tmp_path / "results", name, seed) for name in CD6ME for seed in (0, 1)]
    return make_cd6me(made, cd6me.FOLDER)


@pytest.fixture
def drawn(monkeypatch):
    """{file's name: figure} of the last evaluation, of which no figure is rendered."""
    figures = {}

    def save(figure, path):
        figures[path.name] = figure
        path.touch()
        plots.plt.close(figure)

    for module in (plots, reliability_picture):
        monkeypatch.setattr(module, "save", save)
    return figures


def long_rows(path):
    with open(path / "metrics.csv", newline="") as file:
        return {(r["method"], int(r["seed"]), r["scope"], r["au"]): r for r in csv.DictReader(file)}


@pytest.mark.usefixtures("unrendered")
def test_numbers_are_those_of_the_predictions(runs, tmp_path):
    evaluate(runs, tmp_path / "out")
    rows = long_rows(tmp_path / "out")
    tables = {}
    for run in runs:
        if run.name == "seed1":
            with open(run / "predictions.csv", newline="") as file:
                tables[run.parent.name] = list(csv.DictReader(file))

    def f1(names, au, head="mag"):
        labels = [int(r[f"AU{au}"]) for name in names for r in tables[name]]
        decided = [int(float(r[f"{head}_AU{au}"]) > 0) for name in names for r in tables[name]]
        return f1_score(labels, decided, zero_division=0)

    method = "infusenet_resnet18"
    pooled = [f1(CD6ME, au) for au in AUS]
    for au, value in zip(AUS, pooled, strict=True):
        assert float(rows[method, 1, "pooled", f"AU{au}"]["f1"]) == pytest.approx(value)
        assert float(rows[method, 1, "samm", f"AU{au}"]["f1"]) == pytest.approx(f1(["samm"], au))
        folds = np.mean([f1([name], au) for name in CD6ME])
        assert float(rows[method, 1, "mean", f"AU{au}"]["f1"]) == pytest.approx(folds)
        flow = f1(CD6ME, au, "flow")
        assert float(rows[f"{method}/flow_head", 1, "pooled", f"AU{au}"]["f1"]) == pytest.approx(flow)
    assert float(rows[method, 1, "pooled", "average"]["f1"]) == pytest.approx(np.mean(pooled))

    def ranked(score, names, au):
        labels = [int(r[f"AU{au}"]) for name in names for r in tables[name]]
        return score(labels, [float(r[f"mag_AU{au}"]) for name in names for r in tables[name]])

    for column, score in (("average_precision", average_precision_score), ("auroc", roc_auc_score)):
        for scope, names in (("pooled", CD6ME), ("casme", ["casme"])):
            # In casme AU5 has no positive label: it is in no average.
            expected = {au: ranked(score, names, au) for au in AUS if (scope, au) != ("casme", 5)}
            for au, value in expected.items():
                assert float(rows[method, 1, scope, f"AU{au}"][column]) == pytest.approx(value)
            average = float(rows[method, 1, scope, "average"][column])
            assert average == pytest.approx(np.mean(list(expected.values())))
    assert rows[method, 1, "casme", "AU5"]["support"] == "0"
    assert {row["protocol"] for row in rows.values()} == {"CD6ME"}
    weights = {name.partition("/")[0]: row["initial_weights"] for (name, *_), row in rows.items()}
    assert weights == {method: "none", "always_one": "", "prior_rate": ""}
    assert float(rows[method, 1, "casme", "AU5"]["f1"]) == 0
    for score in ("average_precision", "auroc"):
        assert rows[method, 1, "casme", "AU5"][score] == "n/a"
        assert rows[method, 1, "mean", "AU5"][score] == ""
    assert float(rows["always_one", 0, "pooled", "average"]["f1"]) < np.mean(pooled)


def test_outputs_are_made_and_repeat(runs, tmp_path):
    evaluate(runs, tmp_path / "a")
    evaluate(runs, tmp_path / "b")
    for name in WRITTEN:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert Image.open(tmp_path / "a/heatmap.png").size[0] > 800
    page = (tmp_path / "a/metrics.md").read_text()
    assert "not CD6ME" not in page
    assert "from scratch" in page
    assert "±" in page


@pytest.mark.usefixtures("unrendered")
def test_other_databases_are_labelled(tmp_path):
    runs = [write_run(tmp_path, name) for name in ("casme", "mine")]
    evaluate(runs, tmp_path / "out")
    headings = [t for t in (tmp_path / "out/metrics.md").read_text().splitlines() if t.startswith("#")]
    assert headings
    assert all("not CD6ME" in heading for heading in headings)
    assert {row["protocol"] for row in long_rows(tmp_path / "out").values()} == {"not CD6ME"}


@pytest.mark.usefixtures("unrendered")
def test_stand_ins_are_labelled(tmp_path):
    evaluate([write_run(tmp_path, name, standins=True) for name in CD6ME], tmp_path / "out")
    assert (tmp_path / "out/metrics.md").read_text().count("stand-ins, not CD6ME") == 11
    assert {row["protocol"] for row in long_rows(tmp_path / "out").values()} == {"stand-ins, not CD6ME"}


def test_two_methods_get_a_panel_each(runs, tmp_path, drawn):
    other = [write_run(tmp_path / "results", name, method="other", noise=2) for name in CD6ME]
    heights = []
    for name, methods in (("out", [*runs, *other]), ("one", runs)):
        evaluate(methods, tmp_path / name)
        heights.append(drawn["heatmap.png"].get_figheight())
    assert heights[0] > 1.6 * heights[1]


@pytest.mark.usefixtures("unrendered")
def test_one_head_has_no_other_rows(tmp_path):
    runs = [write_run(tmp_path / "r", name, method="late_fusion", heads=["fused"]) for name in CD6ME]
    runs += [write_run(tmp_path / "r", name) for name in CD6ME]
    evaluate(runs, tmp_path / "out")
    methods = {method for method, *_ in long_rows(tmp_path / "out")}
    parts = {"infusenet_resnet18" + suffix for suffix in ("", "/flow_head", "/mean_of_heads")}
    assert methods == {"late_fusion", "always_one", "prior_rate"} | parts


@pytest.mark.usefixtures("unrendered")
def test_weights_and_variant_stand_in_every_row(tmp_path):
    recipe = {"weights": "imagenet", "variant": "tinyvit_5m"}
    evaluate([write_run(tmp_path, name, method="vit", recipe=recipe) for name in CD6ME], tmp_path / "out")
    told = {m: (r["initial_weights"], r["variant"]) for (m, *_), r in long_rows(tmp_path / "out").items()}
    parts = dict.fromkeys(["vit", "vit/flow_head", "vit/mean_of_heads"], ("timm tiny_vit", "tinyvit_5m"))
    assert told == parts | dict.fromkeys(["always_one", "prior_rate"], ("", ""))
    tables = (tmp_path / "out/metrics.md").read_text().split("\n## ")[1:]
    assert len(tables) == 10
    for table in tables:
        assert "| `vit` [tinyvit_5m] | timm tiny_vit |" in table
        assert "| `vit/flow_head` [tinyvit_5m] | timm tiny_vit |" in table


def test_a_method_fitted_in_one_step_has_no_curve(tmp_path, drawn):
    runs = [write_run(tmp_path / "r", name, method="lbp_top", heads=["video"]) for name in CD6ME]
    for run in runs:
        (run / "log.csv").write_text("seconds\n3\n")
    evaluate(runs, tmp_path / "out")
    drawn["training.png"].canvas.draw()  # a logarithmic axis without a line
    (axis,) = drawn["training.png"].axes
    assert not axis.lines
    assert [text.get_text() for text in axis.texts] == ["fitted in one step"]


def repeat_fold(runs):
    return [*runs, runs[0]]


def other_labels(runs):
    path = runs[1] / "predictions.csv"
    head, first, *rest = path.read_text().splitlines()
    first = first[:-1] + ("0" if first.endswith("1") else "1")
    path.write_text("\n".join([head, first, *rest]))
    return runs


def lose_clip(runs):
    path = runs[1] / "predictions.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    return runs


def not_a_number(runs):
    path = runs[0] / "predictions.csv"
    head, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    cells[5] = "nan"
    path.write_text("\n".join([head, ",".join(cells), *rest]))
    return runs


def lose_file(runs):
    (runs[3] / "run.json").unlink()
    return runs


def other_recipe(runs):
    facts = json.loads((runs[2] / "run.json").read_text())
    facts["recipe"]["epochs"] = 3
    (runs[2] / "run.json").write_text(json.dumps(facts))
    return runs


def no_heads(runs):
    facts = json.loads((runs[2] / "run.json").read_text())
    del facts["heads"]
    (runs[2] / "run.json").write_text(json.dumps(facts))
    return runs


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (other_recipe, "recipe differs .* in epochs"),
        (no_heads, "predict again"),
        (repeat_fold, "2 runs hold out casme"),
        (other_labels, "labels differ"),
        (lose_clip, "casme/s1/c29 differs"),
        (not_a_number, "not finite"),
        (lose_file, "infusenet predict"),
    ],
)
def test_incomplete_sets_are_refused(runs, tmp_path, harm, expected):
    with pytest.raises(InputError, match=expected):
        evaluate(harm(runs), tmp_path / "out")


def test_one_seed_without_a_fold_is_refused(runs, tmp_path):
    with pytest.raises(InputError, match="seed 1: 0 runs hold out casme"):
        evaluate([runs[0], *runs[2:]], tmp_path / "out")


@pytest.mark.parametrize("heads", [["gaze"], ["mag", "gaze"], ["a", "b", "c", "d", "e"]])
def test_heads_of_a_new_model_are_named_and_coloured(tmp_path, heads, drawn):
    evaluate(
        [write_run(tmp_path / "r", name, method="mine", heads=heads) for name in CD6ME], tmp_path / "out"
    )
    methods = {method for method, *_ in long_rows(tmp_path / "out")}
    assert methods >= {f"mine/{head}_head" for head in heads[1:]}
    (legend,) = drawn["training.png"].legends
    titles = [text.get_text() for text in legend.get_texts()]
    registered = heads_by_name()
    assert titles == [registered[head].title if head in registered else head for head in heads]
    colours = [line.get_color() for line in legend.get_lines()]
    assert len(set(colours)) == min(len(heads), len(OTHER_COLOURS))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("heads", "sentence"),
    [
        (("mag", "flow"), "`mine` is scored by FrameMag's head; `flow_head` is FrameFlow's, `mean_of_heads` the mean of both"),
        (("gaze", "flow", "b"), "`mine` is scored by the head `gaze`; `flow_head` is FrameFlow's, `mean_of_heads` the mean of all"),
        (("gaze",), None),
    ],
)  # fmt: skip
def test_the_page_names_the_scored_head_of_each_method_of_several_heads(tmp_path, heads, sentence):
    runs = [write_run(tmp_path / "fused", name, method="other", heads=["fused"]) for name in CD6ME]
    runs += [write_run(tmp_path / "r", name, method="mine", heads=list(heads)) for name in CD6ME]
    evaluate(runs, tmp_path / "out")
    page = (tmp_path / "out" / "metrics.md").read_text()
    assert ("scored by" in page) == (sentence is not None)
    assert sentence is None or sentence in page


@pytest.mark.usefixtures("unrendered")
def test_folds_of_other_devices_or_precisions_are_named(tmp_path):
    old = [write_run(tmp_path / "r", name) for name in CD6ME[:3]]
    places = [{"device": "cpu"}, {"device": "cpu"}, {"device": "H200", "precision": "bfloat16"}]
    new = [write_run(tmp_path / "r", n, method="m", **p) for n, p in zip(CD6ME[:3], places, strict=True)]
    evaluate(old + new, tmp_path / "out")
    page = (tmp_path / "out/metrics.md").read_text()
    assert (
        "`m` was trained on different devices or in different precisions: H200, bfloat16: without samm (seed 0); "
        "cpu, float32: without casme (seed 0), casme2 (seed 0)." in page
    )
    assert page.count("different devices") == 1, "runs of an older version, all of one device"


@pytest.mark.usefixtures("unrendered")
def test_a_page_says_which_runs_are_scored_over_all_candidates(tmp_path):
    names = CD6ME[:3]
    drawn = [write_run(tmp_path / "r", name, method="infusenet_resnet18") for name in names]
    mean = [write_run(tmp_path / "s", name, method="infusenet_resnet18") for name in names]
    flow = [write_run(tmp_path / "f", name, method="resnet18_flow") for name in names]
    for run in [*drawn, *mean, *flow]:
        facts = json.loads((run / "run.json").read_text())
        if run not in flow:
            facts["recipe"]["pseudo_apex"] = "per_epoch"
        if run in mean:
            facts.setdefault("predicted", {})["all_candidates"] = True
        (run / "run.json").write_text(json.dumps(facts))
    pages = []
    for runs in (drawn, mean, [*mean[:1], *drawn[1:]]):
        evaluate([*runs, *flow], tmp_path / "out")
        pages.append((tmp_path / "out/metrics.md").read_text())
    assert "candidate" not in pages[0]
    assert "Clips are scored by the mean over all six pseudo-apex candidates" in pages[1]
    assert (
        "by one pseudo-apex candidate, which the seed draws: `infusenet_resnet18` without casme2 (seed 0), samm (seed "
        "0); by the mean over all six pseudo-apex candidates: `infusenet_resnet18` without casme (seed 0)."
        in pages[2]
    )
