"""The recipes of the flow's two solvers."""

from pathlib import Path

import pytest
import yaml

from infusenet import cli
from infusenet.config import configuration
from infusenet.config.stage_recipes import difference, resolve, settings_of
from infusenet.errors import InputError


@pytest.mark.parametrize("solver", ["spline_tvl1", "opencv_tvl1"])
def test_settings_of_a_recipe_resolve_to_it(solver):
    for strain in ("tensor", "meb"):
        made = resolve("flow", {"solver": solver, "strain": strain})
        assert resolve("flow", settings_of(made.as_dict())) == made


def test_opencv_fits_one_frame():
    with pytest.raises(InputError, match="flow.frames is 3, expected 1 with solver opencv_tvl1"):
        resolve("flow", {"solver": "opencv_tvl1", "frames": 3})


def test_recipes_of_two_solvers_differ_in_the_solver():
    opencv, spline = (resolve("flow", {"solver": name}).as_dict() for name in ("opencv_tvl1", "spline_tvl1"))
    assert difference(opencv, spline) == "solver is 'opencv_tvl1', expected 'spline_tvl1'"
    meb = resolve("flow", {"strain": "meb"}).as_dict()
    assert difference(opencv, meb) == (
        "solver is 'opencv_tvl1', expected 'spline_tvl1'; strain is 'tensor', expected 'meb'"
    )


def test_a_setting_of_the_other_solver_is_accepted_and_named():
    """Configurations of before set `photometric`, in the block and in variants."""
    raw = yaml.safe_load((Path(__file__).parents[1] / "workflow/config.yaml").read_text())
    raw["databases"] = {name: {"manifest": f"{name}.csv", "frames": name} for name in ("casme", "samm")}
    raw["flow"] = {"photometric": "local", "strain": "tensor"}
    raw["variants"] = {
        "flow.plain": {"photometric": "none"},
        "flow.meb": {"strain": "meb"},
        "flow.opencv": {"solver": "opencv_tvl1", "photometric": "none"},
    }
    config = configuration.settle(raw)
    assert [sentence.split(" ", 1)[0] for sentence in configuration.ignored_settings(config)] == [
        "flow.photometric",
        "flow.plain.photometric",
    ]
    assert configuration.stage_recipe(config, "flow") == resolve("flow")
    assert configuration.stage_recipe(config, "flow", "plain") == resolve("flow")
    assert configuration.stage_recipe(config, "flow", "opencv").photometric == "none"
    raw["flow"]["solver"] = "opencv_tvl1"
    raw["variants"] = {}
    assert not list(configuration.ignored_settings(configuration.settle(raw)))


@pytest.mark.parametrize("solver", ["spline_tvl1", "opencv_tvl1"])
@pytest.mark.parametrize("given_by", ["--recipe", "--solver"])
def test_a_flag_is_called_ignored_only_where_the_solver_ignores_it(tmp_path, capsys, given_by, solver):
    value = resolve("flow", {"solver": solver}).to_json() if given_by == "--recipe" else solver
    words = ["flow", str(tmp_path / "faces.h5"), "--output", str(tmp_path / "flow.h5")]
    assert cli.main([*words, given_by, value, "--photometric", "none"]) == 1  # there is no such store
    assert ("--photometric is ignored" in capsys.readouterr().err) == (solver == "spline_tvl1")
