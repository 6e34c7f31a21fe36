"""A newcomer's database: a reader is one file, one line in READERS and an errata table; nothing else changes."""

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from owners import RELEASES, Release, numbered, rows
from projects import ROOT, copy_package
from synthetic import RECIPES, recipe_of, work, write_database

from infusenet.databases import ERRATA, READERS, clip_table, reader, readers
from infusenet.hashing import digest
from infusenet.preprocess.build_store import fill
from infusenet.protocol import CD6ME
from infusenet.training.predict import predict
from infusenet.training.trainer import train

FILE = '''"""SMIC-like: subjects `p1`, folders by subject."""

from infusenet.databases.database_reader import Reader
from infusenet.databases.releases import Release, by_layout

READER = Reader(
    database="newbase",
    releases=[Release("v1", "the first release (3 rows)", 3)],
    identify=by_layout(v1=lambda sheet: sheet.count == 3),
    fps=100,
    columns={
        "subject": ("Person",),
        "clip": ("Video",),
        "onset": ("First",),
        "apex": ("Peak",),
        "offset": ("Last",),
        "au": ("FACS",),
        "emotion": ("Label",),
    },
    subject=(r"p([0-9]+)", "p{}"),
    folders=lambda row: [[(row.subject, row.clip)]],
)
'''
HEADER = ["Person", "Video", "First", "Peak", "Last", "FACS", "Label"]
LINES = (
    ("p1", "v1", 3, 60, 70, "1+2", "surprise"),
    ("p1", "v2", 1, 4, 9, "4", "disgust"),
    ("p2", "v1", 5, 5, 90, "R12", "happiness"),
)


