"""Recipes as values: their text, their fields, and what another version wrote."""

import json
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import yaml
from synthetic import RECIPE, RECIPES

from infusenet import cli
from infusenet.config import configuration, method_recipe, options, stage_recipes
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.methods import METHODS, VARIANTS
from infusenet.errors import InputError
from infusenet.training.predict import predict
from infusenet.training.run_folder import save_weights

ROOT = Path(__file__).parents[1]
# The first 16 hex digits of the sha256 of every recipe's text, with workflow/config.yaml as it is shipped and the
# first magnifier's weights: stores and runs of the time before the second stay valid by `latents: {weights: v1}`.
DIGESTS = {
    "faces": "a476994dd2f710d3",
    "flow": "3ace2d369e1c530b",
    "latents": "0edc701859b7732e",
    "latents.raw": "30778ad48b3c76a7",
    "latents.decoded": "2aab1791dda22f13",
    "latents.magnified5": "d744f6f2eddfdd98",
    "latents.magnified10": "2b70a7363f8949ba",
    "latents.magnified15": "017b62b712b68a18",
    "latents.magnified20": "4a3d684bbdafa37c",
    "faces.first10": "7faef6241b71ce2e",
    "faces.tim10": "4c8b205e70aabdac",
    "faces.span": "6ca9b21ad8bc894f",
    "lbp_top": "7742d950d019eef4",
    "off_apexnet": "004f3e7df3c18cb8",
    "sssnet": "a7b64f3a79f0f150",
    "resnet10": "7e09403580b0bec2",
    "resnet18_flow": "327513556afda80c",
    "resnet18_mag": "e4a1f644b864778d",
    "resnet34": "e7c2b4f2a7a6b735",
    "resnet50": "7923f94608596e1b",
    "led": "fe6e19b95deff49c",
    "vit_tiny_flow": "296735af14bbfaf4",
    "vit_tiny_mag": "002c8f0494975e4b",
    "late_fusion": "d3a21b997400421c",
    "infusenet_vit": "7f209e24bbd90087",
    "infusenet_resnet18": "a2111c90b80bbb3d",
    "infusenet_resnet18_released": "1d356ddd95a1606d",
    "infusenet_resnet18_decoded": "185c23d0eca33b78",
    "infusenet_resnet18_finetuned": "a05765d6dc4c3a06",
    "infusenet_resnet18_factor5": "a0afa992150b9f37",
    "infusenet_resnet18_factor10": "16be8b562b57fa4a",
    "infusenet_resnet18_factor15": "29e059cfb876a8cf",
    "infusenet_resnet18_factor20": "55c4f5303ff447b5",
    "infusenet_resnet18_magnified5": "986a8f6edc0a3cf1",
    "infusenet_resnet18_magnified10": "072bd621b32dda26",
    "infusenet_resnet18_magnified15": "8d8c19e4c0b07f6c",
    "infusenet_resnet18_magnified20": "6fd26cbcd0b2ecc4",
    "flow.opencv": "5238eec2f3df930d",
}


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load((ROOT / "workflow/config.yaml").read_text())


def recipes_of(config):
    """{name: recipe} of every stage, variant and method."""
    config = config | {"variants": {"flow.opencv": {"solver": "opencv_tvl1"}}}
    stores = {name: configuration.stage_recipe(config, name) for name in options.STAGES}
    for name in (*VARIANTS, *config["variants"]):
        stage, _, variant = name.partition(".")
        stores[name] = configuration.stage_recipe(config, stage, variant)
    return stores | {name: configuration.resolve_method(config, name) for name in METHODS}


def test_every_text_is_that_of_before(config):
    """Snakemake makes everything again where a text changes. It may do so only with a revision."""
    first = config | {"latents": (config["latents"] or {}) | {"weights": "v1"}}
    texts = {name: recipe.to_json() for name, recipe in recipes_of(first).items()}
    assert {name: sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()} == DIGESTS


def test_without_a_word_the_newest_magnifier_is_used():
    newest = stage_recipes.resolve("latents", {"weights": list(stage_recipes.SHIPPED)[-1]})
    assert stage_recipes.resolve("latents") == newest != stage_recipes.resolve("latents", {"weights": "v1"})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"methods": {"infusenet_vit": {"variant": "patch16"}, "lbp_top": {"frames": "tim10"}}},
        {"methods": {"infusenet_resnet18": {"scope": "channel", "places": ["block1"], "detach": False}}},
        {"latents": {"weights": str(stage_recipes.SHIPPED_WEIGHTS)}},
    ],
)
def test_a_recipe_comes_back_from_its_text(config, settings):
    for name, recipe in recipes_of(config | settings).items():
        module = method_recipe if name in METHODS else stage_recipes
        assert module.from_dict(json.loads(recipe.to_json()), name) == recipe, name


