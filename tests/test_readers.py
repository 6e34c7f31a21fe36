"""The six readers on the owners' releases: workbooks, layouts, and what is reported."""

import csv
import subprocess
import sys

import pytest
from owners import RELEASES, active, mixed, numbered, read, write_xlsx

from infusenet import databases
from infusenet.protocol import AUS, CD6ME

EXPECTED = {
    "casme": {
        "01/EP01_12": ((63, 69, 77), {4}, "sub01/EP01_12"),
        "08/EP12_11_1": ((66, 69, 77), {1, 2}, "sub08/EP12_11_1"),
        "03/EP09_3": ((101, 110, 119), {12}, "sub3/EP09_3"),
    },
    "casme2": {
        "01/EP02_01f": ((46, 59, 61), {12}, "CASME2-RAW/sub01/EP02_01f"),
        "04/EP12_01f": ((270, 279, 285), {4, 10}, "CASME2-RAW/sub04/EP12_01f"),
        "05/EP05_03": ((1, 4, 9), set(), "CASME2-RAW/sub05/EP05_03"),
    },
    "samm": {
        "006/006_1_2": ((5562, 5588, 5600), {12, 15}, "006/006_1_2"),
        "007/007_6_1": ((83, 90, 95), {12, 15}, "007/007_6_1"),
        "013/013_2_1": ((12250, 12251, 12256), {7, 43}, "013/013_2_1"),
    },
    "fourd": {
        f"{clip[:3]}/{clip}": (
            frames,
            aus,
            f"micro_short_gray_video/micro short gray video/{clip[:3]}/{clip}",
        )
        for clip, frames, aus in (
            ("S08_008_01_1", (65, 70, 75), {1, 2, 12, 45}),
            ("S24_009_01_1", (90, 95, 99), {24, 45}),
            ("S57_002_01_1", (1826, 1830, 1835), {5, 7, 12}),
        )
    },
    "mmew": {
        "1/S01-01-001": ((1, 5, 11), {6, 12}, "Micro_Expression/happiness/S01-01-001"),
        "4/S04-04-002": ((1, 28, 61), {4, 7}, "Micro_Expression/repression/S04-04-002"),
        "30/S30-05-001": ((1, 5, 11), {20}, "Micro_Expression/fear/S30-05-001"),
    },
    "casme3a": {
        "spNO.1/e": ((63, 68, 75), {12}, "part_A/spNo.1/e/color"),
        "spNO.1/e2": ((97, 97, 106), {1, 2}, "part_A/spNo.1/e/color"),
        "spNO.14/J": ((8, 10, 12), {4}, "part_A/spNo.14/j/color"),
        "spNO.216/e": ((1, 1, 9), {16, 18, 24}, "part_A/spNo.216/e/color"),
    },
}


@pytest.mark.parametrize("key", CD6ME)
def test_reads_the_owners_release(key, tmp_path):
    clips = read(RELEASES[key](), tmp_path)
    found = {name: ((c.onset, c.apex, c.offset), active(c.labels), c.frames) for name, c in clips.items()}
    assert found == EXPECTED[key]
    assert all(clip.database == key and set(AUS) <= clip.labels.keys() for clip in clips.values())


def test_repairs_are_told_in_one_line_each(tmp_path, capsys):
    read(RELEASES["casme2"](), tmp_path)
    told = capsys.readouterr().err.splitlines()
    assert any("row 3: apex '/' repaired to '279' from the errata" in line for line in told)
    assert sum("errata name clips that are not in the table" in line for line in told) == 1
    assert any(line.startswith("note: casme2") and "updated coding (256 rows" in line for line in told)


def test_fourd_columns_and_kept_aus_are_told(tmp_path, capsys):
    read(RELEASES["fourd"](), tmp_path)
    told = capsys.readouterr().err
    assert "row 3: AU 'AU4(k)+7(k)+4+24+45': AU4 plain and (k); taken as not active" in told
    assert "row 4: AU 'AU5+12' but its 0/1 columns say AU5+AU7+AU12; columns taken" in told


def test_many_repairs_of_one_kind_are_shortened(tmp_path, capsys):
    release = RELEASES["casme"]()
    first = release.rows[0]
    release.rows = [first | {"Filename": f"EP01_{n}", "AU": "4＋12"} for n in range(20)]
    release.folders = {f"sub01/EP01_{n}": numbered("{}.jpg", 60, 80) for n in range(20)}
    read(release, tmp_path)
    spelling = [
        line for line in capsys.readouterr().err.splitlines() if "4＋12" in line or "more rows" in line
    ]
    assert len(spelling) == 6
    assert "spelling in 15 more rows: 7, 8" in spelling[-1]


def test_fourd_without_columns_reads_the_string(tmp_path):
    release = RELEASES["fourd"]()
    release.header = release.header[:9]
    clips = read(release, tmp_path)
    assert active(clips["S57/S57_002_01_1"].labels) == {5, 12}


