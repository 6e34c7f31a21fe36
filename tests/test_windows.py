"""The window of a row, decided by the frames on disk: CD6ME's first, then the owner's own."""

from pathlib import Path

import pytest
import yaml
from owners import RELEASES, numbered
from test_sync import sync

from infusenet import csv_tables, databases
from infusenet.config import configuration
from infusenet.databases import Options, audit, clip_table, errata
from infusenet.errors import InputError

CLIP = "CASME2-RAW/sub01/EP02_01f"


def corrected(tmp_path, *frames, values="50,60,70"):
    """CASME II's first row, 46/59/61, has an erratum; its folder holds ``frames``. What examine takes."""
    release = RELEASES["casme2"]()
    release.rows = release.rows[:1]
    release.folders = {CLIP: [f"img{n}.jpg" for n in frames]}
    text = f"{','.join(errata.COLUMNS)}\n01,EP02_01f,,,{values},,,seen\n"
    (tmp_path / "errata").mkdir(exist_ok=True)
    (tmp_path / "errata/casme2.csv").write_text(text)
    return "casme2", *release.write(tmp_path), tmp_path / "errata"


def window(clip):
    return clip.onset, clip.apex, clip.offset


@pytest.mark.parametrize(
    ("frames", "expected", "own"),
    [
        ((50, 60, 70), (50, 60, 70), False),
        ((46, 50, 59, 60, 61, 70), (50, 60, 70), False),
        ((46, 59, 61, 70), (46, 59, 61), True),
    ],
)
def test_the_owners_window_where_cd6mes_is_not_on_disk(frames, expected, own, tmp_path, capsys):
    reading = databases.examine(*corrected(tmp_path, *frames))
    assert [window(clip) for clip in reading.clips] == [expected]
    told = capsys.readouterr().err
    if own:
        text = "CD6ME's window 50/60/70 is not on disk; the owner's own 46/59/61 taken"
        assert [(f.clip, f.kind, f.detail) for f in reading.findings] == [
            ("01/EP02_01f", "owner_window", text)
        ]
        assert text in told
        assert "repaired" not in told
    else:
        assert reading.findings == []
        assert "onset '46' repaired to '50' from the errata" in told


def test_where_neither_is_on_disk_cd6mes_is_missed(tmp_path):
    with pytest.raises(InputError, match="lacks onset 50, apex 60"):
        databases.examine(*corrected(tmp_path, 46, 59, 70))


def test_an_owners_window_that_is_none_is_no_choice(tmp_path):
    arguments = corrected(tmp_path, 46, 59, 61, values="46,59,")
    (_, annotations, frames, folder) = arguments
    release = RELEASES["casme2"]()
    release.rows = [release.rows[0] | {" ApexFrame": "/"}]
    release.write(tmp_path)
    assert [window(c) for c in databases.read("casme2", annotations, frames, folder)] == [(46, 59, 61)]
    (frames / CLIP / "img59.jpg").unlink()
    with pytest.raises(InputError, match="lacks apex 59"):
        databases.read("casme2", annotations, frames, folder)


def test_the_nearest_apex_of_cd6mes_window_comes_before_the_owners(tmp_path):
    arguments = corrected(tmp_path, 46, 50, 59, 61, 70, values="50,64,70")
    clips = databases.read(*arguments, Options(nearest_apex=True))
    assert [window(clip) for clip in clips] == [(50, 61, 70)]


# --- CASME: long clips and clips that were cut out of them ---


def casme(tmp_path, cells, folders):
    """Rows (subject, clip, onset, apex, offset) on frames {folder: (first, last)}."""
    release = RELEASES["casme"]()
    release.rows = [
        release.rows[0] | dict(zip(("Subject", "Filename", "OnsetF", "ApexF1", "OffsetF"), line, strict=True))
        for line in cells
    ]
    release.folders = {folder: numbered("{}.jpg", *ends) for folder, ends in folders.items()}
    return "casme", *release.write(tmp_path)


SECTION = [(17, "EP17_2", 248, 255, 260), (17, "EP17_2", 263, 276, "\\"), (17, "EP17_2", 417, 432, "\\")]
CODED = [(17, "EP17_2", 3, 16, 29), (1, "EP01_13", 63, 69, 77), (7, "EP03_2", 54, 65, 74)]
LONG = {"sub17/EP17_2": (1, 500), "sub01/EP01_12": (1, 200), "sub07/EP03_2": (54, 74)}
CUT = {
    "sub17/EP17_1": (248, 260), "sub17/EP17_2": (3, 29), "sub17/EP17_5": (67, 100), "sub01/EP01_13": (63, 77),
    "sub07/EP03_2": (54, 74),
}  # fmt: skip
FOUND = {
    ("section", "long"): {"17/EP17_1": (248, 255, 260), "17/EP17_2": (263, 276, 289), "17/EP17_5": (417, 432, 450)},
    ("section", "cut"): {"17/EP17_1": (248, 255, 260), "17/EP17_2": (3, 16, 29), "17/EP17_5": (67, 82, 100)},
    ("coded", "long"): {"17/EP17_2": (263, 276, 289), "01/EP01_13": (163, 169, 177)},
    ("coded", "cut"): {"17/EP17_2": (3, 16, 29), "01/EP01_13": (63, 69, 77)},
}  # fmt: skip


