"""Tables and figures of the paper from made-up predictions: numbers, labels, pictures."""

import re
import subprocess
import sys

import numpy as np
import pytest
from paper_predictions import MADE, loaded, pooled_f1, rows_of, write_all, write_areas
from PIL import Image
from predictions import make_cd6me
from sklearn.metrics import f1_score

from infusenet.databases import cd6me
from infusenet.errors import InputError
from infusenet.evaluation.markdown_latex import Grid, latex
from infusenet.protocol import AUS
from infusenet.report import figure4, published_numbers
from infusenet.report.tables_and_figures import INFUSENET, PAPER_METHODS, TARGETS


@pytest.fixture(scope="module")
def made(paper_runs, tmp_path_factory):
    output = tmp_path_factory.mktemp("made")
    write_areas(paper_runs, output)
    for target in MADE.values():
        target.make([run for run in paper_runs if run.parts[-3] in target.methods], output)
    return output


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


def test_table1_numbers_are_those_of_the_predictions(paper_runs, made):
    rows = {(r["method"], r["scope"], r["au"]): r for r in rows_of(made / "table1.csv")}
    seeds = [pooled_f1(paper_runs, "sssnet", seed) for seed in range(3)]
    row = rows["sssnet", "pooled", "AU4"]
    assert float(row["f1"]) == pytest.approx(np.mean(seeds, 0)[2])
    assert float(row["std"]) == pytest.approx(np.std(seeds, 0, ddof=1)[2])
    assert (row["seeds"], row["paper"], row["paper_metric"]) == ("3", "0.875", "pooled")
    folds = [
        np.mean([f1_score(y, p, average=None, zero_division=0) for y, p in loaded(paper_runs, INFUSENET, s).values()], 0)
        for s in (0, 1)
    ]  # fmt: skip
    row = rows[INFUSENET, "mean", "average"]
    assert float(row["f1"]) == pytest.approx(np.mean(folds))
    assert (row["paper"], row["paper_metric"]) == ("0.423", "mean")
    assert rows["led", "pooled", "average"]["std"] == ""
    ours = np.mean([pooled_f1(paper_runs, INFUSENET, seed) for seed in (0, 1)])
    theirs = float(rows["sssnet", "mean", "average"]["f1"])
    for scope, expected in (("pooled", ours - np.mean(seeds)), ("mean", np.mean(folds) - theirs)):
        difference = rows["sssnet", scope, "average"]
        assert float(difference["infusenet_minus"]) == pytest.approx(expected)
        assert float(difference["low"]) < float(difference["infusenet_minus"]) < float(difference["high"])
    samm = loaded(paper_runs, "led", 0)["samm"]
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


def test_other_heads_are_scored_by_their_own_logits(paper_runs, paper_results, made):
    rows = {(r["method"], r["scope"], r["au"]): r for r in rows_of(made / "table1.csv")}
    tables = [
        rows_of(run / "predictions.csv")
        for run in paper_runs
        if run.parts[-3:-2] + run.parts[-1:] == (INFUSENET, "seed1")
    ]
    lines = [line for table in tables for line in table]
    labels = [int(line["AU9"]) for line in lines]
    for name, heads in (("flow_head", ["flow"]), ("mean_of_heads", ["mag", "flow"])):
        said = [sum(float(line[f"{head}_AU9"]) for head in heads) > 0 for line in lines]
        seeds = paper_results.f1(f"{INFUSENET}/{name}", "pooled")
        assert seeds[1, 6] == pytest.approx(f1_score(labels, said))
        assert float(rows[f"{INFUSENET}/{name}", "pooled", "AU9"]["f1"]) == pytest.approx(seeds[:, 6].mean())


def test_order_of_runs_changes_nothing(paper_runs, tmp_path):
    chosen = [run for run in paper_runs if run.parts[-3] in TARGETS["table2"].methods]
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


def test_figure3_counts_each_au(paper_runs, made):
    rows = {(r["method"], r["seed"], r["au"]): r for r in rows_of(made / "figure3.csv")}
    assert len(rows) == 12 * 5
    labels, said = (np.vstack(parts) for parts in zip(*loaded(paper_runs, "sssnet", 2).values(), strict=True))
    assert {(row["initial_weights"], row["variant"]) for row in rows.values()} == {("none", "")}
    row = rows["sssnet", "2", "AU9"]
    assert int(row["false_positive"]) == ((labels[:, 6] == 0) & (said[:, 6] == 1)).sum()
    assert int(row["true_positive"]) == ((labels[:, 6] == 1) & (said[:, 6] == 1)).sum()


def test_pictures_are_large_and_repeat(paper_runs, made, tmp_path):
    for name in ("figure3", "figure4"):
        picture = Image.open(made / f"{name}.png")
        assert min(picture.size) > 500
        TARGETS[name].make([run for run in paper_runs if run.parts[-3] in TARGETS[name].methods], tmp_path)
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
def test_missing_methods_are_named(paper_runs, tmp_path, name):
    gone = TARGETS[name].methods[0]
    kept = [run for run in paper_runs if run.parts[-3] in TARGETS[name].methods and run.parts[-3] != gone]
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
    assert "- `led`: clips of more than 144 frames" in page.partition("Departures from the sources")[2]
    assert "`vit_tiny_flow`: timm tiny_vit, batch 8, epochs 2, size 64, variant tiny_vit_5m" in page
