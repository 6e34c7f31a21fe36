"""Rows of a release in the pipeline: each is in the audit table, and counts reconcile."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import releases_casme as casme
import releases_casme2 as casme2
import releases_casme3a as casme3a
import yaml
from releases import write_csv, write_frames, write_xls

from infusenet import cli
from infusenet.config import configuration
from infusenet.databases import ERRATA, audit, clip_table
from infusenet.databases import sync as index
from infusenet.errors import InputError
from infusenet.preprocess.build_store import fill
from infusenet.report import ledger
from infusenet.store import Item

CHANGED = set(casme.SECTION_WINDOWS)


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    """A root with both sections of CASME, a workbook in each."""
    root, copy = tmp_path_factory.mktemp("RAW"), casme.section()
    write_frames(root, casme.in_two(copy.frames), copy.name)
    halves = {"A": copy.rows[:96], "B": copy.rows[96:]}
    books = [
        write_xls(root / f"CASME_{name}/Section {name}/Section {name}.xls", Sheet1=[copy.header, *rows])
        for name, rows in halves.items()
    ]
    return {"annotations": list(map(str, books)), "frames": str(root)}


@pytest.fixture(scope="module")
def cropped(tmp_path_factory):
    """CASME II's table of 2019 on the owners' cropped frames."""
    root, copy = tmp_path_factory.mktemp("casme2"), casme2.official(2019)
    write_frames(root / "frames", casme2.frames(cropped=True), copy.name)
    return {
        "annotations": str(write_csv(root / "2019.csv", copy.table())),
        "frames": str(root / "frames"),
    }


def sync(root, name, source, **policies):
    """(clips, audit table) of one configured database after a run of the index."""
    settings = {"databases": {name: source}, "cache": str(root / "cache"), "audit": policies}
    index.sync(settings, root / "manifests")
    return tables(root, name)


def tables(root, name):
    labelled = clip_table.read_manifest(root / f"manifests/{name}.csv")
    listed = clip_table.read_manifest(root / f"cache/{name}/clips.csv")
    assert [clip.key for clip in labelled] == [clip.key for clip in listed]
    table = audit.read_table(root / f"cache/{name}/audit.csv")
    assert table.annotated == {clip.key for clip in listed} | table.excluded.keys()
    assert not table.excluded.keys() & {clip.key for clip in listed}
    return {clip.key: clip for clip in listed}, table


def of_kind(table, kind):
    return {finding.clip: policy for finding, policy in table.findings if finding.kind == kind}


def test_two_workbooks_are_accounted_for_row_by_row(sections, tmp_path):
    clips, table = sync(tmp_path, "casme", sections)
    assert (len(clips), len(table.annotated), len(table.excluded)) == (189, 197, 8)
    assert clips.keys() == casme.truth().keys(), "no clip of CD6ME's goes with a row of its name"
    assert set(of_kind(table, "not_in_cd6me").values()) == {"exclude"}
    assert of_kind(table, "owner_window") == dict.fromkeys(CHANGED, "keep")
    (release,) = [finding for finding, _ in table.findings if finding.kind == "other_release"]
    assert (release.clip, "Section A" in release.detail) == ("", True)


def test_the_ledger_counts_the_rows_outside_cd6me(sections, tmp_path):
    clips, table = sync(tmp_path, "casme", sections)
    path, names = tmp_path / "cache/casme/flow.h5", list(clips)
    fill(
        path, stage="flow", database="casme", recipe={"stage": "flow"}, source={},
        clips=[(name, f"{n:064x}") for n, name in enumerate(names)],
        work=lambda keys: (Item({"flow": np.zeros((3, 4, 4), np.float32)}) for _ in keys),
    )  # fmt: skip
    books = ledger.collect([path])
    (count,) = books.counts
    assert (count.annotated, count.stored, count.failed, count.excluded) == (197, 189, 0, 8)
    left = [entry for entry in books.entries if entry.status == "excluded"]
    assert {entry.clip for entry in left} == set(table.excluded)
    assert all(entry.reason.startswith("not_in_cd6me: ") for entry in left)
    assert {f.clip for _, f, _ in books.findings if f.kind == "owner_window"} == CHANGED


def test_what_was_read_once_is_taken_over_with_its_findings(sections, tmp_path):
    """A frame that changed makes the frames be read again, and not the workbook."""
    first = sync(tmp_path, "casme", sections)[1]
    path = tmp_path / "cache/casme/audit.csv"
    before = path.read_bytes()
    assert sync(tmp_path, "casme", sections)[1] == first
    (frame,) = Path(sections["frames"]).glob("CASME_A/Section A/sub01/EP01_12/EP01_12-163.jpg")
    frame.write_text("other bytes")
    assert sync(tmp_path, "casme", sections)[1] == first
    assert path.read_bytes() == before


@pytest.mark.parametrize(("policy", "count"), [("exclude", 186), ("keep", 189)])
def test_fallbacks_are_kept_or_left_out(policy, count, sections, tmp_path):
    clips, table = sync(tmp_path, "casme", sections, owner_window=policy)
    assert (len(clips), len(table.annotated)) == (count, 197)
    assert of_kind(table, "owner_window") == dict.fromkeys(CHANGED, policy)
    assert bool(clips.keys() & CHANGED) == (policy == "keep")


def test_fallbacks_can_stop_the_run(sections, tmp_path):
    with pytest.raises(InputError) as caught:
        sync(tmp_path, "casme", sections, owner_window="stop")
    assert all(f"{key}: owner_window: " in str(caught.value) for key in CHANGED)
    assert "audit: owner_window: keep | exclude" in str(caught.value)


def test_rows_outside_cd6me_can_be_kept(sections, tmp_path):
    """Two have no offset, so they are left out for that, if at all."""
    with pytest.raises(InputError, match="offset"):
        sync(tmp_path, "casme", sections, not_in_cd6me="keep")
    clips, table = sync(tmp_path, "casme", sections, not_in_cd6me="keep", unreadable="exclude")
    assert (len(clips), len(table.annotated), len(table.excluded)) == (195, 197, 2)
    outside = clips.keys() - casme.truth().keys() | table.excluded.keys()
    assert of_kind(table, "not_in_cd6me") == dict.fromkeys(outside, "keep")
    assert casme.truth().keys() <= clips.keys()


def test_the_configuration_takes_what_releases_need(sections, cropped, tmp_path):
    raw = yaml.safe_load((ERRATA.parents[3] / "workflow/config.yaml").read_text())
    raw["databases"] = {
        "casme": sections,
        "casme2": cropped | {"labels": "cd6me"},
        "casme3a": {"annotations": "full.xls", "frames": "films", "emotions": "label.xlsx"},
    }
    raw["audit"] = {"not_in_cd6me": "keep", "other_labels": "stop", "owner_window": "exclude"}
    settled = configuration.settle(raw)
    assert settled["databases"] == raw["databases"]
    assert {kind: settled["audit"][kind] for kind in raw["audit"]} == raw["audit"]
    assert settled["audit"]["cd6me_labels"] == "keep"
    raw["databases"]["casme2"]["labels"] = "official"
    with pytest.raises(InputError, match="labels"):
        configuration.settle(raw)


def test_the_command_reads_two_workbooks(sections, tmp_path, capsys):
    output = tmp_path / "casme.csv"
    options = ["--frames", sections["frames"], "--output", str(output)]
    assert cli.main(["read", "casme", "--annotations", *sections["annotations"], *options]) == 0
    assert {clip.key for clip in clip_table.read_manifest(output)} == casme.truth().keys()
    report = capsys.readouterr().err
    assert "Section A and B" in report
    assert "8 rows are no clips of CD6ME and left out: Section A.xls row 46, " in report
    assert all(key in report for key in CHANGED)


def test_a_change_in_either_workbook_is_seen(sections, tmp_path):
    books = []
    for source in map(Path, sections["annotations"]):
        books.append(tmp_path / source.name)
        shutil.copy(source, books[-1])
    source = sections | {"annotations": list(map(str, books))}
    sync(tmp_path, "casme", source)
    before = (tmp_path / "manifests/casme.csv").read_text()
    rows = casme.section_rows()[96:]
    rows[0][-1] = "another emotion"
    write_xls(books[1], Sheet1=[casme.HEADER, *rows])
    sync(tmp_path, "casme", source)
    text = (tmp_path / "manifests/casme.csv").read_text()
    assert (before.count("another emotion"), text.count("another emotion")) == (0, 1)


def test_frames_that_come_or_go_decide_anew(tmp_path):
    """A fallback is none for ever: what is taken follows from what is on disk now."""
    keys = ("05/EP09_05f", "12/EP09_02", "20/EP16_01")
    rows = [row for row in casme2.official(2014).rows if f"{row[0]}/{row[1]}" in keys]
    folders = {f"Cropped/sub{key[:2]}/{key[3:]}" for key in keys}
    frames = {name: held for name, held in casme2.frames(cropped=True).items() if name in folders}
    source = {
        "annotations": str(write_csv(tmp_path / "2014.csv", [casme2.HEADER, *rows])),
        "frames": str(write_frames(tmp_path / "frames", frames)),
    }
    folder = tmp_path / "frames/Cropped/sub12/EP09_02"
    for held, window in (([], (16, 59, 101)), ([161, 187, 206], (161, 187, 206)), ([], (16, 59, 101))):
        for number in (161, 187, 206):
            (folder / f"{number}.jpg").unlink(missing_ok=True)
        for number in held:
            (folder / f"{number}.jpg").write_text(f"later {number}")
        clips, table = sync(tmp_path, "casme2", source)
        clip = clips["12/EP09_02"]
        assert (clip.onset, clip.apex, clip.offset) == window
        assert of_kind(table, "owner_window") == ({} if held else {"12/EP09_02": "keep"})


def test_frames_of_another_numbering_under_the_same_names_decide_anew(tmp_path):
    """CD6ME's clip 17/EP17_2 was cut out of the long one of that name, whose frames 3 to 29 show something else."""
    copy, folder = casme.coded(), "sub17/EP17_2"
    rows = [row for row in copy.rows if row[:2] in ([17, "EP17_2"], [7, "EP03_2"])]
    source = {"annotations": str(write_csv(tmp_path / "coded.csv", [copy.header, *rows]))}
    for count, window in ((29, (3, 16, 29)), (450, (263, 276, 289))):
        shutil.rmtree(tmp_path / "frames", ignore_errors=True)
        frames = {folder: range(1, count + 1), "sub07/EP03_2": range(54, 75)}
        source["frames"] = str(write_frames(tmp_path / "frames", frames, "{folder}-{:03d}.jpg"))
        (clip,) = sync(tmp_path, "casme", source)[0].values()
        assert (clip.key, clip.onset, clip.apex, clip.offset) == ("17/EP17_2", *window)