def test_fourd_erratum_beats_the_columns(tmp_path):
    """The swapped pair comes out right from a workbook with the swap and from one without."""
    for swapped in (True, False):
        release = RELEASES["fourd"]()
        release.rows = [release.rows[0] | {"sub_ID'": "S49", "fold_name'": f"S49_001_01_{n}"} for n in (1, 2)]
        texts = ("AU4+7+12", "AU4+7") if swapped else ("AU4+7", "AU4+7+12")
        for row, text in zip(release.rows, texts, strict=True):
            row.update(
                AUs=text, **{f"AU{n}": int(str(n) in text[2:].split("+")) for n in (1, 2, 4, 7, 12, 45)}
            )
        release.folders = {f"S49/S49_001_01_{n}": numbered("{}.jpg", 65, 75) for n in (1, 2)}
        clips = read(release, tmp_path / str(swapped))
        assert active(clips["S49/S49_001_01_1"].labels) == {4, 7}
        assert active(clips["S49/S49_001_01_2"].labels) == {4, 7, 12}


MMEW_LAYOUTS = ["fear", "MMEW_Final/fear", "30/fear", "S30/Fear", "x/Micro_Expression/30/fear"]


@pytest.mark.parametrize("folder", MMEW_LAYOUTS)
def test_mmew_layouts(folder, tmp_path):
    release = RELEASES["mmew"]()
    release.rows = release.rows[2:]
    release.folders = {f"{folder}/S30-05-001": numbered("{}.jpg", 1, 11)}
    assert [clip.frames for clip in read(release, tmp_path).values()] == [f"{folder}/S30-05-001"]


@pytest.mark.parametrize("emotion", [None, "hapiness"])
def test_mmew_emotion_that_is_none_is_told(emotion, tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.rows[0]["Estimated Emotion"] = emotion
    clips = read(release, tmp_path)
    assert clips["1/S01-01-001"].emotion == (emotion or "")
    told = f"row 2: emotion '{emotion or ''}', but the clip's name S01-01-001 says happiness"
    assert sum(told in line for line in capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("spNO.1/e/color", "spNO.1/e2/color"),  # MEB's extraction
        ("spNO.1_e_63", "spNO.1_e_97"),  # the owners' clips
        ("Part_A_ME_clip/frame/spNO.1_e_63", "Part_A_ME_clip/frame/spNO.1_e_97"),
    ],
)
def test_casme3a_layouts(first, second, tmp_path):
    release = RELEASES["casme3a"]()
    release.rows = release.rows[:2]
    release.folders = {
        first: numbered("{}.jpg", 62, 75),
        second: numbered("{}.jpg", 96, 106),
        "Part_A_ME_clip/depth/x": [],
    }
    assert [clip.frames for clip in read(release, tmp_path).values()] == [first, second]


@pytest.mark.parametrize("micro", ["Micro-expression", "micro expression", "MICRO - EXPRESSION "])
def test_casme3a_keeps_the_micro_rows_of_a_mixed_table(micro, tmp_path):
    release = mixed("Macro-expression", micro, "Micro-expression", micro)
    assert list(read(release, tmp_path)) == ["spNO.1/e", "spNO.14/J", "spNO.216/e"]


@pytest.mark.parametrize("key", CD6ME)
def test_workbooks_as_csv(key, tmp_path):
    """A re-saved table with 4.0 for 4 reads the same."""
    release = RELEASES[key]()
    expected = read(release, tmp_path)
    path = tmp_path / "table.csv"
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        table = [
            *release.preamble,
            release.header,
            *([r.get(h) for h in release.header] for r in release.rows),
        ]
        csv.writer(file).writerows([[float(c) if type(c) is int else c for c in line] for line in table])
    again = databases.read(key, path, tmp_path / "frames")
    assert [active(clip.labels) for clip in again] == [active(clip.labels) for clip in expected.values()]
    assert [(c.key, c.onset, c.apex, c.offset) for c in again] == [
        (c.key, c.onset, c.apex, c.offset) for c in expected.values()
    ]


def test_sheets_without_the_table_are_passed_over(tmp_path):
    import openpyxl

    release = RELEASES["mmew"]()
    annotations, frames = release.write(tmp_path)
    book = openpyxl.load_workbook(annotations)
    book.create_sheet("about", 0).append(["Subject", "of this workbook"])
    book.save(annotations)
    assert len(databases.read("mmew", annotations, frames)) == 3


def test_missing_frames_between_key_frames_are_told_where_unusual(tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.folders["Micro_Expression/fear/S30-05-001"].remove("7.jpg")
    read(release, tmp_path / "mmew")
    assert "S30-05-001 lacks 7" in capsys.readouterr().err
    read(RELEASES["casme3a"](), tmp_path / "casme3a")
    assert "lacks 65" not in capsys.readouterr().err


def test_importing_the_readers_is_light():
    """Snakemake imports them at every parse."""
    code = "import infusenet.databases, sys; print([m for m in ('numpy', 'openpyxl', 'xlrd') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_xlsx_under_another_name(tmp_path):
    release = RELEASES["mmew"]()
    annotations, frames = release.write(tmp_path)
    renamed = annotations.rename(tmp_path / "table.xls")
    assert len(databases.read("mmew", renamed, frames)) == 3


def test_every_column_may_come_in_any_order(tmp_path):
    release = RELEASES["casme2"]()
    _, frames = release.write(tmp_path)
    header = [name for name in reversed(release.header) if name]
    write_xlsx(tmp_path / "turned.xlsx", [header, *([row[name] for name in header] for row in release.rows)])
    clips = databases.read("casme2", tmp_path / "turned.xlsx", frames)
    assert [clip.key for clip in clips] == list(EXPECTED["casme2"])
