"""Two labs' stores: whether they hold the same data and recipe, and the first difference."""

import shutil

import h5py
import pytest
from lab import FACES
from synthetic import RECIPES

from infusenet import cli, hashing
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import Store, sidecar_of
from infusenet.store.diff import diff


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made / "cache/samm", tmp_path / "b")
    return tmp_path / "b"


def edit(path, change):
    with h5py.File(path, "a") as file:
        change(file)
    sidecar_of(path).write_text(f"{file_digest(path)}\n")


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


def put(name, row, value):
    return lambda file: file[name].__setitem__(row, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (attribute("recipe", hashing.canonical(RECIPES["flow"] | {"strain": "meb"})), "recipe: strain is 'tensor' and 'meb'"),
        (attribute("source", hashing.canonical({"faces_recipe": FACES | {"size": 48}})), "recipe of the faces: size is 40 and 48"),
        (attribute("database", "casme"), "database is samm and casme"),
        (put("clips", 1, b"s9/c9"), "clips: 1 only in the first, first s1/c1; 1 only in the second, first s9/c9"),
        (put("clips", 1, b"s2/c2"), "clips: 1 only in the first, first s1/c1; 1 only in the second, first s2/c2 (failed in the other: no face found)"),
        (put("keys", 3, b"f" * 64), "1 of 5 clips have another key, first s0/c4: other frames"),
        (put("status", 2, b"no"), "status: clip s3/c3 is ok and no"),
        (put("items/flow", (3, 1, 2, 3), 7.5), "flow: 1 of 5 clips have other values, first s0/c4 (1 of 4800 values); at most"),
        # Another version made the same from other files: the same data and recipe.
        (attribute("package", "9.9"), ""),
        (attribute("source", hashing.canonical({"faces": "9" * 64, "faces_recipe": FACES})), ""),
    ],
)  # fmt: skip
def test_the_first_difference_of_stores(made, copy, change, expected):
    edit(copy / "flow.h5", change)
    ((name, text),) = diff(made / "cache/samm/flow.h5", copy / "flow.h5")
    assert name == "flow.h5"
    assert text.startswith(expected) if text else expected == ""
    if "at most" in text:
        moved = abs(7.5 - float(Store(made / "cache/samm/flow.h5").read("flow", "s0/c4", (1, 2, 3))))
        assert text.endswith(f"at most {moved:.4g} apart, in s0/c4")


def test_folders_are_walked_in_the_order_of_the_stages(made, copy, bundle, capsys):
    assert [name for name, _ in diff(made / "cache/samm", copy)] == [
        "faces.h5", "flow.h5", "latents.h5", "latents.magnified5.h5",
    ]  # fmt: skip
    assert not any(text for _, text in diff(made / "cache/samm", bundle))
    edit(copy / "faces.h5", put("items/frames", (0, 0, 0, 0, 0), 255))
    edit(copy / "flow.h5", put("keys", 0, b"f" * 64))
    assert cli.main(["store", "diff", str(made / "cache/samm"), str(copy)]) == 1
    assert capsys.readouterr().out.startswith("faces.h5: frames: 1 of 5 clips have other values")
    assert cli.main(["store", "diff", str(made / "cache/samm"), str(bundle)]) == 0
    assert capsys.readouterr().out == "flow.h5: the same\nlatents.h5: the same\n"
    with pytest.raises(InputError, match="one is a folder"):
        list(diff(copy, copy / "flow.h5"))


def test_annotations_of_two_bundles_are_compared_first(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "other")
    table = tmp_path / "other/manifest.csv"
    table.write_text(table.read_text().replace("samm,s1,c1,1,5,9", "samm,s1,c1,1,6,9"))
    assert next(diff(bundle, tmp_path / "other")) == ("manifest.csv", "clip s1/c1: apex is 5 and 6")
