"""Tables and figures of the paper from made-up predictions: numbers, pairing, labels, pictures."""

import csv
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from predictions import make_cd6me, write_run
from sklearn.metrics import f1_score

from infusenet.csv_tables import csv_text
from infusenet.databases import cd6me
from infusenet.errors import InputError
from infusenet.evaluation import resampling
from infusenet.evaluation.evaluate import read_runs
from infusenet.evaluation.markdown_latex import Grid, latex
from infusenet.protocol import AUS, CD6ME
from infusenet.report import activation_table, claims, figure4, published_numbers
from infusenet.report.claim_list import CLAIMS
from infusenet.report.comparisons import EVERY_AU
from infusenet.report.paper_runs import Results
from infusenet.report.tables_and_figures import INFUSENET, PAPER_METHODS, TARGETS

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


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cd6me, "FOLDER", root / "cd6me")
        yield make_cd6me(write_all(root), cd6me.FOLDER)


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory):
    output = tmp_path_factory.mktemp("made")
    write_areas(runs, output)
    for target in MADE.values():
        target.make([run for run in runs if run.parts[-3] in target.methods], output)
    return output


def write_areas(runs, folder):
    """FrameFlow's areas are half of the others' but for one empty map."""
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


@pytest.fixture(scope="module")
def results(runs):
    return Results(read_runs(runs))


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


def test_every_target_writes_what_it_says(made):
    assert set(TARGETS) - set(MADE) == {"activation", "figure1", "figure2", "figure5"}, "of models and faces"
    expected = sorted(["activation.csv", *(name for target in MADE.values() for name in target.files)])
    assert sorted(path.name for path in made.iterdir()) == expected


def test_needs_are_light_enough_for_snakemake():
    code = "import sys, infusenet.report.tables_and_figures, infusenet.report; print('numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_paper_averages_are_means_of_its_cells():
    assert list(published_numbers.TABLE1) == list(PAPER_METHODS)
    for method, row in published_numbers.TABLE1.items():
        # MEB prints one decimal of a percentage, the paper's own rows four digits.
        assert row[-1] == pytest.approx(
            row[:-1].mean(), abs=0.0005 if method in published_numbers.MEB else 0.00006
        )
    assert published_numbers.RARE.sum() == 7
    assert [AUS[k] for k in np.flatnonzero(published_numbers.LOWER)] == [10, 12, 14, 15, 17]


def test_table1_numbers_are_those_of_the_predictions(runs, made):
    rows = {(r["method"], r["scope"], r["au"]): r for r in rows_of(made / "table1.csv")}
    seeds = [pooled_f1(runs, "sssnet", seed) for seed in range(3)]
    row = rows["sssnet", "pooled", "AU4"]
    assert float(row["f1"]) == pytest.approx(np.mean(seeds, 0)[2])
    assert float(row["std"]) == pytest.approx(np.std(seeds, 0, ddof=1)[2])
    assert (row["seeds"], row["paper"], row["paper_metric"]) == ("3", "0.875", "pooled")
    folds = [
        np.mean([f1_score(y, p, average=None, zero_division=0) for y, p in loaded(runs, INFUSENET, s).values()], 0)
        for s in (0, 1)
    ]  # fmt: skip
    row = rows[INFUSENET, "mean", "average"]
    assert float(row["f1"]) == pytest.approx(np.mean(folds))
    assert (row["paper"], row["paper_metric"]) == ("0.423", "mean")
    assert rows["led", "pooled", "average"]["std"] == ""
    ours = np.mean([pooled_f1(runs, INFUSENET, seed) for seed in (0, 1)])
    theirs = float(rows["sssnet", "mean", "average"]["f1"])
    for scope, expected in (("pooled", ours - np.mean(seeds)), ("mean", np.mean(folds) - theirs)):
        difference = rows["sssnet", scope, "average"]
        assert float(difference["infusenet_minus"]) == pytest.approx(expected)
        assert float(difference["low"]) < float(difference["infusenet_minus"]) < float(difference["high"])
    samm = loaded(runs, "led", 0)["samm"]
    expected = f1_score(*samm, average=None, zero_division=0).mean()
    assert float(rows["led", "samm", "average"]["f1"]) == pytest.approx(expected)


