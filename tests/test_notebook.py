"""docs/tour.ipynb: it runs, and its outputs are those of its cells."""

import re

import nbformat
import notebooks
from projects import ROOT

TOUR = ROOT / "docs/tour.ipynb"


def test_the_tour_runs_on_tiny_inputs(tmp_path, monkeypatch, thread_count):
    monkeypatch.chdir(tmp_path)
    tour = notebooks.load(TOUR)
    kept = [[output["output_type"] for output in cell["outputs"]] for cell in code_cells(tour)]
    parameters = {"CLIPS": 2, "SIZE": 32, "EPOCHS": 1, "work": tmp_path / "work"}
    (tmp_path / "work").mkdir()
    names = notebooks.execute(tour, parameters)
    assert len(names["run"].database.clips) == 2
    assert len(names["f1"]) == 13
    assert names["error"].shape == (224, 224)
    assert float(names["np"].median(names["error"])) < 0.2
    # The notebook was saved with outputs of each kind that its cells give.
    assert kept == [[output["output_type"] for output in cell["outputs"]] for cell in code_cells(tour)]


def test_the_tour_is_a_valid_and_small_notebook():
    tour = nbformat.read(TOUR, 4)
    nbformat.validate(tour)
    assert TOUR.stat().st_size < 1_000_000
    assert [cell["execution_count"] for cell in code_cells(tour)] == list(range(1, len(code_cells(tour)) + 1))


def test_the_outputs_of_the_tour_name_no_file_of_a_machine():
    tour = notebooks.load(TOUR)
    printed = [output["text"] for cell in code_cells(tour) for output in cell["outputs"] if "text" in output]
    assert printed
    assert not [text for text in printed if re.search(r"(^|\s)/\w+/", text)]


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
