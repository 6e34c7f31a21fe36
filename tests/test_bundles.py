"""Bundles: what goes into them, that nothing wrong comes in, and that their settings fit."""

import json
import shutil
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from lab import FACES, LATENTS, MAGNIFIED, lab
from synthetic import RECIPES
from tar_files import member, tar_of, tar_with

from infusenet import cli, hashing
from infusenet.config import configuration
from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import read_manifest
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import sidecar_of
from infusenet.store.bundles import configuration_text as settings
from infusenet.store.bundles import export
from infusenet.store.bundles import import_bundle as take_in

ROOT = Path(__file__).parents[1]
SHARED = {"flow.h5", "latents.h5"}


def reindex(folder, change):
    """Bring bundle.json's digests up to date, then edit it."""
    index = json.loads((folder / "bundle.json").read_text())
    index["files"] = {name: hashing.file_digest(folder / name) for name in index["files"]}
    change(index)
    (folder / "bundle.json").write_text(json.dumps(index))


def test_a_bundle_has_no_faces_no_folders_and_the_notice(made, bundle):
    files = {path.name for path in bundle.iterdir()}
    assert files == SHARED | {f"{n}.sha256" for n in SHARED} | {"manifest.csv", "bundle.json", "README.txt"}
    for name in SHARED:
        assert (bundle / name).read_bytes() == (made / "cache/samm" / name).read_bytes()
    clips = read_manifest(bundle / "manifest.csv")
    assert {clip.frames for clip in clips} == {""}
    annotated = read_manifest(made / "manifests/samm.csv")
    assert [(c.key, c.onset, c.labels) for c in clips] == [(c.key, c.onset, c.labels) for c in annotated]
    told = (bundle / "README.txt").read_text()
    assert all(
        text in told for text in ("samm, 6 clips", "Licence.", "flow.h5: 5 clips", "No store in it shows")
    )
    assert str(made) not in told + (bundle / "bundle.json").read_text()


def test_with_faces_everything_goes_along_and_is_said(made, tmp_path):
    names = export("samm", made / "cache", made / "manifests", tmp_path / "all.tar", faces=True)
    assert set(names) == SHARED | {"faces.h5", "latents.magnified5.h5"}
    with tarfile.open(tmp_path / "all.tar") as tar:
        notice = tar.extractfile("README.txt").read().decode()
        assert {(m.mtime, m.uid, m.uname) for m in tar.getmembers()} == {(0, 0, "")}
    assert "It shows faces: faces.h5, latents.magnified5.h5." in notice
    assert take_in(tmp_path / "all.tar", tmp_path / "there") == ("samm", tmp_path / "there/samm")


def test_tar_and_folder_hold_the_same(made, bundle, tmp_path):
    for name in ("one.tar", "two.tar"):
        export("samm", made / "cache", made / "manifests", tmp_path / name, faces=False)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    _, folder = take_in(tmp_path / "one.tar", tmp_path / "there")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in bundle.iterdir()
    }
    with pytest.raises(InputError, match="there/samm exists"):
        take_in(tmp_path / "one.tar", tmp_path / "there")
    assert take_in(folder, tmp_path) == ("samm", folder)


def test_what_cannot_be_exported_is_said(made, bundle, tmp_path):
    with pytest.raises(InputError, match="bundle exists"):
        export("samm", made / "cache", made / "manifests", bundle, faces=False)
    root = lab(tmp_path / "own")
    table = root / "manifests/samm.csv"
    table.write_text(table.read_text().replace("samm,s1,c1,", "samm,s1,c9,"))
    with pytest.raises(InputError, match="clip s1/c9: is in the manifest and neither stored"):
        export("samm", root / "cache", root / "manifests", tmp_path / "new", faces=False)
    for name in ("flow", "latents"):
        (root / f"cache/samm/{name}.h5").unlink()
    with pytest.raises(InputError, match="no store to export .found: faces.h5, latents.magnified5.h5."):
        export("samm", root / "cache", root / "manifests", tmp_path / "new", faces=False)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*"))


