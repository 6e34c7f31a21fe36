"""The label CD6ME on tables, CSVs, LaTeX and figures: only where clips, windows and labels are CD6ME's."""

import csv
import json

import pytest
from predictions import edit_facts, make_cd6me, write_run

from infusenet.databases import cd6me
from infusenet.evaluation import plots, reliability_picture
from infusenet.evaluation.evaluate import evaluate, read_runs
from infusenet.evaluation.markdown_latex import latex
from infusenet.evaluation.protocol_label import protocol
from infusenet.protocol import CD6ME
from infusenet.report import figure3, figure4
from infusenet.report.tables_and_figures import INFUSENET, TARGETS

METHODS = sorted({*TARGETS["table2"].methods, *TARGETS["figure3"].methods, *TARGETS["figure4"].methods})
DIFFERENT = "CD6ME databases, other clips or labels"
CASME2, CASME = "CASME II: labels of 2019 in 53 clips", "CASME: 3 windows"
LAST = "CAS(ME)^3: 857 of 860 clips (2 excluded by the audit, 1 failed), and so on to a line that is too long"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """One method's runs of CD6ME, two seeds."""
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "cd6me")
    made = [write_run(tmp_path / "r", name, seed, clips=8) for name in CD6ME for seed in (0, 1)]
    return make_cd6me(made, cd6me.FOLDER)


@pytest.fixture
def shown(monkeypatch):
    """The title of each figure by the name of its file, which stays empty."""
    titles = {}

    def save(figure, path):
        titles[path.name] = figure.get_suptitle()
        path.touch()

    for module in (plots, reliability_picture, figure3, figure4):
        monkeypatch.setattr(module, "save", save)
    return titles


def label(runs):
    return protocol(read_runs(runs)).column


def held_out(runs, name):
    return [run for run in runs if run.parts[-2] == name]


def forget(run):
    facts = json.loads((run / "run.json").read_text())
    del facts["cd6me"]
    (run / "run.json").write_text(json.dumps(facts))


def test_only_what_matches_is_cd6me(runs):
    assert label(runs) == "CD6ME"
    edit_facts(held_out(runs, "casme2")[0], cd6me=CASME2)
    assert label(runs) == f"{DIFFERENT}: {CASME2}"
    for run in held_out(runs, "casme"):
        edit_facts(run, cd6me=CASME)
    assert label(runs) == f"{DIFFERENT}: {CASME}; {CASME2}"
    edit_facts(runs[0], standins=True)
    assert label(runs) == "stand-ins, not CD6ME"


def test_other_databases_are_not_compared(tmp_path):
    assert label([write_run(tmp_path, name, cd6me="") for name in ("casme", "mine")]) == "not CD6ME"


def test_runs_of_an_older_version_are_to_be_predicted_again(runs):
    for name in ("fourd", "samm"):
        for run in held_out(runs, name):
            forget(run)
    again = "SAMM, 4DME: not compared, as an older version predicted; predict again"
    assert label(runs) == f"CD6ME databases, not compared: {again}"
    edit_facts(held_out(runs, "casme")[0], cd6me=CASME)
    assert label(runs) == f"{DIFFERENT}: {CASME}; {again}"


def test_an_older_run_shows_other_labels_by_itself(runs):
    for run in held_out(runs, "samm"):
        forget(run)
        path = run / "predictions.csv"
        head, first, *rest = path.read_text().splitlines()
        cells = first.split(",")
        cells[-1] = str(1 - int(cells[-1]))
        path.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
    assert label(runs).startswith(
        f"{DIFFERENT}: SAMM: names or labels differ; trained on other clips or labels"
    )


def test_clips_that_failed_are_seen_in_the_predictions(runs):
    for run in held_out(runs, "mmew"):
        path = run / "predictions.csv"
        path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert label(runs).startswith(f"{DIFFERENT}: MMEW: 7 of 8 clips; trained on other clips or labels")