@pytest.mark.parametrize(("table", "tree"), FOUND)
def test_every_release_on_both_numberings(table, tree, tmp_path):
    """Frames 3 to 29 of the long EP17_2 are on disk too, but not those of CD6ME's clip."""
    rows = SECTION if table == "section" else CODED
    clips = databases.read(*casme(tmp_path, rows, LONG if tree == "long" else CUT))
    assert {clip.key: window(clip) for clip in clips} == FOUND[table, tree]
    assert all(clip.frames in LONG if tree == "long" else clip.frames in CUT for clip in clips)


def test_an_edited_onset_takes_no_other_row_s_name(tmp_path):
    """CD6ME's 17/EP17_2 is the row of onset 263."""
    clips = databases.read(*casme(tmp_path, [(17, "EP17_2", 249, 255, 260), *SECTION[1:]], LONG))
    own = {"17/EP17_2": (263, 276, 289), "17/EP17_5": (417, 432, 450)}
    assert {clip.key: window(clip) for clip in clips} == {"17/EP17_2_249": (249, 255, 260)} | own
    assert {clip.frames for clip in clips} == {"sub17/EP17_2"}


def test_names_without_underscore(tmp_path):
    """One copy has EP177 for EP17_7, in the table or as a folder."""
    for name, folder in (("EP177", "EP177"), ("EP17_7", "EP177"), ("EP177", "EP17_7"), ("EP17_7", "EP17_7")):
        rows = [(7, name, 90, 97, 107), (7, name, 181, 191, 209), *SECTION]
        arguments = casme(tmp_path / name / folder, rows, LONG | {f"sub07/{folder}": (1, 220)})
        assert [clip.key for clip in databases.read(*arguments)][:2] == ["07/EP17_7", "07/EP17_6"]


@pytest.mark.parametrize("others", [CODED, [(7, "EP40_1", 1, 2, 3)]])
@pytest.mark.parametrize("folder", ["EP171", "EP17_1"])
def test_names_without_underscore_in_tables_of_other_releases(others, folder, tmp_path):
    """An id is CD6ME's whatever the release, a folder's name the table's or CD6ME's."""
    folders = CUT | {f"sub07/{folder}": (41, 59), "sub07/EP40_1": (1, 3)}
    (clip, *_) = databases.read(*casme(tmp_path, [(7, "EP171", 41, 45, 59), *others], folders))
    assert (clip.key, window(clip), clip.frames) == ("07/EP17_1", (41, 45, 59), f"sub07/{folder}")


def test_rows_in_two_files_are_named_by_file_and_row(tmp_path):
    """The same name in two sections is one clip twice."""
    key, first, frames = casme(tmp_path, SECTION, LONG)
    second = first.with_name("Section B.xls")
    second.write_bytes(first.read_bytes())
    with pytest.raises(InputError) as caught:
        databases.read(key, [first, second], frames)
    assert "Section B.xls row 3: clip 17/EP17_2 stands in CASME.xls row 3 already" in str(caught.value)
    reading = databases.examine(key, [first, second], frames, exclude=["duplicate"])
    assert [row.clip for row in reading.refused] == [f"Section B.xls row {n}" for n in (2, 3, 4)]


def test_one_workbook_named_twice_is_refused(tmp_path, monkeypatch):
    key, first, frames = casme(tmp_path, SECTION, LONG)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is named twice among the annotations"):
        databases.read(key, [first, first.relative_to(tmp_path)], frames)


# --- what follows for runs ---


def test_cd6mes_window_that_arrives_later_is_taken(tmp_path):
    release = RELEASES["casme2"]()
    release.rows = [
        release.rows[0] | {"Subject": "12", "Filename": "EP09_02", "OnsetFrame": 16, "OffsetFrame": 101}
    ]
    release.folders = {"sub12/EP09_02": [f"img{n}.jpg" for n in (16, 59, 101)]}
    annotations, frames = release.write(tmp_path)
    source = {"annotations": [str(annotations)], "frames": str(frames), "reader": "casme2"}
    lab = tmp_path, {"databases": {"mine": source}, "cache": str(tmp_path / "cache")}
    for _ in range(2):  # read, then taken over from the index
        assert b"16,59,101" in sync(lab)[0][0]
        table = audit.read_table(tmp_path / "cache/mine/audit.csv")
        assert ("12/EP09_02", "owner_window") in {
            (finding.clip, finding.kind) for finding, _ in table.findings
        }
    for number in (161, 187, 206):
        (frames / f"sub12/EP09_02/img{number}.jpg").write_text(str(number))
    assert b"161,187,206" in sync(lab)[0][0]
    assert "owner_window" not in (tmp_path / "cache/mine/audit.csv").read_text()


def test_several_workbooks_in_the_configuration(tmp_path):
    raw = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    raw["databases"] = {
        "casme": {"annotations": ["a.xls", "b.xls"], "frames": "f"},
        "other": {"annotations": ["b.xls", "a.xls"], "frames": "f", "reader": "casme"},
    }
    with pytest.raises(InputError, match="casme and other are the same files"):
        configuration.settle(raw)
    raw["databases"]["other"]["annotations"] = ["a.xls"]
    assert configuration.settle(raw)["databases"]["casme"]["annotations"] == ["a.xls", "b.xls"]
    raw["databases"]["other"]["annotations"] = []
    with pytest.raises(InputError, match="annotations"):
        configuration.settle(raw)


def test_the_tables_of_cd6me_are_in_the_ids_form():
    for name in ("casme_rows", "casme2_rows", "casme2_labels"):
        for row in csv_tables.csv_rows(databases.CD6ME_TABLES / f"{name}.csv")[1]:
            assert databases.reader(name.split("_")[0]).subject_id(row["subject"]) == row["subject"]
            assert row["source"]
            assert clip_table.SAFE_ID.match(row["clip"] or row["row_clip"])