def flip(folder):
    data = bytearray((folder / "flow.h5").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "flow.h5").write_bytes(data)


def link(folder):
    (folder / "latents.h5").rename(folder.parent / "outside.h5")
    (folder / "latents.h5").symlink_to(folder.parent / "outside.h5")


def other_recipe(folder):
    reindex(folder, lambda index: index["stores"]["flow.h5"].update(strain="meb"))


def newer_stage(folder):
    with h5py.File(folder / "flow.h5", "a") as file:
        newer = json.loads(file.attrs["recipe"]) | {"revision": 99}
        file.attrs["recipe"] = hashing.canonical(newer)
    sidecar_of(folder / "flow.h5").write_text(f"{file_digest(folder / 'flow.h5')}\n")
    reindex(folder, lambda index: index["stores"].update({"flow.h5": newer}))


def other_faces(folder):
    with h5py.File(folder / "flow.h5", "a") as file:
        source = json.loads(file.attrs["source"]) | {"faces_recipe": FACES | {"ecc": True}}
        file.attrs["source"] = hashing.canonical(source)
    sidecar_of(folder / "flow.h5").write_text(f"{file_digest(folder / 'flow.h5')}\n")
    reindex(folder, lambda index: None)


def lost_clip(folder):
    table = folder / "manifest.csv"
    table.write_text("".join(line for line in table.open() if ",c1," not in line))
    reindex(folder, lambda index: None)


def not_a_number(folder):
    with h5py.File(folder / "flow.h5", "a") as file:
        file["items/flow"][1, 0, 2, 3] = np.nan
    sidecar_of(folder / "flow.h5").write_text(f"{file_digest(folder / 'flow.h5')}\n")
    reindex(folder, lambda index: None)


def escaping(folder):
    reindex(folder, lambda index: index["files"].update({"../../flow.h5": "0" * 64}))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (flip, "flow.h5: other bytes than were exported"),
        (link, "latents.h5: a link, expected a plain file"),
        (lambda folder: (folder / "flow.h5.sha256").unlink(), "flow.h5.sha256: missing"),
        (lambda folder: (folder / "run.py").write_text("pass"), "run.py: not listed in bundle.json"),
        (lambda folder: (folder / "bundle.json").unlink(), "no bundle.json"),
        (lambda folder: (folder / "bundle.json").write_text("[" * 100_000), "bundle.json is not one that"),
        (lambda folder: (folder / "bundle.json").write_text("[]"), "bundle.json is not one that"),
        (lambda folder: reindex(folder, lambda i: i.update(version=2)), "version 2, expected infusenet-bundle version 1"),
        (lambda folder: reindex(folder, lambda i: i.update(database="../samm")), "bundle.json is not one that"),
        (escaping, "bundle.json is not one that"),
        (other_recipe, "flow.h5: of another stage or recipe than bundle.json says"),
        (newer_stage, "flow.h5: made by revision 99 of flow"),
        (other_faces, "latents.h5: made from faces of which ecc is False, expected True, in "),
        (lost_clip, "clip s1/c1: is in the store and not in the manifest"),
        (not_a_number, "clip s1/c1: flow: 1 of 4800 values are NaN or infinite"),
    ],
)  # fmt: skip
def test_nothing_wrong_comes_in(bundle, damage, expected):
    damage(bundle)
    with pytest.raises(InputError) as caught:
        take_in(bundle, bundle.parent / "there")
    assert expected in str(caught.value)