def test_labels_of_2019_stand_in_the_audit(cropped, tmp_path):
    clips, table = sync(tmp_path, "casme2", cropped)
    assert len(clips) == 255
    said = of_kind(table, "other_labels")
    assert said == dict.fromkeys({*casme2.LABELS, *casme2.SADNESS}, "keep")
    assert of_kind(table, "owner_window") == dict.fromkeys(casme2.NOT_CROPPED, "keep")
    clips, table = sync(tmp_path, "casme2", cropped, other_labels="exclude", owner_window="exclude")
    assert len(clips) == 255 - len(said.keys() | casme2.NOT_CROPPED)
    assert len(table.annotated) == 255
    with pytest.raises(InputError, match="01/EP19_05f: other_labels: "):
        sync(tmp_path, "casme2", cropped, other_labels="stop")


def test_labels_of_cd6me_stand_in_the_audit(cropped, tmp_path):
    source = cropped | {"labels": "cd6me"}
    _, table = sync(tmp_path, "casme2", source)
    replaced = {*casme2.LABELS, *casme2.SAME_LABELS, *casme2.SADNESS}
    assert of_kind(table, "cd6me_labels") == dict.fromkeys(replaced, "keep")
    assert not of_kind(table, "other_labels")
    with open(tmp_path / "manifests/casme2.csv", newline="") as file:
        au = {f"{row['subject']}/{row['clip']}": row["au"] for row in csv.DictReader(file)}
    truth = casme2.truth()
    assert au == {key: clip.au for key, clip in truth.items() if key != casme2.ABSENT}
    clips, table = sync(tmp_path, "casme2", source, cd6me_labels="exclude")
    assert len(clips) == 255 - len(replaced)