def test_the_fields_are_the_options():
    for stage, table in options.STAGES.items():
        names = {field.name for field in fields(stage_recipes.RECIPES[stage])}
        assert names == {"revision", *table}
    fixed = {name for definition in METHODS.values() for name in definition.fixed}
    settings = {name for definition in METHODS.values() for name in definition.settings}
    assert {field.name for field in fields(MethodRecipe)} == {
        "method", "revision", "threads", "stores", *fixed, *settings, *method_recipe.DERIVED
    }  # fmt: skip


def without(values, name):
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (RECIPES["flow"] | {"solvr": 1}, "flow.h5: recipe refused; .*: flow: unknown key 'solvr'"),
        (without(RECIPES["flow"], "strain"), "flow.h5: recipe refused; .*: flow.strain is missing"),
        (without(RECIPES["flow"], "revision"), "flow.revision is missing"),
        (RECIPES["flow"] | {"strain": "mbe"}, "flow.strain is 'mbe' .did you mean 'meb'"),
        (RECIPES["flow"] | {"stage": "flw"}, "flow.h5: .* unknown stage 'flw' .did you mean 'flow'"),
        (without(RECIPES["flow"], "stage"), "unknown stage 'None'"),
        # Each solver has its own keys.
        (RECIPES["flow"] | {"photometric": "local"}, "flow: unknown key 'photometric'"),
        (without(RECIPES["flow"], "solver"), "(?s)flow: unknown key 'frames'.*flow.photometric is missing"),
        (RECIPES["flow"] | {"solver": "tvl1"}, "flow.solver is 'tvl1' .known: opencv_tvl1"),
    ],
)
def test_a_store_s_recipe_of_another_version_is_refused(values, expected):
    with pytest.raises(InputError, match=expected):
        stage_recipes.from_dict(values, "flow.h5")


def stores_with(**changes):
    return {"stores": RECIPE.as_dict()["stores"] | changes}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"solver": 1}, "recipe: unknown key 'solver'"),
        ({"variant": "patch16"}, "recipe: unknown key 'variant'"),
        ({"epochs": 0}, "recipe.epochs is 0, expected integer >= 1"),
        ({"method": "infusenet"}, "unknown method 'infusenet' .did you mean"),
        ({"stores": 3}, "stores is 3, expected an object"),
        (stores_with(flow=3), "stores.flow is 3, expected an object with `variant` and `recipe`"),
        (
            stores_with(flow={"variant": "", "recipe": without(RECIPES["flow"], "strain")}),
            "stores.flow: flow.strain is missing",
        ),
    ],
)
def test_a_training_s_recipe_of_another_version_is_refused(change, expected):
    with pytest.raises(
        InputError, match=f"^run: recipe refused; use the infusenet that wrote it, .*: {expected}"
    ):
        method_recipe.from_dict(RECIPE.as_dict() | change, "run")


def test_all_that_is_wrong_is_reported_at_once():
    values = without(without(RECIPE.as_dict(), "epochs"), "threads") | {"rate": -1}
    with pytest.raises(InputError) as caught:
        method_recipe.from_dict(values, "run")
    headline, *lines = str(caught.value).splitlines()
    assert headline.endswith("(3):")
    assert [line.split()[0] for line in lines] == ["epochs", "threads", "recipe.rate"]


def test_a_run_of_another_version_is_refused_with_its_file(tmp_path):
    facts = {"recipe": without(RECIPE.as_dict(), "gamma"), "held_out": "alpha", "seed": 0}
    save_weights(tmp_path, torch.nn.Linear(1, 1), facts)
    with pytest.raises(InputError, match="weights.safetensors: recipe refused; .*: gamma is missing"):
        predict(tmp_path, tmp_path, tmp_path)


def test_the_file_of_initial_weights_may_be_gone():
    """A finished run has its own weights."""
    recipe = replace(RECIPE, weights="gone.pth", weights_sha256="0" * 64)
    assert method_recipe.from_dict(recipe.as_dict(), "run") == recipe


def test_a_recipe_on_the_command_line_is_checked(capsys):
    words = ["train", RECIPE.method, "--held-out", "a", "--stores", "s", "--manifests", "m", "--output", "o"]
    text = json.dumps(without(RECIPE.as_dict(), "gamma"))
    assert cli.main([*words, "--recipe", text]) == 1
    assert "infusenet: --recipe: recipe refused; " in (err := capsys.readouterr().err)
    assert "gamma is missing" in err
