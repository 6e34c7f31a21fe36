"""What Snakemake's own triggers miss or overdo, on the real rules.

`test_workflow.test_what_reruns` has more: touched frames, a frame replaced under its old time, a
re-copied store, a table saved again, an edited label, changed settings. docs/faults.md has all in a table.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

import openpyxl
import pytest
import torch
import yaml
from filling import CLIPS, fill, work
from owners import RELEASES
from projects import NAMES, copy_package, reconfigure, snakemake, would_run
from snakemake.persistence.file import FilePersistence

from infusenet.config import configuration
from infusenet.config import stage_recipes as recipe
from infusenet.errors import InputError
from infusenet.preprocess import build_store
from infusenet.snakemake_state import cut_outputs, unrecorded_outputs
from infusenet.store import Store
from infusenet.training import run_folder
from infusenet.training.run_folder import save_weights

WEIGHTS = "results/infusenet_resnet18/{}/seed0/weights.safetensors"


def rewrite(path, old, new):
    """Other content under the old time, as `rsync -a`, `cp -p` and archives leave it."""
    stat, text = path.stat(), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_what_else_reruns(finished):
    """Changes on top of one another; none of the first ones computes anything new."""
    stores = sorted((finished / "cache").rglob("*.h5"))
    weights = [finished / WEIGHTS.format(name) for name in NAMES]
    for large in stores + weights:  # over 1 MB Snakemake compares times alone
        large.write_bytes(large.read_bytes() + b"\0" * 1_100_000)
        os.utime(large)
    Path(shutil.copy(weights[0], finished / "copy")).replace(weights[0])
    for rules in (finished / "Snakefile", *(finished / "workflow").rglob("*.smk")):
        os.utime(rules)
    assert would_run(finished) == {}, "large files and rules that were touched"

    for output in (stores[0], weights[0]):
        output.write_bytes(b"garbage" * 9)
    whole = stores[1].read_bytes()
    stores[1].write_bytes(b"")
    assert would_run(finished) == {}, "an overwritten output, and an empty one that nothing needs"
    assert not stores[1].exists()
    stores[1].write_bytes(whole)
    with pytest.raises(InputError, match="delete it and build it again"):  # what reads it says so
        Store(stores[0])
    with pytest.raises(InputError, match="delete it and train this run again"):
        run_folder.load_weights(weights[0].parent)

    reconfigure(
        finished, lambda config: config["compute"].update(processes=3, workers=1, precision="float32")
    )
    assert would_run(finished) == {}, "settings of the machine, not of the result"

    rules, command = finished / "workflow/rules/preprocess.smk", "infusenet --log {log:q} flow"
    rewrite(rules, command, f"nice {command}")
    assert would_run(finished) == {"flow": 3, "train": 3, "predict": 3, "evaluate": 1}, "an edited rule"
    rewrite(rules, f"nice {command}", command)

    rewrite(finished / "raw/one.csv", ",4,0,0,1,", ",1+4,1,0,1,")
    assert would_run(finished) == {"train": 2, "predict": 3, "evaluate": 1}, "a label under an old time"
    done = snakemake(finished, "--", *(WEIGHTS.format(name) for name in NAMES[1:]))
    assert done.returncode == 0, done.stderr
    assert would_run(finished) == {"predict": 3, "evaluate": 1}, "trained again, with equal logs"

    (finished / "raw/two/s1/c1/5.jpg").write_bytes(b"new content under a new time")
    stages = {"faces": 1, "flow": 1, "latents": 1}
    changed = stages | {"train": 2, "predict": 3, "evaluate": 1}
    assert would_run(finished) == changed

    # Snakemake does not see an edited module; the revision that an edit must raise is in the params.
    package = finished / "infusenet"  # what runs there imports it in place of the installed one
    copy_package(finished)
    with open(package / "config/stage_recipes.py", "a") as file:
        file.write("\nEDITED = True\n")
    assert would_run(finished) == changed, "an edited module"
    with open(package / "config/stage_recipes.py", "a") as file:
        file.write('\nSOLVER_REVISIONS["spline_tvl1"] += 1\n')
    assert would_run(finished)["flow"] == 3, "the stage of the raised revision"
    shutil.rmtree(package)

    shutil.rmtree(finished / ".snakemake")
    done = snakemake(finished, "-n")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert ".snakemake/metadata has no record of these" in said
    assert all(f"rm cache/{store.parent.name}/{store.name}.sha256" in said for store in stores)
    assert "results/infusenet_resnet18/two/seed0/weights.safetensors: damaged" in said
    assert "Traceback" not in said


def test_a_workbook_that_was_saved_again_reruns_nothing(project):
    """Other bytes, the same rows."""
    book, frames = RELEASES["fourd"]().write(project / "owner")

    def with_a_workbook(config):
        config["databases"] = {
            "one": config["databases"]["one"],
            "fourd": {"annotations": str(book), "frames": str(frames)},
        }

    reconfigure(project, with_a_workbook)
    target = "results/infusenet_resnet18/one/seed0/predictions.csv"
    done = snakemake(project, "--", target)
    assert done.returncode == 0, done.stderr
    before = book.read_bytes()
    again = openpyxl.load_workbook(book)
    again.properties.creator = "a colleague"
    again.save(book)
    assert book.read_bytes() != before
    assert would_run(project, target) == {}


RUN = "results/infusenet_resnet18/casme/seed0"


@pytest.fixture
def unrecorded(tmp_path, monkeypatch):
    """A working directory without Snakemake's records of what lies there: a store and a run of the
    settings. Of something else there is one."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    config |= {"databases": {"casme": {}}, "cache": "cache", "results": "results"}
    fill("cache/casme/flow.h5", recipe=configuration.stage_recipe(config, "flow").as_dict())
    recipe = configuration.resolve_method(config, "infusenet_resnet18")
    Path(RUN).mkdir(parents=True)
    save_weights(Path(RUN), torch.nn.Linear(1, 1), {"recipe": recipe.as_dict()})
    record("results/metrics.csv")
    return config