def test_another_policy_on_labels_makes_the_manifest_again(cropped, tmp_path):
    own = sync(tmp_path, "casme2", cropped)[0]
    text = (tmp_path / "manifests/casme2.csv").read_text()
    lists = (tmp_path / "cache/casme2/clips.csv").read_bytes()
    assert sync(tmp_path, "casme2", cropped | {"labels": "cd6me"})[0] == own
    assert (tmp_path / "manifests/casme2.csv").read_text() != text
    assert (tmp_path / "cache/casme2/clips.csv").read_bytes() == lists, "labels recompute no face"


def test_expressions_that_cd6me_lacks_are_counted(tmp_path):
    """With the facts' own keys, so with CD6ME's own ids: a short cut of v1 between two rows of its own."""
    subjects = ("spNO.214", "spNO.216", "spNO.40")
    rows = [row for row in casme3a.label_v1() if row[0] in subjects]
    rows = [row for row in rows if row[:3] not in (["spNO.40", "e", "300"], ["spNO.40", "e", "900"])]
    frames = {folder: held for folder, held in casme3a.films().items() if folder.split("/")[1] in subjects}
    source = {
        "annotations": str(write_csv(tmp_path / "v1.csv", [casme3a.V1_HEADER, *rows])),
        "frames": str(write_frames(tmp_path / "frames", frames)),
    }
    clips, table = sync(tmp_path, "casme3a", source)
    assert clips.keys() == {"spNO.214/c", "spNO.216/e", "spNO.216/e2", "spNO.40/e4"}
    assert len(table.annotated) == len(rows)
    assert set(of_kind(table, "not_in_cd6me")) == table.excluded.keys()
