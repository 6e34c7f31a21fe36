"""Figure 2, the steps of InfuseNet: shapes of the network at full width, every box, the same bytes twice."""

from dataclasses import replace

import pytest
from pictures import whole
from untrained import recipe_of

from infusenet import models
from infusenet.config.method_recipe import StoreRecipe
from infusenet.report import figure2


def form_of(form, **changes):
    recipe = recipe_of("infusenet_resnet18")
    latents = StoreRecipe("", replace(recipe.stores["latents"].recipe, form=form))
    return replace(recipe, stores=recipe.stores | {"latents": latents}, **changes)


def test_figure2_shapes_follow_from_the_network():
    found = figure2.shapes(models.create(form_of("raw", size=64)), form_of("raw", size=64))
    assert found["frames"] == (3, 3, 64, 64)
    assert (found["encoded"], found["manipulated"]) == ((3, 32, 32, 32), (2, 32, 32, 32))
    assert (found["pairs"], found["flow"]) == ((64, 32, 32), (3, 64, 64))
    for network in ("FrameFlow", "FrameMag"):
        assert found[f"{network}.stem"] == (64, 16, 16)
        assert found[f"{network}.block3"] == (256, 4, 4)
        assert found[f"{network}.pooled"] == (512,)
    assert found["infusion.block4"] == (512, 2, 2)
    assert found["head.mag"] == found["head.flow"] == (12,)
    assert "infusion.pooled" not in found


@pytest.mark.parametrize(("preset", "form"), [("paper", "pooled"), ("released", "raw")])
def test_figure2_shows_every_box_apart(tmp_path, shown, preset, form):
    recipe = form_of(form, size=224, preset=preset)
    for name in ("a.png", "b.png"):
        figure2.figure2(recipe, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    whole(tmp_path / "a.png")
    texts = shown[0]
    assert "block 4\n512×7×7" in texts
    scope = {"paper": "sample", "released": "batch"}[preset]
    assert f"min-max by\n{scope}\n64×56×56" in texts
    assert (f"min-max by\n{scope}\n512" in texts) == (preset == "released")
    assert any("same layer" in text for text in texts) == (preset == "released")