def test_table1_page_brackets_the_other_metric_and_names_weights(made):
    pooled, mean = (made / "table1.md").read_text().split("## ")[1:3]
    assert ".4050" in pooled
    assert "(.4050)" not in pooled
    assert "(.4050)" in mean
    assert "MEB's fold mean .384" in mean
    assert "(.4230)" in pooled
    assert "| InfuseNet (ViT-Tiny) [tiny_vit_5m] | timm tiny_vit | 1 |" in mean
    assert "± n/a" in mean
    assert "not CD6ME" not in pooled
    for table in (pooled, mean):
        assert "the row 'as released' too computes the released forward map on them" in table


def test_table1_says_which_metric_a_difference_has(made):
    against = (made / "table1.md").read_text().split("## ")[4]
    rows = {line.split(" | ")[0]: line.split(" | ") for line in against.splitlines()}
    cells = ["95 % interval", "spread", "reading"]
    assert rows["| method"][2:11] == ["pooled", *cells, "fold mean", *cells, "paper's difference"]
    assert rows["| SSSNet, flow"][10:] == ["+0.0180", "mixed |"]
    assert rows["| ResNet18, flow"][10:] == ["+0.0402", "fold mean |"]


def test_every_table_has_all_heads_and_a_sentence_on_what_a_verdict_rests_on(made):
    heads = {"", "/flow_head", "/mean_of_heads"}
    for target in ("table1", "table2", "table3"):
        methods = {row["method"] for row in rows_of(made / f"{target}.csv")}
        assert {INFUSENET + head for head in heads} <= methods
        page = (made / f"{target}.md").read_text()
        assert "A reading rests on the people's spread and not on the seeds'" in page
        assert ", FrameFlow's head" in page
        assert ", mean of its heads" in page
    page = (made / "claims.md").read_text()
    assert "A verdict rests on the people's spread and not on the seeds'" in page
    for head in heads:
        assert f"| `{INFUSENET}{head}` |" in page


def test_other_heads_are_scored_by_their_own_logits(runs, made):
    rows = {(r["method"], r["scope"], r["au"]): r for r in rows_of(made / "table1.csv")}
    tables = [
        rows_of(run / "predictions.csv")
        for run in runs
        if run.parts[-3:-2] + run.parts[-1:] == (INFUSENET, "seed1")
    ]
    lines = [line for table in tables for line in table]
    labels = [int(line["AU9"]) for line in lines]
    for name, heads in (("flow_head", ["flow"]), ("mean_of_heads", ["mag", "flow"])):
        said = [sum(float(line[f"{head}_AU9"]) for head in heads) > 0 for line in lines]
        seeds = Results(read_runs(runs)).f1(f"{INFUSENET}/{name}", "pooled")
        assert seeds[1, 6] == pytest.approx(f1_score(labels, said))
        assert float(rows[f"{INFUSENET}/{name}", "pooled", "AU9"]["f1"]) == pytest.approx(seeds[:, 6].mean())


@pytest.mark.parametrize("unit", ["subjects", "clips"])
@pytest.mark.parametrize("average", ["pooled", "mean"])
def test_intervals_are_those_of_a_plain_paired_bootstrap(runs, results, average, unit):
    """The same contrast with subjects, or clips, drawn one by one; two independent sets of draws agree closely."""
    contrast = results.contrast({INFUSENET: 1, "sssnet": -1}, EVERY_AU, average)
    low, high = (
        (contrast.low, contrast.high) if unit == "subjects" else (contrast.clips_low, contrast.clips_high)
    )
    generator = np.random.default_rng(5)
    tables = {(m, seed): loaded(runs, m, seed) for m in (INFUSENET, "sssnet") for seed in SEEDS[m]}
    drawn = []
    for _ in range(1000):
        taken = {}
        for name in CD6ME:
            # `write_run` gives every fourth clip to the same of four subjects.
            step = 4 if unit == "subjects" else clips_of(name)
            units = [np.arange(first, clips_of(name), step) for first in range(step)]
            taken[name] = np.concatenate([units[k] for k in generator.integers(0, step, step)])
        means = []
        for method in (INFUSENET, "sssnet"):
            scores = []
            for seed in SEEDS[method]:
                folds = [[array[taken[name]] for array in tables[method, seed][name]] for name in CD6ME]
                if average == "pooled":
                    folds = [[np.vstack(parts) for parts in zip(*folds, strict=True)]]
                f1 = [2 * (y & p).sum(0) / np.maximum(1, y.sum(0) + p.sum(0)) for y, p in folds]
                scores.append(np.mean(f1))
            means.append(np.mean(scores))
        drawn.append(means[0] - means[1])
    width = high - low
    assert [low, high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.12 * width)
    assert low < contrast.value < high