def test_a_network_that_was_trained_on_fewer_is_seen(runs):
    edit_facts(held_out(runs, "samm")[1], n_train=16)
    text = "trained on other clips or labels than the other folds': SAMM"
    assert label(runs) == f"{DIFFERENT}: {text}"


def test_metrics_and_their_pictures_say_what_differs(runs, tmp_path, shown):
    evaluate(runs, tmp_path / "a")
    assert set(shown.values()) == {""}
    edit_facts(held_out(runs, "casme3a")[0], cd6me=LAST)
    evaluate(runs, tmp_path / "b")
    page = (tmp_path / "b/metrics.md").read_text()
    assert all(DIFFERENT in line for line in page.splitlines() if line.startswith("#"))
    assert f"{LAST}." in page.split("## ")[0]
    assert protocols(tmp_path / "b/metrics.csv") == {f"{DIFFERENT}: {LAST}"}
    assert set(shown) == {"heatmap.png", "reliability.png", "training.png"}
    for title in shown.values():
        name, *lines = title.split("\n")
        assert (name, " ".join(lines)) == (DIFFERENT, LAST)
        assert max(map(len, lines)) <= 90


def protocols(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["protocol"] for row in csv.DictReader(file)}


def test_tables_and_figures_of_the_paper_say_what_differs(tmp_path, monkeypatch, shown):
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "cd6me")
    made = [
        write_run(
            tmp_path / "r", name, 0, method, clips=8, heads=["fused" if method == "late_fusion" else "mag"]
        )
        for method in METHODS
        for name in CD6ME
    ]
    make_cd6me(made, cd6me.FOLDER)
    for run in made:
        if run.parts[-2:] == ("casme3a", "seed0") and run.parts[-3] == INFUSENET:
            edit_facts(run, cd6me=LAST)
    for target in ("table2", "figure3", "figure4"):
        TARGETS[target].make([run for run in made if run.parts[-3] in TARGETS[target].methods], tmp_path)
    page = (tmp_path / "table2.md").read_text()
    assert f"# Table 2: infusion ({DIFFERENT})" in page
    assert f"Not CD6ME's clips, windows and labels: {LAST}." in page
    assert latex(LAST) in (tmp_path / "table2.tex").read_text()
    assert "CAS(ME)\\^{}3" in latex(LAST)
    for name in ("table2", "figure3", "figure4"):
        assert protocols(tmp_path / f"{name}.csv") == {f"{DIFFERENT}: {LAST}"}
    for name in ("figure3.png", "figure4.png"):
        assert f"({DIFFERENT})" in shown[name]
        assert LAST in shown[name].replace("\n", " ")
    assert "not comparable" in shown["figure4.png"]


def write_all(root, databases, **facts):
    """Runs of the methods of table 2."""
    return [
        write_run(
            root, name, 0, method, clips=8, heads=["fused" if method == "late_fusion" else "mag"], **facts
        )
        for method in TARGETS["table2"].methods
        for name in databases
    ]


def test_stand_ins_and_other_folds_are_said_in_every_table(tmp_path):
    TARGETS["table2"].make(write_all(tmp_path / "s", CD6ME, standins=True), tmp_path / "standins")
    TARGETS["table2"].make(write_all(tmp_path / "o", ["casme", "mine"]), tmp_path / "others")
    page = (tmp_path / "standins/table2.md").read_text()
    assert "stand-in databases: these figures cannot be compared with the paper's" in page
    assert all(
        "stand-ins, not CD6ME" in line
        for line in page.splitlines()
        if line.startswith("#") and line != "## Recipes"
    )
    assert "cannot be compared" in (tmp_path / "standins/table2.tex").read_text()
    for folder, name in (("standins", "stand-ins, not CD6ME"), ("others", "not CD6ME")):
        assert protocols(tmp_path / folder / "table2.csv") == {name}
    page = (tmp_path / "others/table2.md").read_text()
    assert "# Table 2: infusion (not CD6ME)" in page
    assert "casme, mine, not CD6ME's six databases" in page
