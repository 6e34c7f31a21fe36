"""The front door: AU grammar, frame folders, workbooks, six readers, errata and the joint table."""

import csv
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owners import RELEASES, mixed, numbered, write_xlsx

from infusenet import cli, csv_tables, databases, files
from infusenet.databases import Options, clip_table, errata
from infusenet.databases.clip_table import Clip
from infusenet.databases.frames.frame_files import frame_index, resolve_folder
from infusenet.databases.joint_table import import_table
from infusenet.databases.workbooks.cells import AU_NUMBERS, parse
from infusenet.errors import InputError
from infusenet.protocol import AUS, CD6ME


def active(labels: dict[int, int]) -> set[int]:
    return {n for n, value in labels.items() if value}


def read(release, root):
    """Clips by key of a release written to ``root``."""
    return {clip.key: clip for clip in databases.read(release.key, *release.write(root))}


# --- AU grammar ---


@pytest.mark.parametrize(
    ("text", "plain", "kept"),
    [
        ("4", {4}, ()),
        ("4.0", {4}, ()),
        ("R1+R2", {1, 2}, ()),
        ("4+7+6", {4, 6, 7}, ()),
        ("?", (), ()),
        ("15A+17", {15, 17}, ()),
        ("A9E", {9}, ()),
        ("T18+B23", {18, 23}, ()),
        ("10A/B", {10}, ()),
        ("A/L12+4A/B", {4, 12}, ()),
        ("7B+ ref(43)", {7, 43}, ()),
        ("ref(L10)+A12B", {10, 12}, ()),
        ("R14+17+soft focus", {14, 17}, ()),
        ("R12 + R15", {12, 15}, ()),
        ("12+15 ", {12, 15}, ()),
        ("12L+4R", {4, 12}, ()),
        ("AUL1+2+12+45", {1, 2, 12, 45}, ()),
        ("AUR1+2+ L4+45", {1, 2, 4, 45}, ()),
        ("AU4+12(offset)+45", {4, 12, 45}, ()),
        ("AU4(k)+7(k)+4+24", {4, 24}, {4, 7}),
        ("AU12(k)", (), {12}),
    ],
)
def test_au_strings_of_the_databases(text, plain, kept):
    aus = parse(text)
    assert aus == (set(plain), set(kept))
    assert aus.active == set(plain) - set(kept)


@pytest.mark.parametrize(
    "text",
    ["", " ", "R14A or 17A", "12/14", "1215", "40", "4++7", "4+", "4,7", "4.5", "AU", "4;7", "-4", "4(x)"],
)
def test_au_strings_refused(text):
    with pytest.raises(ValueError, match="AU"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [("14or23", "offers a choice"), ("L12 OR L14", "offers a choice"), ("none", "or '?' for none")],
)
def test_what_to_do_about_au_strings_of_copies(text, advice):
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse(text)


def test_commas_where_the_database_has_them():
    assert parse("4,T18+16", comma=True).plain == {4, 16, 18}


DECORATED = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("", "L", "R", "A", "T", "B", "A/L")),
    st.sampled_from(AU_NUMBERS),
    st.sampled_from(("", "A", "E", "A/B")),
    st.sampled_from(("", "L", "R", "(offset)", "L(offset)")),
)


@given(st.lists(DECORATED, min_size=1), st.sampled_from(("+", " + ")), st.sampled_from(("", "AU")))
def test_decorations_never_change_the_numbers(tokens, plus, prefix):
    digits = {int("".join(filter(str.isdigit, token))) for token in tokens}
    assert parse(prefix + plus.join(tokens)).active == digits


@given(st.text(alphabet="0123456789+AULRkreforet()/?. ,", max_size=12))
def test_any_text_is_read_in_full_or_refused(text):
    """No digit of an accepted cell goes unread or is glued to another."""
    try:
        aus = parse(text)
    except ValueError:
        return
    assert aus.plain | aus.kept <= set(AU_NUMBERS)
    whole = text.strip().removesuffix(".0").removesuffix(".00")
    runs = "".join(c if c.isdigit() else " " for c in whole).split()
    assert {int(run) for run in runs if int(run)} >= aus.plain | aus.kept


# --- frame folders ---