def test_the_two_spreads_are_of_subjects_and_of_seeds(runs, results):
    contrast = results.contrast({INFUSENET: 1, "sssnet": -1}, EVERY_AU, "pooled")
    seeds = {m: [pooled_f1(runs, m, seed).mean() for seed in SEEDS[m]] for m in (INFUSENET, "sssnet")}
    variances = [np.var(values, ddof=1) for values in seeds.values()]
    assert contrast.seeds == pytest.approx(np.sqrt(sum(variances)))
    width = contrast.high - contrast.low
    assert contrast.people == pytest.approx(width / 3.92, rel=0.15), "nearly normal"
    # Heads of one method share its seeds, so that their difference is paired by seed.
    names = INFUSENET, f"{INFUSENET}/flow_head"
    heads = np.diff([results.f1(name, "pooled")[:, -1] for name in names], axis=0)
    contrast = results.contrast({names[0]: 1, names[1]: -1}, EVERY_AU, "pooled")
    assert contrast.seeds == pytest.approx(np.std(heads, ddof=1))
    assert results.contrast({INFUSENET: 1, "led": -1}, EVERY_AU, "pooled").seeds is None


def test_a_comparison_chosen_among_three_has_a_wider_interval_and_a_larger_p(results):
    terms = {"led": 1, "sssnet": -1}
    plain = results.contrast(terms, EVERY_AU, "mean")
    chosen = results.contrast(terms, EVERY_AU, "mean", 3)
    assert chosen.low < plain.low < plain.high < chosen.high
    assert chosen.p == pytest.approx(min(1, 3 * plain.p))


def test_p_values_are_corrected_over_the_rows_of_a_table(made):
    rows = [row for row in rows_of(made / "table1.csv") if row["scope"] == "pooled" and row["p"]]
    p = [float(row["p"]) for row in rows]
    assert [float(row["p_holm"]) for row in rows] == pytest.approx(resampling.holm(p))
    assert len(rows) == len({row["method"] for row in rows_of(made / "table1.csv")}) - 1
    for row in rows:
        assert float(row["low_clips"]) < float(row["infusenet_minus"]) < float(row["high_clips"])


def test_comparisons_are_paired(tmp_path):
    """Two methods with the same predictions differ by exactly nothing in every draw."""
    folds = read_runs([write_run(tmp_path, name) for name in CD6ME])
    twins = [replace(fold, method="twin") for fold in folds]
    for average in ("pooled", "mean"):
        contrast = Results([*folds, *twins]).contrast({INFUSENET: 1, "twin": -1}, EVERY_AU, average)
        assert contrast == Contrast(0, 0, 0, 0, 0, 1, 0, None)