def newbase() -> Release:
    folders = {f"{line[0]}/{line[1]}": numbered("{:03d}.jpg", line[2], line[4]) for line in LINES}
    return Release("newbase", "newbase.xlsx", HEADER, rows(HEADER, *LINES), folders)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a seventh reader, and a workbook with frames for it."""
    root = tmp_path_factory.mktemp("newcomer")
    copy_package(root)
    shutil.copytree(ROOT / "workflow", root / "workflow")
    registry = root / "infusenet/databases/readers/__init__.py"
    registry.write_text(registry.read_text().replace('    "casme3a",\n', '    "casme3a",\n    "newbase",\n'))
    (root / "infusenet/databases/readers/newbase.py").write_text(FILE)
    errata, (header, *_) = (
        root / "infusenet/databases/tables/errata",
        (ERRATA / "samm.csv").read_text().splitlines(),
    )
    (errata / "newbase.csv").write_text(f"{header}\np2,v1,,,,,80,,,the owner's letter\n")
    newbase().write(root / "raw")
    RELEASES["samm"]().write(root / "samm")
    return root


def command(project, *words):
    """`infusenet` of the copy."""
    script = (
        f"import sys; sys.path.insert(0, {str(project)!r}); from infusenet.cli import main; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *words], cwd=project, capture_output=True, text=True, check=False
    )


def configured(project, name, **block):
    raw = yaml.safe_load((project / "workflow/config.yaml").read_text())
    own = {"annotations": "raw/newbase.xlsx", "frames": "raw/frames"} | block
    samm = {"annotations": "samm/SAMM_Micro_FACS_Codes_v2.xlsx", "frames": "samm/frames"}
    raw["databases"] = {name: own, "samm": samm}
    (project / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    return f"{name}.yaml"


def test_the_registry_is_one_line_per_file():
    folder, tables = Path(readers.__file__).parent, {path.stem for path in ERRATA.glob("*.csv")}
    assert sorted(READERS) == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert set(CD6ME) <= set(READERS) <= tables
    assert all(reader(name).database == name for name in READERS)


def test_readers_are_loaded_when_one_is_used():
    script = (
        "import sys; import infusenet.databases.sync; "
        "print([name for name in sys.modules if 'databases.readers.' in name or name == 'openpyxl'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_its_workbook_is_read(project):
    run = command(
        project, "read", "newbase", "--annotations", "raw/newbase.xlsx", "--frames", "raw/frames",
        "--output", "out.csv", "--compare", "out.csv",
    )  # fmt: skip
    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "3 clips read, 3 in out.csv: no clip differs")
    assert "CD6ME" not in run.stderr, "nothing to compare with"
    clips = clip_table.read_manifest(project / "out.csv")
    assert [(clip.key, clip.onset, clip.apex, clip.offset) for clip in clips] == [
        ("p1/v1", 3, 60, 70), ("p1/v2", 1, 4, 9), ("p2/v1", 5, 5, 80),
    ]  # fmt: skip
    assert [{n for n, active in clip.labels.items() if active} for clip in clips] == [{1, 2}, {4}, {12}]


def test_a_copy_of_its_workbook_is_no_copy_of_cd6me(project):
    release = newbase()
    del release.rows[1:]
    release.write(project / "less")
    words = ("--annotations", "less/newbase.xlsx", "--frames", "less/frames", "--output", "less.csv")
    run = command(project, "read", "newbase", *words)
    assert run.returncode == 0
    assert "none of the known releases; the reader was made for the first release (3 rows)" in run.stderr
    assert "CD6ME" not in run.stderr


def test_an_unknown_name_is_answered_with_it(project):
    run = command(project, "read", "newbse", "--annotations", "x", "--frames", "y", "--output", "z")
    assert run.returncode == 1
    assert "unknown database 'newbse' (did you mean 'newbase'?" in run.stderr
    run = command(project, "audit", "mine", "--config", configured(project, "mine"))
    assert "databases.mine: unknown database 'mine' (known: " in run.stderr
    assert "name the one whose workbook this is as `reader:`" in run.stderr


@pytest.mark.parametrize(("name", "block"), [("newbase", {}), ("mine", {"reader": "newbase"})])
def test_its_audit_knows_its_frame_rate(project, name, block):
    run = command(project, "audit", name, "--config", configured(project, name, **block))
    assert run.returncode == 0
    assert "onset_is_apex: 1: keep\n    p2/v1: both are frame 5" in run.stdout
    assert f"{name}: 3 annotated, 3 kept, 0 excluded" in run.stdout
    assert "over_long: 1: keep\n    p1/v1: 0.57 s up to the apex, 0.68 s in all, at 100 frames" in run.stdout


def test_a_fold_with_it_held_out(project, tmp_path):
    """From its workbook over the sync's manifest to predictions; the shapes in the maps stand for the stages."""
    script = (
        f"import sys; sys.path.insert(0, {str(project)!r}); from infusenet.config import configuration; "
        "from infusenet.databases.sync import sync; "
        f"sync(configuration.load('{configured(project, 'newbase')}'), {str(tmp_path / 'manifests')!r})"
    )
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True)
    clips = {clip.key: clip for clip in clip_table.read_manifest(tmp_path / "manifests/newbase.csv")}
    listed = clip_table.read_manifest(project / "cache/newbase/clips.csv")
    assert list(clips) == [clip.key for clip in listed]
    assert all(re.fullmatch("[0-9a-f]{64}", clip.digest) and not clip.labels for clip in listed)
    for name in ("alpha", "beta"):
        write_database(tmp_path, name)
    for stage, settings in RECIPES.items():
        fill(
            tmp_path / "cache/newbase" / f"{stage}.h5", stage=stage, database="newbase", recipe=settings, source={},
            clips=[(clip, digest([clip, settings])) for clip in clips], work=partial(work, stage, clips, ""),
        )  # fmt: skip
    small = recipe_of("off_apexnet", epochs=1)
    train(
        "off_apexnet", "newbase", tmp_path / "cache", tmp_path / "manifests", 0, tmp_path / "run",
        recipe=small, databases=["alpha", "beta"], device="cpu",
    )  # fmt: skip
    predict(tmp_path / "run", tmp_path / "cache", tmp_path / "manifests")
    lines = (tmp_path / "run/predictions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:3] for line in lines] == [["newbase", *clip.split("/")] for clip in clips]