def test_folders_of_a_file_server_are_no_damage(bundle):
    for name in ("@eaDir", "lost+found"):
        (bundle / name).mkdir()
    (bundle / ".DS_Store").touch()
    assert take_in(bundle, bundle.parent / "there") == ("samm", bundle)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (member("../flow.h5"), "'../flow.h5': expected the files of a bundle"),
        (member("/tmp/flow.h5"), "'/tmp/flow.h5': expected the files of a bundle"),
        (member("sub/flow.h5"), "'sub/flow.h5': expected the files of a bundle"),
        (member("flow.h5"), "'flow.h5': expected the files of a bundle, without folders, each once"),
        (member("latents.raw.h5", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "'latents.raw.h5': expected a plain"),
        (member("latents.raw.h5", type=tarfile.LNKTYPE, linkname="flow.h5"), "'latents.raw.h5': expected a plain"),
        (member("latents.raw.h5", type=tarfile.FIFOTYPE), "'latents.raw.h5': expected a plain"),
    ],
)  # fmt: skip
def test_a_tar_cannot_reach_out(bundle, tmp_path, bad, expected):
    path = tar_with(bad, bundle, tmp_path / "bad.tar")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        take_in(path, tmp_path / "there")
    assert expected in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


def test_a_tar_that_is_wrong_leaves_nothing(bundle, tmp_path):
    flip(bundle)
    path = tar_of(bundle, tmp_path / "flipped.tar")
    with pytest.raises(InputError, match="flow.h5: other bytes"):
        take_in(path, tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"no readable .tar|refused|other bytes|missing"):
        take_in(path, tmp_path / "there")


def settled(lines):
    """The shipped configuration under the printed lines."""
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text()) | {"every_method": {"size": 32}}
    for name, block in yaml.safe_load(lines).items():
        raw[name] |= block
    raw["databases"] |= {"other": {"manifest": "m.csv", "frames": "f"}}
    return configuration.settle(raw)


def test_the_printed_lines_declare_the_stores_recipes(made, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, chosen in (("samm.tar", ["--without-faces"]), ("all", ["--with-faces", "--output", "all"])):
        words = ["--stores", str(made / "cache"), "--manifests", str(made / "manifests")]
        assert cli.main(["store", "export", "samm", *chosen, *words]) == 0
        assert cli.main(["store", "import", str(tmp_path / name), "--output", str(tmp_path / "shared")]) == 0
        folder = tmp_path / ("shared/samm" if name.endswith("tar") else "all")
        config = settled(capsys.readouterr().out.split("\n\n", 1)[1])
        assert config["databases"]["samm"] == {"manifest": f"{folder}/manifest.csv", "stores": str(folder)}
        assert configuration.stage_recipe(config, "faces").as_dict() == FACES
        method = configuration.resolve_method(config, "infusenet_resnet18")
        assert method.stores["flow"].recipe.as_dict() == RECIPES["flow"]
        assert method.stores["latents"].recipe.as_dict() == LATENTS
        if name == "all":
            assert configuration.stage_recipe(config, "latents", "magnified5").as_dict() == MAGNIFIED


def test_an_unusual_variant_is_configured_too(made, tmp_path):
    folder = tmp_path / "samm"
    shutil.copytree(made / "cache/samm", folder)
    wanted = resolve("flow", {"solver": "opencv_tvl1", "strain": "meb", "photometric": "none"}).as_dict()
    with h5py.File(folder / "flow.h5") as file, h5py.File(folder / "flow.mine.h5", "w") as mine:
        for name in file:
            file.copy(name, mine)
        for name, value in file.attrs.items():
            mine.attrs[name] = value
        mine.attrs["recipe"] = hashing.canonical(wanted)
    config = settled(settings({"samm": folder}))
    assert configuration.stage_recipe(config, "flow", "mine").as_dict() == wanted


def test_a_variant_that_no_settings_declare(made, tmp_path):
    folder = tmp_path / "samm"
    shutil.copytree(made / "cache/samm", folder)
    with h5py.File(folder / "latents.magnified5.h5", "a") as file:
        file.attrs["recipe"] = hashing.canonical(MAGNIFIED | {"photometric": "global"})
    with pytest.raises(
        InputError, match="together with this latents.h5: photometric is 'global', expected 'none'"
    ):
        settings({"samm": folder})


def test_databases_of_different_recipes_do_not_go_together(made, tmp_path):
    lab(tmp_path, "casme2", size=48)
    with pytest.raises(InputError, match="faces: size is 40 and 48 in"):
        settings({"samm": made / "cache/samm", "casme2": tmp_path / "cache/casme2"})