def test_order_of_runs_changes_nothing(runs, tmp_path):
    chosen = [run for run in runs if run.parts[-3] in TARGETS["table2"].methods]
    TARGETS["table2"].make(chosen, tmp_path / "a")
    TARGETS["table2"].make(chosen[::-1], tmp_path / "b")
    for name in TARGETS["table2"].files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_small_tables_have_the_papers_value_beside(made):
    rows = {row["method"]: row for row in rows_of(made / "table2.csv")}
    printed = {m: float(row["paper"]) for m, row in rows.items() if "/" not in m}
    assert printed == published_numbers.TABLE2
    rows = {row["method"]: row for row in rows_of(made / "table3.csv")}
    assert rows["infusenet_resnet18_decoded"]["paper"] == "0.3758"
    assert rows["infusenet_resnet18_finetuned"]["paper"] == ""
    assert rows[INFUSENET]["low_pooled"] == rows[INFUSENET]["low_fold_mean"] == ""
    row = rows["infusenet_resnet18_decoded"]
    for average in ("pooled", "fold_mean"):
        expected = float(rows[INFUSENET][f"f1_{average}"]) - float(row[f"f1_{average}"])
        assert float(row[f"infusenet_minus_{average}"]) == pytest.approx(expected)


def test_claims_give_the_papers_own_figures():
    printed = {(c.topic, c.comparison): c.printed for c in CLAIMS}
    assert len(printed) == len(CLAIMS)
    assert printed["overall", "InfuseNet − ResNet18 (flow)"] == pytest.approx(0.0402)
    assert printed["overall", "InfuseNet − SSSNet"] == pytest.approx(0.0180)
    assert printed["magnification", "InfuseNet − LED"] == pytest.approx(0.1400)
    assert printed["latents", "latent − decoded"] == pytest.approx(0.0472)
    assert printed["infusion", "InfuseNet (ViT-Tiny) − ViT-Tiny (flow)"] == pytest.approx(0.0044)
    assert printed["infusion", "gain on ResNet18 − gain on ViT-Tiny"] == pytest.approx(0.0358)
    upper = [0.6997, 0.6804, 0.7921, 0.1929, 0.1572, 0.4438, 0.3263]
    theirs = [0.7460, 0.7210, 0.8750, 0.1360, 0.0530, 0.4860, 0.2030]
    expected = np.mean(upper) - np.mean(theirs)
    assert printed["upper AUs (1–9)", "InfuseNet − SSSNet"] == pytest.approx(expected, abs=1e-6)


def test_claims_count_aus_and_judge_by_the_interval(made):
    rows = {(row["topic"], row["comparison"]): row for row in rows_of(made / "claims.csv")}
    assert rows["rare AUs (< 10 %)", "InfuseNet − SSSNet"]["paper_wins"] == "6/7"
    assert rows["frequent AUs (≥ 10 %)", "InfuseNet − SSSNet"]["paper_wins"] == "0/5"
    assert rows["rare AUs (< 10 %)", "InfuseNet − ResNet18 (flow)"]["paper_wins"] == "5/7"
    # InfuseNet's made-up logits are far better than all others', which are alike.
    assert rows["overall", "InfuseNet − SSSNet"]["verdict"] == "holds"
    assert rows["frequent AUs (≥ 10 %)", "InfuseNet − SSSNet"]["verdict"] == "does not hold"
    assert rows["overall", "InfuseNet − SSSNet"]["paper_metric"] == "mixed"
    assert rows["overall", "InfuseNet − ResNet18 (flow)"]["paper_metric"] == "mean"
    p_values = []
    for row in rows.values():
        averages = ["pooled", "fold_mean"] if row["paper_metric"] == "mixed" else ["fold_mean"]
        sides = {float(row[f"difference_{average}"]) > 0 for average in averages}
        p_values.append(max(float(row[f"p_{average}"]) for average in averages) if len(sides) == 1 else 1)
    for row, p in zip(rows.values(), resampling.holm(p_values), strict=True):
        assert float(row["p_holm"]) == pytest.approx(p)
        same = (float(row["difference_fold_mean"]) > 0) == (float(row["paper"] or 1) > 0)
        expected = ("holds" if same else "does not hold") if p < 0.05 else "cannot be told from these data"
        assert row["verdict"] == expected