def test_frame_number_is_the_last_digit_run(tmp_path):
    names = ["EP03_5-113.jpg", "reg_img46.JPG", "006_05562.png", "Frame_000001826.jpeg", "5a.bmp"]
    for name in [*names, "Thumbs.db", "._img7.jpg", "cover.jpg", "8.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "9.jpg").mkdir()
    assert {n: path.name for n, path in frame_index(tmp_path).items()} == dict(
        zip((5, 46, 113, 1826, 5562), ("5a.bmp", names[1], names[0], names[3], names[2]), strict=True)
    )


def test_two_files_of_one_frame(tmp_path):
    for name in ("img5.jpg", "reg_img005.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"img5.jpg and reg_img005.jpg are both frame 5"):
        frame_index(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        frame_index(tmp_path / "absent")


def test_folders_without_case_and_nested_twice(tmp_path):
    deep = tmp_path / "CASME2_RAW" / "CASME2-RAW" / "Sub01" / "ep01"
    deep.mkdir(parents=True)
    assert resolve_folder(tmp_path, "sub01", "EP01") == deep
    assert resolve_folder(tmp_path, "sub01", "EP02") is None
    (deep.parent / "EP01").mkdir()
    if len(list(deep.parent.iterdir())) == 2:  # not where the file system ignores case
        with pytest.raises(InputError, match="both match"):
            resolve_folder(tmp_path, "sub01", "EP01")


# --- readers ---

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


# --- what is repaired on request ---


def with_options(release, root, **options):
    clips = databases.read(release.key, *release.write(root), options=Options(**options))
    return {clip.key: clip for clip in clips}


@pytest.mark.parametrize("cell", ["/", None, "unclear"])
def test_midpoint_apex(cell, tmp_path, capsys):
    release = RELEASES["casme2"]()
    release.rows[0][" ApexFrame"] = cell
    clips = with_options(release, tmp_path, midpoint_apex=True)
    assert clips["01/EP02_01f"].apex == 53
    assert clips["04/EP12_01f"].apex == 279, "the errata come first"
    assert "taken as 53, the middle" in capsys.readouterr().err


def test_nearest_apex(tmp_path, capsys):
    release = RELEASES["mmew"]()
    for name in ("5.jpg", "6.jpg", "4.jpg"):
        release.folders["Micro_Expression/fear/S30-05-001"].remove(name)
    release.folders["Micro_Expression/happiness/S01-01-001"].remove("7.jpg")
    clips = with_options(release, tmp_path, nearest_apex=True)
    assert [clip.apex for clip in clips.values()] == [5, 28, 3], (
        "the earlier of two, and only where it must be"
    )
    assert "lacks apex 5; 3 taken, the nearest" in capsys.readouterr().err


def test_nearest_apex_stays_inside_the_clip(tmp_path):
    release = RELEASES["mmew"]()
    release.rows = [release.rows[2] | {"OnsetFrame": 4, "ApexFrame": 5, "OffsetFrame": 9}]
    release.folders = {"fear/S30-05-001": ["3.jpg", "6.jpg", "10.jpg"]}
    with pytest.raises(InputError, match="lacks onset 4, offset 9"):
        with_options(release, tmp_path, nearest_apex=True)


def test_blank_au(tmp_path, capsys):
    release = RELEASES["casme3a"]()
    release.rows[0]["AU"] = None
    clips = with_options(release, tmp_path, blank_au=True)
    assert (clips["spNO.1/e"].au, active(clips["spNO.1/e"].labels)) == ("", set())
    assert active(clips["spNO.1/e2"].labels) == {1, 2}
    assert "row 2: AU cell is blank; taken as no AU" in capsys.readouterr().err


def test_blank_au_leaves_the_columns_their_say(tmp_path):
    release = RELEASES["fourd"]()
    release.rows[0]["AUs"] = None
    assert active(with_options(release, tmp_path, blank_au=True)["S08/S08_008_01_1"].labels) == {1, 2, 12, 45}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("casme", ["tense", "contempt", "happiness"]),
        ("samm", ["anger", "others", "fear"]),
        ("fourd", ["surprise", "negative+repression", "negative"]),
        ("mmew", ["happiness", "repression", "fear"]),
    ],
)
def test_normalised_emotion_is_one_more_column(key, expected, tmp_path):
    clips = with_options(RELEASES[key](), tmp_path, normalised_emotion=True)
    assert [clip.normalised_emotion for clip in clips.values()] == expected
    plain = read(RELEASES[key](), tmp_path)
    assert [clip.emotion for clip in clips.values()] == [clip.emotion for clip in plain.values()]
    assert "normalised_emotion" not in clip_table.to_csv(list(plain.values()))
    (tmp_path / "out.csv").write_text(clip_table.to_csv(list(clips.values())))
    assert clip_table.read_manifest(tmp_path / "out.csv") == list(clips.values())
    assert "normalised_emotion" not in clip_table.to_csv(list(clips.values()), labels=False)


# --- strict ---


def casme2_of_cd6me():
    """256 rows with the cells that tell the updated coding, on frames with CD6ME's windows."""
    release = RELEASES["casme2"]()
    release.rows, release.folders = [], {}
    cells = {(row["subject"], row["clip"]): {} for row in table_of("casme2_rows") if row["releases"]}
    for row in table_of("casme2_rows"):
        if row["releases"] == "updated":
            cells[row["subject"], row["clip"]] |= {name: row[name] for name in ("onset", "apex", "offset")}
    for row in table_of("casme2_labels"):
        cells.setdefault((row["subject"], row["clip"]), {})[row["field"]] = row["cd6me"]
    cells |= {("20", f"EP99_{n}"): {} for n in range(256 - len(cells))}
    fixes = {(erratum.subject, erratum.clip): erratum.values for erratum in errata.load("casme2")}
    for (subject, clip), values in cells.items():
        values = {"onset": 1, "apex": 20, "offset": 400, "au": "12", "emotion": "others"} | values
        line = (subject, clip, *(values[name] for name in ("onset", "apex", "offset", "au", "emotion")))
        release.rows.append(dict(zip(filter(None, release.header), line, strict=True)))
        window = values | fixes.get((subject, clip), {})
        names = [f"img{window[name]}.jpg" for name in ("onset", "apex", "offset")]
        release.folders[f"CASME2-RAW/sub{subject}/{clip}"] = names
    return release


def table_of(name):
    return csv_tables.csv_rows(databases.CD6ME_TABLES / f"{name}.csv")[1]


def test_strict_takes_the_table_of_cd6me(tmp_path, capsys):
    clips = with_options(casme2_of_cd6me(), tmp_path, strict=True)
    assert len(clips) == 256
    assert "24/EP02_07" in clips
    assert "CD6ME was made of" not in capsys.readouterr().err


def test_strict_names_what_a_table_lacks(tmp_path, capsys):
    release = casme2_of_cd6me()
    release.rows = [row for row in release.rows if row["Filename"] != "EP02_07"]
    text = "255 rows, header in row 1: looks like a copy of the updated coding (256 rows, with 24/EP02_07), "
    text += "255 of its 256 rows; CD6ME was made of the updated coding (256 rows, with 24/EP02_07)"
    with pytest.raises(InputError, match=re.escape(f"refused: strict: {text}")):
        with_options(release, tmp_path, strict=True)
    capsys.readouterr()
    assert len(read(release, tmp_path)) == 255
    assert f"{text}\n" in capsys.readouterr().err


def test_strict_refuses_errata_without_a_clip(tmp_path):
    with pytest.raises(InputError) as caught:
        with_options(RELEASES["mmew"](), tmp_path, strict=True)
    assert "strict: 15 of 16 errata name clips that are not in the table: 13/S13-01-001" in str(caught.value)
    assert "none of the known releases; CD6ME was made of MMEW_Micro_Exp (300 rows)" in str(caught.value)


def test_strict_refuses_columns_that_contradict_but_for_the_known_row(tmp_path):
    release = RELEASES["fourd"]()
    release.rows[0]["AU7"] = 1
    with pytest.raises(InputError) as caught:
        with_options(release, tmp_path, strict=True)
    told = "row 2: strict: AU 'AUL1+2+12+45' but its 0/1 columns say AU1+AU2+AU7+AU12+AU45"
    assert str(caught.value).endswith(f"refused: {told}")


# --- errata ---


@pytest.mark.parametrize("key", CD6ME)
def test_errata_are_in_order_and_in_the_ids_form(key):
    table = errata.load(key)
    assert table
    for erratum in table:
        assert databases.reader(key).subject_id(erratum.subject) == erratum.subject
        assert clip_table.SAFE_ID.match(erratum.clip)
        assert erratum.values
        numbers = [int(erratum.values[n]) for n in ("onset", "apex", "offset") if n in erratum.values]
        assert numbers == sorted(numbers)
        if "au" in erratum.values:
            assert parse(erratum.values["au"]).active


def test_errata_twice_change_nothing(tmp_path, capsys):
    """Reading a release in which the errata have been applied gives the same clips, without a repair."""
    release = RELEASES["mmew"]()
    once = read(release, tmp_path / "once")
    release.rows[1].update(ApexFrame=28, OffsetFrame=61)
    capsys.readouterr()
    assert read(release, tmp_path / "twice") == once
    assert "repaired" not in capsys.readouterr().err


def test_errata_from_elsewhere(tmp_path):
    release = RELEASES["mmew"]()
    release.rows = release.rows[2:]
    columns = ",".join(errata.COLUMNS)
    (tmp_path / "mmew.csv").write_text(f"{columns}\n30,S30-05-001,,,,6,,,,seen in the frames\n")
    (clip,) = databases.read("mmew", *release.write(tmp_path), errata=tmp_path)
    assert clip.apex == 6
    for text, expected in (
        ("subject,clip\n", "expected subject, clip, row_onset"),
        (f"{columns}\n30,a,,,,6,,,,x\n30,a,,,,6,,,,x\n", "row 3: 30/a is a duplicate"),
        (f"{columns}\n30,a,,,,6,,,,\n", "names no source"),
    ):
        (tmp_path / "mmew.csv").write_text(text)
        with pytest.raises(InputError, match=expected):
            errata.load("mmew", tmp_path)


# --- the joint table ---

JOINT = {
    "casme": [("01", "EP01_12", 73, 81, 91, "4", "tense"), ("02", "EP01_12", 1, 2, 9, "L12", "tense")],
    "casme2": [("01", "EP02_01f", 46, 59, 86, "12", "happiness")],
    "samm": [("006", "006_1_2", 5562, 5588, 5632, "4+7", "Anger")],
    "fourd": [("S08", "S08_002_01_1", 1831, 1847, 1855, "AU5+45", "Others")],
    "mmew": [("1", "S01-04-001", 1, 11, 28, "4", "repression")],
    "casme3a": [
        ("spNO.1", "e", 62, 68, 96, "R12", "others"),
        ("spNO.1", "e2", 96, 102, 106, "R12", "others"),
    ],
}


def joint_rows() -> list[dict]:
    return [
        {
            "subject": subject, "material": clip, "onset": onset, "apex": apex, "offset": offset,
            "apexf": apex - onset, "AU": au, "emotion": emotion, "n_frames": offset - onset + 1, "dataset": key,
            **{f"AU{n}": int(n in parse(au).active) for n in AU_NUMBERS},
        }
        for key, lines in JOINT.items()
        for subject, clip, onset, apex, offset, au, emotion in lines
    ]  # fmt: skip


def write_joint(path, rows, columns=None):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows([row | {"AU5": f"{row['AU5']}.0"} if row["AU5"] in (0, 1) else row for row in rows])
    return path


def test_joint_table_becomes_six_manifests(tmp_path):
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    written = import_table(table, tmp_path / "out", {})
    assert [(path.name, count) for path, count in written] == [(f"{k}.csv", len(JOINT[k])) for k in JOINT]
    clips = [clip for path, _ in written for clip in clip_table.read_manifest(path)]
    assert [clip.frames for clip in clips] == [
        "sub01/EP01_12", "sub02/EP01_12", "sub01/EP02_01f", "006/006_1_2", "S08/S08_002_01_1",
        "repression/S01-04-001", "spNO.1/e/color", "spNO.1/e2/color",
    ]  # fmt: skip
    assert [active(clip.labels) for clip in clips] == [{4}, {12}, {12}, {4, 7}, {5, 45}, {4}, {12}, {12}]


def test_joint_table_finds_folders_on_disk(tmp_path):
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    folder = tmp_path / "frames" / "part_A" / "spNO.1" / "e" / "color"
    folder.mkdir(parents=True)
    for name in numbered("{}.jpg", 60, 110):
        (folder / name).touch()
    import_table(table, tmp_path / "out", {"casme3a": tmp_path / "frames"})
    clips = clip_table.read_manifest(tmp_path / "out" / "casme3a.csv")
    assert [clip.frames for clip in clips] == ["part_A/spNO.1/e/color"] * 2
    with pytest.raises(InputError, match="did you mean 'casme3a'"):
        import_table(table, tmp_path / "out", {"casme3": tmp_path})


def joint_row(**changes) -> dict:
    row = next(row for row in joint_rows() if row["dataset"] == "casme3a") | changes
    length = {"apexf": row["apex"] - row["onset"], "n_frames": row["offset"] - row["onset"] + 1}
    return row | length


@pytest.mark.parametrize("below", ["", "Part_A_ME_clip/frame/"])
def test_joint_table_finds_the_owners_clips_of_corrected_onsets(below, tmp_path):
    """They are named by the workbook's onset, which the joint table has corrected in two rows."""
    rows = [
        joint_row(),
        joint_row(subject="spNO.216", material="d", onset=2647, apex=2650, offset=2652),
        joint_row(subject="spNO.216", material="e", onset=1, apex=1, offset=9),
    ]
    folders = [f"{below}spNO.1_e_62", f"{below}spNO.216_d_3647", f"{below}spNO.216_e_0"]
    for folder, row in zip(folders, rows, strict=True):
        (tmp_path / "frames" / folder).mkdir(parents=True)
        for name in numbered("{}.jpg", row["onset"], row["offset"]):
            (tmp_path / "frames" / folder / name).touch()
    table = write_joint(tmp_path / "joint.csv", rows)
    import_table(table, tmp_path / "out", {"casme3a": tmp_path / "frames"})
    assert [clip.frames for clip in clip_table.read_manifest(tmp_path / "out/casme3a.csv")] == folders


def test_several_frames_roots_after_one_flag(tmp_path, capsys):
    """As data_manifests/README.md writes it."""
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    roots = {key: tmp_path / key for key in ("casme2", "samm")}
    for key, folder, n in (
        ("casme2", "CASME2_RAW/sub01/EP02_01f", (46, 59, 86)),
        ("samm", "006/006_1_2", (5562, 5588, 5632)),
    ):
        (roots[key] / folder).mkdir(parents=True)
        for number in n:
            (roots[key] / folder / f"{number}.jpg").touch()
    argv = ["import", str(table), "--output", str(tmp_path / "out"), "--frames"]
    given = [f"{key}={root}" for key, root in roots.items()]
    assert cli.main([*argv, *given]) == 0
    assert clip_table.read_manifest(tmp_path / "out/casme2.csv")[0].frames == "CASME2_RAW/sub01/EP02_01f"
    assert cli.main([*argv, *given, "--frames", f"samm={tmp_path}"]) == 1
    assert "--frames names samm twice" in capsys.readouterr().err


# --- Table 1's header ---

# Positives of the 12 AUs by database in the joint table (MEB's table of label counts).
POSITIVES = {
    "casme": (189, (23, 17, 70, 0, 1, 4, 40, 3, 9, 23, 14, 13)),
    "casme2": (256, (26, 22, 130, 2, 13, 39, 13, 16, 34, 27, 16, 25)),
    "samm": (159, (6, 18, 23, 10, 3, 46, 5, 6, 28, 13, 4, 6)),
    "fourd": (267, (46, 54, 102, 8, 25, 89, 1, 2, 53, 4, 6, 11)),
    "mmew": (300, (50, 41, 109, 70, 10, 47, 8, 38, 37, 17, 6, 11)),
    "casme3a": (860, (153, 128, 274, 44, 8, 27, 50, 10, 15, 193, 6, 20)),
}


def test_summary_gives_the_header_of_table_1(tmp_path, capsys):
    for key, (rows, counts) in POSITIVES.items():
        clips = [
            Clip(key, "s1", f"c{i}", 1, 2, 3, f"c{i}", "", "",
                 {n: int(i < count) for n, count in zip(AUS, counts, strict=True)})
            for i in range(rows)
        ]  # fmt: skip
        files.write_if_changed(tmp_path / f"{key}.csv", clip_table.to_csv(clips))
    assert cli.main(["summary", *(str(tmp_path / f"{key}.csv") for key in CD6ME)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "| all, % of labels | | | 12 | 11 | 28 | 5 | 2 | 10 | 5 | 3 | 7 | 11 | 2 | 3 | |"
    assert lines[-3].startswith("| all | 2031 |")
    assert lines[-3].endswith("| 2521 |")


def test_read_and_summary_from_the_command_line(tmp_path, capsys):
    annotations, frames = RELEASES["samm"]().write(tmp_path)
    output = tmp_path / "samm.csv"
    argv = [
        "read",
        "samm",
        "--annotations",
        str(annotations),
        "--frames",
        str(frames),
        "--output",
        str(output),
    ]
    assert cli.main(argv) == 0
    assert "3 clips of samm" in capsys.readouterr().out
    assert len(clip_table.read_manifest(output)) == 3


def test_options_from_the_command_line(tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.rows[0].update({"ApexFrame": None, "Action Units": None})
    annotations, frames = release.write(tmp_path)
    argv = ["read", "mmew", "--annotations", str(annotations), "--frames", str(frames)]
    argv += ["--output", str(tmp_path / "out.csv")]
    flags = ["--midpoint-apex", "--nearest-apex", "--blank-au", "--normalised-emotion"]
    assert cli.main([*argv, *flags]) == 0
    clip = clip_table.read_manifest(tmp_path / "out.csv")[1]
    assert (clip.emotion, clip.normalised_emotion) == ("others", "repression")
    assert cli.main([*argv, *flags, "--strict"]) == 1
    assert "strict: 3 rows" in capsys.readouterr().err


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