def record(output, kind="metadata"):
    """What Snakemake itself leaves of an output."""
    snakemake = FilePersistence()
    write = {"metadata": snakemake._metadata_path, "incomplete": snakemake._incomplete_path}
    snakemake._io_write(write[kind], {}, output)


def test_outputs_of_the_configured_settings_need_no_records(unrecorded):
    unrecorded_outputs.check(unrecorded)


def test_copies_beside_a_run_are_none(unrecorded):
    """Kept of another training, and cut since: nobody's business."""
    for copy in (f"{RUN}_before", f"{RUN} (copy)"):
        shutil.copytree(RUN, copy)
        Path(copy, "log.csv").touch()
    Path(f"{RUN}.zip").touch()
    shutil.rmtree(RUN)
    unrecorded["every_method"] = {"epochs": 7}
    unrecorded_outputs.check(unrecorded)
    assert cut_outputs.set_aside(unrecorded) == []
    assert Path(f"{RUN}_before/log.csv").exists()


def test_without_records_other_settings_are_refused(unrecorded):
    unrecorded["flow"]["strain"] = "meb"
    unrecorded["every_method"] = {"epochs": 7}
    with pytest.raises(InputError) as caught:
        unrecorded_outputs.check(unrecorded)
    headline, store, run = str(caught.value).splitlines()
    assert "Somebody may work with them: set other folders for your settings, `cache` for stores" in headline
    assert (
        "cache/casme/flow.h5: strain is 'tensor', expected 'meb'. Set `cache` to another folder, or name a "
        in store
    )
    assert store.endswith(
        """`variants: {"flow.NAME": {"strain": "meb"}}`, or rm cache/casme/flow.h5.sha256"""
    )
    assert f"{RUN}: epochs is 50, expected 7" in run
    assert run.endswith(f". Set `results` to another folder, or rm -r {RUN}")


def test_the_variant_that_is_offered_is_one(unrecorded):
    unrecorded["flow"] |= {"solver": "opencv_tvl1", "strain": "meb", "photometric": "none"}
    with pytest.raises(InputError) as caught:
        unrecorded_outputs.check(unrecorded)
    (offered,) = re.findall(r"`variants: (.*?)`", str(caught.value))
    unrecorded |= {"variants": yaml.safe_load(offered), "flow": {}}
    wanted = {"strain": "meb", "photometric": "none"}
    assert configuration.stage_recipe(unrecorded, "flow", "NAME").as_dict().items() >= wanted.items()


def test_another_revision_can_only_have_a_cache_of_its_own(unrecorded, monkeypatch):
    monkeypatch.setitem(recipe.SOLVER_REVISIONS, "spline_tvl1", 2)
    with pytest.raises(
        InputError, match="revision is 1, expected 2. Set `cache` to another folder, or rm cache"
    ):
        unrecorded_outputs.check(unrecorded)


@pytest.mark.parametrize("kind", ["metadata", "incomplete"])
def test_with_records_snakemake_decides(unrecorded, kind):
    unrecorded["flow"]["strain"] = "meb"
    unrecorded["every_method"] = {"epochs": 7}
    record("cache/casme/flow.h5", kind)
    with pytest.raises(InputError) as caught:
        unrecorded_outputs.check(unrecorded)
    assert RUN in str(caught.value)
    assert "flow.h5" not in str(caught.value)
    record(f"{RUN}/weights.safetensors", kind)
    unrecorded_outputs.check(unrecorded)


def test_given_stores_of_other_faces_than_the_configured_are_refused(unrecorded):
    path = Path("shared/flow.h5")
    build_store.fill(
        path, stage="flow", database="samm", recipe=configuration.stage_recipe(unrecorded, "flow").as_dict(),
        source={"faces_recipe": configuration.stage_recipe(unrecorded, "faces").as_dict()}, clips=CLIPS, work=work,
    )  # fmt: skip
    unrecorded["databases"]["samm"] = {"stores": "shared", "manifest": "shared/manifest.csv"}
    unrecorded_outputs.check(unrecorded)
    unrecorded["faces"]["ecc"] = True
    with pytest.raises(InputError, match="flow.h5: made from faces of which ecc is False, expected True"):
        unrecorded_outputs.check(unrecorded)


def test_a_record_under_a_long_path_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = f"/srv/{'folder/' * 60}flow.h5"
    assert not unrecorded_outputs.recorded(long)
    record(long)
    assert unrecorded_outputs.recorded(long)


def test_faces_of_other_frames_in_a_cache_that_was_filled_elsewhere(unrecorded):
    listed = Path("cache/casme/clips.csv")
    build_store.fill(
        listed.with_name("faces.h5"), stage="faces", database="casme", clips=CLIPS, work=work,
        recipe=configuration.stage_recipe(unrecorded, "faces").as_dict(), source={"clips": hashlib.sha256(b"before").hexdigest()},
    )  # fmt: skip
    listed.write_bytes(b"before")
    unrecorded_outputs.check(unrecorded)
    listed.write_bytes(b"after")
    with pytest.raises(InputError, match="faces.h5: was not made from cache/casme/clips.csv as it is now"):
        unrecorded_outputs.check(unrecorded)