def test_claims_cover_both_figures_and_every_comparison_of_the_text(made):
    rows = {(row["topic"], row["comparison"]): row for row in rows_of(made / "claims.csv")}
    printed = {
        ("backbone on latents", "ResNet18 (latents) − ViT-Tiny (latents)"): 0.0155,
        ("infusion", "InfuseNet − late fusion"): 0.1293,
        ("infusion", "InfuseNet − FrameMag"): 0.0987,
    }
    for name, value in printed.items():
        assert float(rows[name]["paper"]) == pytest.approx(value)
    factors = [row for (topic, _), row in rows.items() if topic == "factor (figure 4)"]
    assert [row["paper"] for row in factors] == ["", "0.0089", ""]
    assert [row["method"].count("/") for row in factors] == [1, 1, 2]
    best, worst, _ = (float(row["difference_fold_mean"]) for row in factors)
    assert best <= worst
    for other in ("InfuseNet", "FrameMag"):
        row = rows["activation (figure 5)", f"area, {other} − FrameFlow"]
        for average in ("pooled", "fold_mean"):
            assert float(row[f"difference_{average}"]) == pytest.approx(0.2)
        assert row["verdict"] == "holds"
        assert (row["paper"], row["paper_wins"], row["wins_pooled"]) == ("", "", "")
    assert "`resnet18_flow` 7" in (made / "claims.md").read_text()


def test_figure4_claims_choose_their_rivals_from_the_data(results):
    best, worst, fall = figure4_claims(results)
    f1 = {factor: results.f1(f"{INFUSENET}_factor{factor}", "mean")[:, -1].mean() for factor in (5, 15, 20)}
    assert f"factor {max(f1, key=f1.get)}," in best.comparison
    assert f"factor {min(f1, key=f1.get)}," in worst.comparison
    assert [claim.choices for claim in (best, worst, fall)] == [3, 3, 1]
    assert fall.terms == {INFUSENET: 1, f"{INFUSENET}_factor15": -0.5, f"{INFUSENET}_factor20": -0.5}


@pytest.mark.parametrize(
    ("other", "pooled", "mean", "expected"),
    [
        ("resnet18_flow", (-1, 0.001), (1, 0.001), "holds"),
        ("resnet18_flow", (1, 0.001), (1, 0.2), "cannot be told from these data"),
        ("resnet18_flow", (1, 0.001), (-1, 0.001), "does not hold"),
        ("sssnet", (1, 0.001), (1, 0.001), "holds"),
        ("sssnet", (1, 0.001), (1, 0.2), "cannot be told from these data"),
        ("sssnet", (1, 0.001), (-1, 0.001), "cannot be told from these data"),
        ("sssnet", (-1, 0.001), (-1, 0.001), "does not hold"),
        ("sssnet", (1, 0.03), (1, 0.03), "cannot be told from these data"),
    ],
)
def test_a_claim_is_judged_by_the_papers_metric(other, pooled, mean, expected):
    """Beside another claim, so that a p of .03 does not survive Holm's correction."""
    claim = Claim("overall", "", {INFUSENET: 1, other: -1}, EVERY_AU)
    sides = {
        name: Contrast(v, 0, 0, 0, 0, p, 0, None) for name, (v, p) in (("pooled", pooled), ("mean", mean))
    }
    beside = {name: Contrast(1, 0, 0, 0, 0, 0.9, 0, None) for name in sides}
    assert claims.verdicts([claim, claim], [sides, beside])[0][1] == expected


def test_claims_name_weights_variants_and_unlike_recipes(made):
    rows = {row["comparison"]: row for row in rows_of(made / "claims.csv")}
    row = rows["InfuseNet (ViT-Tiny) − ViT-Tiny (flow)"]
    assert row["method"] == "infusenet_vit / vit_tiny_flow"
    assert row["initial_weights"] == "timm tiny_vit / timm tiny_vit"
    assert row["variant"] == "tiny_vit_5m / tiny_vit_5m"
    page = (made / "claims.md").read_text()
    assert "Initial weights, timm tiny_vit: `infusenet_vit` [tiny_vit_5m], `vit_tiny_flow`" in page
    assert "the recipes differ too: gain on ResNet18 − gain on ViT-Tiny (initial weights).\n" in page
    assert "the paper's averages read InfuseNet − SSSNet +0.039," in page


