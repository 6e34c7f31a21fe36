"""The configuration: typos are named, recipes follow from it, stand-ins step in when it is empty."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infusenet.cli import main
from infusenet.cli.shared_options import remark_workers
from infusenet.config import configuration, json_schema
from infusenet.config import options as settings
from infusenet.config import stage_recipes as recipe
from infusenet.config.methods import METHODS
from infusenet.databases.read_options import SETTINGS
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
        assert shown == set(METHODS[name].recipe), "every knob stands in config.yaml"
    for stage in recipe.STAGES:
        # Which frames are kept is the variants' business (flow and latents need the pairs), `photometric` that
        # of OpenCV's solver.
        assert set(raw[stage]) == set(recipe.STAGES[stage]) - {
            "keep",
            *recipe.ignored(stage, recipe.STAGES[stage], raw[stage]),
        }


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
        (("variants", "latents.x"), {"factor": 0}, "factor is 0, expected a finite number > 1"),
        (("variants", "latents.x"), {"size": "abc"}, "size is 'abc', expected integer"),
        (
            ("variants", "latents.x"),
            {"photometric": "local"},
            "photometric is 'local' (did you mean 'global'? known: global, none)",
        ),
        (("variants", "latents.x"), {"size": 300}, "latents.x.size is 300, but faces.size is 224"),
        (("faces", "size"), 112, "latents.size is 224, but faces.size is 112"),
        (("every_method", "epochs"), 0, "epochs is 0, expected integer >= 1"),
        (("every_method", "scope"), "sample", "unknown key 'scope'"),
        (("common", "rate"), float("nan"), "nan is not of type 'number'"),
        (("common", "epochs"), 5.0, "5.0 is not of type 'integer'"),
        (("faces", "size"), 224.0, "224.0 is not of type 'integer'"),
        (("latents", "factor"), float("inf"), "inf is not of type 'number'"),
        (("variants", "flow.a/b"), {"strain": "meb"}, "letters, digits, _ and -"),
        (("variants", "latents.raw"), {"form": "pooled"}, "'latents.raw' is one that methods read"),
        (("databases", "samm", "annotations"), "x.xls", "has manifest, frames, annotations, expected either"),
        (("databases", "other"), {"manifest": "./samm.csv", "frames": "samm"}, "samm and other are the same"),
        (("compute",), {"device": "cpu"}, "'threads' is a required property"),
        (("compute", "device"), "cudda", "'cudda' is not one of the choices (did you mean 'cuda'?"),
        (("compute", "gpu"), "ture", "(did you mean 'true'? known: auto, false, true)"),
        (("audit", "over_long"), "drop", "audit.over_long: 'drop' is not one of the choices (known: exclude"),
        (("audit", "over_lang"), "keep", "audit: unknown key 'over_lang' (did you mean 'over_long'"),
        (("compute", "threads"), 2.0, "2.0 is not of type 'integer'"),
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


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, "integer >= 1"),
        ("epochs", -1, "integer >= 1"),
        ("epochs", True, "integer >= 1"),
        ("batch", 0, "integer >= 1"),
        ("gamma", -1, "a finite number > 0"),
        ("rate", float("nan"), "a finite number > 0"),
        ("rate", float("inf"), "a finite number > 0"),
        ("weight_decay", -0.1, "a finite number >= 0"),
        ("factor", 1, "a finite number > 1"),
        ("preset", "papr", "did you mean 'paper'"),
        ("pseudo_apex", "perepoch", "did you mean 'per_epoch'"),
        ("weights", "imagnet", "an existing file (did you mean 'imagenet'"),
        ("scope", "x", "known: batch, channel, sample"),
        ("places", ["blok1"], "some of block1"),
        ("places", "block1", "some of block1"),
        ("detach", 1, "true or false"),
    ],
)
def test_a_method_s_values_are_checked_before_anything_runs(raw, name, value, expected):
    raw["methods"]["infusenet_resnet18"][name] = value
    text = refused(raw)
    assert f"methods.infusenet_resnet18.{name} is {value!r}" in text
    assert expected in text


def test_every_value_that_a_method_has_by_default_is_allowed():
    for method in METHODS.values():
        given = {name: value for name, value in method.recipe.items() if name != "revision"}
        assert given.keys() <= method.settings.keys()
        assert not list(settings.problems("", given, method.settings))


def test_every_default_of_a_stage_is_allowed():
    for stage, known in settings.STAGES.items():
        given = dict(recipe.STAGES[stage])
        assert given.keys() == known.keys()
        assert not list(settings.problems(stage, given, known))


def test_stage_recipes_keep_their_text():
    """A store is taken over as long as this text is the same: it may change only with a revision."""
    latents = replace(recipe.resolve("latents"), weights="")
    opencv = recipe.resolve("flow", {"solver": "opencv_tvl1"})
    recipes = (recipe.resolve("faces"), recipe.resolve("flow"), opencv, latents)
    assert [made.to_json() for made in recipes] == [
        '{"ecc":false,"keep":"pairs","revision":1,"size":224,"stage":"faces"}',
        '{"frames":1,"revision":1,"solver":"spline_tvl1","stage":"flow","strain":"tensor"}',
        '{"photometric":"local","revision":1,"stage":"flow","strain":"tensor"}',
        '{"factor":10,"form":"pooled","latent":"difference","photometric":"none","revision":1,"size":224,'
        '"stage":"latents","weights":""}',
    ]


def test_the_tables_know_what_the_models_know():
    from infusenet.models.infusion import PRESETS
    from infusenet.models.vit import VARIANTS

    assert set(settings.METHOD["preset"].choices) == set(PRESETS)
    assert set(settings.METHOD["variant"].choices) == set(VARIANTS)


def test_all_findings_at_once(raw):
    raw["flow"]["strian"] = "tensor"
    raw["latents"]["from"] = "pooled"
    raw["faces"]["size"] = "big"
    text = refused(raw)
    assert all(word in text for word in ("strian", "from", "'big'"))


def test_a_readers_options_are_settings_of_a_database(raw):
    options = dict.fromkeys(SETTINGS, True) | {"labels": "cd6me", "emotions": "label.xlsx", "sheet": "label"}
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


def test_blocks_without_an_entry_count_as_empty(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw |= {"flow": None, "variants": None, "every_method": None}
    assert configuration.settle(raw)["flow"] == {}
    raw["databases"] = None
    assert "no databases: none is named" in refused(raw)


def test_latents_without_a_word_on_weights_take_the_shipped_ones(raw):
    del raw["latents"]["weights"]
    config = configuration.settle(raw)
    assert configuration.resolve_method(config, "infusenet_resnet18_finetuned").magnifier is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("databases:\n  casme: {}\n  samm: {}\n  casme: {}\n", "duplicate key 'casme' in lines 2 and 4"),
        ("seeds: [0]\nseeds: [1]\n", "duplicate key 'seeds' in lines 1 and 2"),
        ("flow: {strain: meb, strain: tensor}\n", "duplicate key 'strain' in lines 1 and 1"),
        ("seeds: [0\n", "no readable YAML"),
        ("a: \xff", "no readable YAML"),
        ("just words", "top level: 'just words' is not of type 'object'"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, expected):
    (tmp_path / "config.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=expected):
        configuration.load(tmp_path / "config.yaml")


@pytest.mark.parametrize("text", ["{bad", "[]", "{}"])
def test_a_bad_recipe_on_the_command_line_is_one_sentence(text, capsys):
    words = ["train", "sssnet", "--held-out", "a", "--stores", "s", "--manifests", "m", "--output", "o"]
    assert main([*words, "--recipe", text]) == 1
    assert "infusenet: " in capsys.readouterr().err


def test_settling_leaves_its_argument_alone(raw):
    before = copy.deepcopy(raw)
    configuration.settle(raw)
    assert raw == before


def test_variants_have_their_own_recipe(raw):
    raw["variants"] = {"flow.meb": {"strain": "meb"}}
    config = configuration.settle(raw)
    plain, meb = (configuration.stage_recipe(config, "flow", name) for name in ("", "meb"))
    assert (plain.strain, meb.strain) == ("tensor", "meb")
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
    assert resolved.stores["flow"].recipe == recipe.resolve("flow", raw["flow"])
    assert resolved.threads == raw["compute"]["threads"]


def test_seeds_from_the_command_line_are_numbers(raw):
    assert configuration.settle(raw | {"seeds": ["0", "2"]})["seeds"] == [0, 2]
    assert "seeds" in refused(raw | {"seeds": ["-1"]})


def test_a_reader_s_settings_are_no_paths(raw):
    raw["databases"]["samm"] = {"annotations": "a.xls", "frames": "f", "strict": True}
    assert configuration.settle(raw)["databases"]["samm"]["strict"] is True


@pytest.mark.parametrize(
    "text",
    [
        "no: 1",
        "databases: {1: {manifest: a, frames: b}}",
        "databases: {samm: {no: a}}",
        "variants: {yes: {}}",
        "audit: {off: keep}",
        "methods: {null: {}}",
    ],
)
def test_a_key_that_yaml_does_not_take_for_text(raw, text):
    assert re.search(
        r": the key (False|True|None|1) is no text: .* write it in quotes",
        refused(raw | yaml.safe_load(text)),
    )


@pytest.mark.parametrize(
    ("block", "name", "value", "spelling"),
    [
        ("common", "rate", "1e-3", "1.0e-3"),
        ("every_method", "rate", "1.5E-4", "1.5e-4"),
        ("common", "epochs", "1e2", "100"),
        ("faces", "size", "256", "256"),
    ],
)
def test_text_that_means_a_number(raw, block, name, value, spelling):
    raw[block] = dict(raw[block] or {}) | {name: value}
    assert f"this is text: write {spelling}, without quotes" in refused(raw)
    raw[block][name] = yaml.safe_load(spelling)
    configuration.check_values(json_schema.validate(raw))


def test_text_that_means_no_number_gets_no_hint(raw):
    raw["common"]["rate"] = "fast"
    assert "write" not in refused(raw)


def test_an_invisible_character_of_a_key_is_shown(raw):
    raw["faces"]["si\u200bze"] = 128
    assert "unknown key 'si\\u200bze' (did you mean 'size'?" in refused(raw)


def test_workers_are_accepted_and_reported_as_ignored(raw, capsys):
    assert not list(configuration.ignored_settings(configuration.settle(raw)))
    raw["compute"]["workers"] = 2
    (sentence,) = configuration.ignored_settings(configuration.settle(raw))
    assert sentence.startswith("compute.workers is ignored: clips are held in memory")
    remark_workers(2)
    assert capsys.readouterr().err.startswith("--workers 2 is ignored: clips")
    remark_workers(0)
    assert not capsys.readouterr().err
