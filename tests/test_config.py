"""The configuration: typos are named, recipes follow from it, stand-ins step in when it is empty."""

import copy
from pathlib import Path

import pytest
import yaml

from infusenet import config as configuration
from infusenet import recipe
from infusenet.databases.options import HELP
from infusenet.errors import InputError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def raw():
    shipped = yaml.safe_load((ROOT / "workflow" / "config.yaml").read_text())
    shipped["databases"] = {
        name: {"manifest": f"{name}.csv", "frames": name} for name in ("casme", "samm", "mmew")
    }
    return shipped


def refused(raw) -> str:
    with pytest.raises(InputError) as caught:
        configuration.settle(raw)
    return str(caught.value)


def test_shipped_configuration_is_complete(raw):
    config = configuration.settle(raw)
    for name in config["methods"]:
        shown = set(raw["methods"][name]) | {"revision"}
        assert shown == set(configuration.method_named(name).recipe), "every knob stands in config.yaml"
    for stage in recipe.STAGES:
        # Which frames are kept is the variants' business: flow and latents need the pairs.
        assert set(raw[stage]) | {"revision"} == set(recipe.STAGES[stage]) - {"keep"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("flwo",), {}, "did you mean 'flow'"),
        (("flow", "photometrc"), "local", "did you mean 'photometric'"),
        (("compute", "thread"), 2, "did you mean 'threads'"),
        (("databases", "samm", "frame"), "x", "did you mean 'frames'"),
        (
            ("databases", "samm"),
            {"annotations": "a", "frames": "b", "strickt": True},
            "did you mean 'strict'",
        ),
        (("databases", "samm"), {"annotations": "a", "frames": "b", "blank_au": "yes"}, "blank_au"),
        (("databases", "samm", "nearest_apex"), True, "'annotations' is a dependency of 'nearest_apex'"),
        (("methods", "infusenet_resnet81"), {}, "did you mean 'infusenet_resnet18'"),
        (("methods", "infusenet_resnet18", "epoch"), 5, "did you mean 'epochs'"),
        (("methods", "infusenet_resnet18", "epochs"), "many", "expected int"),
        (("variants", "flow.meb"), {"strian": "meb"}, "did you mean 'strain'"),
        (("variants", "flwo.meb"), {}, "STAGE.NAME"),
        (("seeds",), [], "seeds"),
        (("databases",), {"samm": {"manifest": "a", "frames": "b"}}, "at least two"),
        (("latents", "size"), 64, "same geometry"),
        (("latents", "weights"), "absent.pth", "absent.pth"),
    ],
)
def test_what_is_wrong_is_named(raw, path, value, expected):
    *parents, last = path
    block = raw
    for key in parents:
        block = block[key]
    block[last] = value
    assert expected in refused(raw)


def test_all_findings_at_once(raw):
    raw["flow"]["strian"] = "tensor"
    raw["latents"]["from"] = "pooled"
    raw["faces"]["size"] = "big"
    text = refused(raw)
    assert all(word in text for word in ("strian", "from", "'big'"))


def test_a_readers_options_are_settings_of_a_database(raw):
    options = dict.fromkeys(HELP, True)
    raw["databases"]["samm"] = {"annotations": "a", "frames": "b"} | options
    assert configuration.settle(raw)["databases"]["samm"].items() >= options.items()


def test_without_databases_the_standins_step_in(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw["databases"] = {}
    assert "make demo" in refused(raw)
    (tmp_path / "standins").mkdir()
    config = configuration.settle(raw)
    assert configuration.is_cd6me(config)
    assert config["latents"]["size"] == raw["standins"]["settings"]["latents"]["size"] != 224
    assert config["flow"] == raw["flow"]


def test_settling_leaves_its_argument_alone(raw):
    before = copy.deepcopy(raw)
    configuration.settle(raw)
    assert raw == before


def test_variants_have_their_own_recipe(raw):
    raw["variants"] = {"flow.meb": {"strain": "meb"}}
    config = configuration.settle(raw)
    plain, meb = (configuration.stage_recipe(config, "flow", name) for name in ("", "meb"))
    assert (plain["strain"], meb["strain"]) == ("tensor", "meb")
    with pytest.raises(InputError, match="did you mean"):
        configuration.stage_recipe(config, "flow", "mbe")


def test_weights_count_by_their_bytes(raw, tmp_path):
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"same")
    recipes = [recipe.resolve("latents", {"weights": str(tmp_path / name)}) for name in ("a.pth", "b.pth")]
    assert recipes[0] == recipes[1]
    (tmp_path / "b.pth").write_bytes(b"other")
    assert recipe.resolve("latents", {"weights": str(tmp_path / "b.pth")}) != recipes[0]


def test_method_recipe_names_its_stores(raw):
    resolved = configuration.resolve_method(configuration.settle(raw), "infusenet_resnet18")
    assert resolved["stores"]["flow"]["recipe"] == recipe.resolve("flow", raw["flow"])
    assert resolved["threads"] == raw["compute"]["threads"]


def test_seeds_from_the_command_line_are_numbers(raw):
    assert configuration.settle(raw | {"seeds": ["0", "2"]})["seeds"] == [0, 2]
    assert "seeds" in refused(raw | {"seeds": ["-1"]})