def test_figure3_counts_each_au(runs, made):
    rows = {(r["method"], r["seed"], r["au"]): r for r in rows_of(made / "figure3.csv")}
    assert len(rows) == 12 * 5
    labels, said = (np.vstack(parts) for parts in zip(*loaded(runs, "sssnet", 2).values(), strict=True))
    assert {(row["initial_weights"], row["variant"]) for row in rows.values()} == {("none", "")}
    row = rows["sssnet", "2", "AU9"]
    assert int(row["false_positive"]) == ((labels[:, 6] == 0) & (said[:, 6] == 1)).sum()
    assert int(row["true_positive"]) == ((labels[:, 6] == 1) & (said[:, 6] == 1)).sum()


def test_pictures_are_large_and_repeat(runs, made, tmp_path):
    for name in ("figure3", "figure4"):
        picture = Image.open(made / f"{name}.png")
        assert min(picture.size) > 500
        TARGETS[name].make([run for run in runs if run.parts[-3] in TARGETS[name].methods], tmp_path)
        assert (tmp_path / f"{name}.png").read_bytes() == (made / f"{name}.png").read_bytes()


def test_figure4_has_mean_and_spread_by_factor(made):
    rows = rows_of(made / "figure4.csv")
    assert len(rows) == 16
    ten = [row for row in rows if (row["latent"], row["factor"]) == ("difference", "10")]
    assert {row["method"] for row in ten} == {INFUSENET}
    assert all(float(row["std"]) > 0 for row in ten)
    assert {row["std"] for row in rows if row["factor"] == "20"} == {""}
    assert {(row["initial_weights"], row["variant"]) for row in rows} == {("none", "")}


@pytest.mark.parametrize("standins", [False, True])
def test_figure4_draws_the_papers_marks_on_cd6me_alone(tmp_path, monkeypatch, standins):
    drawn = []
    monkeypatch.setattr(figure4, "save", lambda figure, path: drawn.append(figure))
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "cd6me")
    target = TARGETS["figure4"]
    runs = write_all(tmp_path, target.methods, seeds={}, standins=standins)
    target.make(make_cd6me(runs, cd6me.FOLDER), tmp_path)
    (figure,) = drawn
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("paper's best 0.4230 at factor 10" in legend) == (not standins)
    assert ("best 0.4230 at factor 10, worst of the four 0.4141" in figure.get_suptitle()) == standins
    shown = np.concatenate([line.get_ydata() for axis in figure.axes for line in axis.lines])
    assert (0.423 in shown) == (not standins)


@pytest.mark.parametrize("name", MADE)
def test_missing_methods_are_named(runs, tmp_path, name):
    gone = TARGETS[name].methods[0]
    kept = [run for run in runs if run.parts[-3] in TARGETS[name].methods and run.parts[-3] != gone]
    with pytest.raises(InputError, match=f"{name}: no runs of {gone};"):
        TARGETS[name].make(kept, tmp_path)
    assert not list(tmp_path.iterdir())


def test_latex_tables_are_well_formed(made):
    for name in ("table1", "table2", "table3"):
        text = (made / f"{name}.tex").read_text()
        assert text.count(r"\begin{table}") == text.count(r"\end{table}") > 0
        for body in re.findall(r"\\begin\{tabular\}\{(l?r*)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL):
            lines = [line for line in body[1].splitlines() if line.endswith(r"\\")]
            assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(body[0]) - 1}
        assert not re.search(r"(?<!\\)[%_#]", text.partition("\n")[2].replace("{!}{%", ""))
    assert latex("a_b & 5 % ± `x`") == r"a\_b \& 5 \% $\pm$ x"


def test_markdown_rows_have_the_heads_width():
    text = Grid("t", ["a", "b"], [[1, "x"], [2, "y"]]).markdown()
    assert text == "| a | b |\n| --- | --- |\n| 1 | x |\n| 2 | y |"


def test_recipes_are_told(made):
    page = (made / "table1.md").read_text()
    assert "`vit_tiny_flow`: timm tiny_vit, batch 8, epochs 2, size 64, variant tiny_vit_5m" in page
