"""Paths of the configuration: expanded, one spelling a folder, and never a folder named `~`."""

import os
from pathlib import Path

import pytest
import yaml

from infusenet.config import configuration, paths
from infusenet.errors import InputError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A home with a project in it, which is the working directory."""
    project = tmp_path / "home/project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path


@pytest.fixture
def raw():
    shipped = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    entry = {"annotations": " ~/books//x.xls", "frames": "$SCRATCH/./casme/"}
    return shipped | {"databases": {"casme": entry, "samm": {"manifest": "~/m.csv", "stores": "given/"}}}


@pytest.mark.parametrize("key", ["cache", "results"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "cache") for text in ("cache", "cache/", "./cache", ".//cache/.", "  cache ", "other/../cache")),
        *((f"{home}/project//cache/", "ROOT/home/project/cache") for home in ("~", "$HOME", "${HOME}", "ROOT/home")),
        ("$SCRATCH/cache", "ROOT/scratch/cache"),
        ("/srv//cache/", "/srv/cache"),
        ("../shared/./cache/", "../shared/cache"),
    ],
)  # fmt: skip
def test_a_folder_has_one_spelling(raw, here, key, text, expected):
    raw[key] = text.replace("ROOT", str(here))
    assert configuration.settle(raw)[key] == expected.replace("ROOT", str(here))


def test_paths_of_databases_standins_and_weights(raw, here):
    (here / "home/w.pth").touch()
    (here / "home/project/standins").mkdir()
    raw["latents"]["weights"] = raw["every_method"]["weights"] = "~/w.pth"
    raw["variants"] = {"latents.mine": {"weights": "$HOME/w.pth "}}
    config = configuration.settle(raw)
    home = here / "home"
    assert config["databases"]["casme"] == {
        "annotations": f"{home}/books/x.xls", "frames": f"{here}/scratch/casme"
    }  # fmt: skip
    assert config["databases"]["samm"] == {"manifest": f"{home}/m.csv", "stores": "given"}
    blocks = config["latents"], config["every_method"], config["variants"]["latents.mine"]
    assert [block["weights"] for block in blocks] == [f"{home}/w.pth"] * 3
    raw |= {"databases": {}, "standins": raw["standins"] | {"root": "~/project/standins/"}}
    assert configuration.settle(raw)["databases"]["samm"]["frames"].startswith(f"{home}/project/standins/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~nobody-of-that-name/cache", "cache is '~nobody-of-that-name/cache', expected a path in which each ~USER"),
        ("$NOWHERE/cache", "cache is '$NOWHERE/cache', expected a path in which each ~USER"),
        ("/srv/${NOWHERE}/cache", "each ~USER and $NAME exists"),
        ("  ", "cache is '  ', expected a path"),
    ],
)  # fmt: skip
def test_what_cannot_be_expanded_is_refused(raw, text, expected):
    raw["cache"] = text
    with pytest.raises(InputError) as caught:
        configuration.settle(raw)
    assert expected in str(caught.value)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("text", ["~/cache", "$SCRATCH/cache"])
def test_a_folder_that_an_earlier_version_made_of_the_sign_itself(raw, text):
    os.makedirs(text)
    raw["cache"] = text
    with pytest.raises(InputError, match="lies here.*write ./"):
        configuration.settle(raw)
    raw["cache"] = f"./{text}"
    assert configuration.settle(raw)["cache"] == text


def test_a_name_that_holds_signs_or_blanks_is_itself(here):
    for name in ("a $HOME b", "a$5", "a~", " a ", "a$NOWHERE"):
        (here / name).mkdir()
        assert paths.expand(f"{here}/{name}", "frames") == f"{here}/{name}"
        assert paths.expand(f"{here}/{name}/cache", "cache") == f"{here}/{name}/cache", "not there yet"


def test_a_step_back_behind_a_link_is_another_folder(here):
    (here / "far/inner").mkdir(parents=True)
    Path("link").symlink_to(here / "far/inner")
    assert paths.plain("link/../cache") == "link/../cache"
    assert paths.plain("link/./cache/") == "link/cache"
