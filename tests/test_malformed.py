"""Broken inputs through the command line: refused with a sentence that names file and row or clip.

Never a traceback, never exit status 0, never a manifest.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from joint_tables import joint_rows, write_joint
from owners import RELEASES, mixed, numbered, write_xlsx

from infusenet import cli
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.protocol import AUS


def set_cell(column, value, index=0):
    def edit(release):
        release.rows[index][column] = value
        return release.row(index)

    return edit


def repeat_row(**changes):
    def edit(release):
        release.rows.append(release.rows[0] | changes)
        return release.row(len(release.rows) - 1)

    return edit


def drop_frame(folder, name):
    def edit(release):
        release.folders[folder].remove(name)
        return release.row(0)

    return edit


def add_folder(folder, *names):
    def edit(release):
        release.folders.setdefault(folder, []).extend(names)
        return release.row(0)

    return edit


def drop_folder(folder):
    def edit(release):
        del release.folders[folder]
        return release.row(0)

    return edit


CASME2_CLIP = "CASME2-RAW/sub01/EP02_01f"

# (database, what is broken; returns the row's number, what the message says)
ROWS = {
    "subject outside the id form": ("casme", set_cell("Subject", 123), "subject '123'"),
    "subject zero": ("mmew", set_cell("Subject", 0), "expected a form like '1'"),
    "subject of another database": ("fourd", set_cell("sub_ID'", "spNO.8"), "expected a form like 'S01'"),
    "subject blank": ("samm", set_cell("Subject", None), "subject ''"),
    "fractional subject": ("samm", set_cell("Subject", 6.5), "subject '6.5'"),
    "clip blank": ("casme", set_cell("Filename", None), "clip ''"),
    "clip climbs out": ("casme2", set_cell("Filename", "../../etc"), "clip '../../etc'"),
    "clip is an absolute path": ("casme2", set_cell("Filename", "/etc"), "clip '/etc'"),
    "clip carries a command": ("casme", set_cell("Filename", "EP01; rm x"), "expected only A-Z"),
    "clip of another subject": ("samm", set_cell("Filename", "007_1_2"), "starts with '006_'"),
    "clip's person is not the subject": ("mmew", set_cell("Subject", 2), "expected a form like 'S02-02-001'"),
    "clip's emotion is not the row's": ("mmew", set_cell("Estimated Emotion", "fear"), "says happiness"),
    "apex slash without erratum": ("casme2", set_cell(" ApexFrame", "/"), "apex '/'"),
    "apex blank": ("casme2", set_cell(" ApexFrame", None), "apex ''"),
    "onset is a word": ("samm", set_cell("Onset Frame", "start"), "onset 'start'"),
    "offset negative": ("casme", set_cell("OffsetF", -5), "offset '-5'"),
    "fractional frame": ("fourd", set_cell("Apex", 70.5), "apex '70.5': expected a whole number"),
    "apex before onset": ("casme3a", set_cell("Apex", 5), "onset 63, apex 5, offset 75"),
    "offset before apex": ("casme", set_cell("OffsetF", 65), "apex 69, offset 65"),
    "AU blank": ("casme3a", set_cell("AU", None), "AU cell is blank"),
    "AU offers a choice": ("samm", set_cell("Action Units", "R14A or 17A"), "offers a choice"),
    "two numbers around a slash": ("samm", set_cell("Action Units", "12/14"), "'12/14' is not understood"),
    "AU lost its plus": ("mmew", set_cell("Action Units", 1215), "is a '+' lost?"),
    "AU unknown": ("casme", set_cell("AU", "4+40"), "40 is none of the known AUs"),
    "AU fractional": ("casme", set_cell("AU", 4.5), "AU '4.5'"),
    "AU joined by comma": ("casme", set_cell("AU", "4,7"), "'4,7' is not understood"),
    "AU ends in plus": ("casme2", set_cell("Action Units", "4+"), "AU '4+'"),
    "AU column neither 0 nor 1": ("fourd", set_cell("AU4", 2), "column AU4 is '2'"),
    "AU column blank": ("fourd", set_cell("AU4", None), "column AU4 is ''"),
    "clip stands twice": ("casme2", repeat_row(), "stands in row 2 already"),
    "clip stands twice in other case": ("casme2", repeat_row(Filename="ep02_01F"), "in row 2 already"),
    "film and onset stand twice": ("casme3a", repeat_row(Apex=70), "spNO.1/e stands in row 2 already"),
    "clip folder missing": ("casme2", drop_folder(CASME2_CLIP), "no folder sub01/EP02_01f"),
    "onset frame missing": ("casme2", drop_frame(CASME2_CLIP, "img46.jpg"), "lacks onset 46; it holds frames 40..70"),
    "apex missing, a longer name ends alike": (
        "mmew", drop_frame("Micro_Expression/happiness/S01-01-001", "5.jpg"), "lacks apex 5; it holds frames 1..11",
    ),
    "clip folder empty": ("casme2", lambda r: (r.folders[CASME2_CLIP].clear(), 2)[1], "it holds no frames"),
    "two files of one frame": ("casme2", add_folder(CASME2_CLIP, "reg_img50.jpg"), "both frame 50"),
    "two folders of one clip": ("casme", add_folder("sub1/EP01_12", "1.jpg"), "both match"),
    "two emotion folders of one clip": (
        "mmew", lambda r: (add_folder("Micro_Expression/others/S04-04-002", "1.jpg")(r), 3)[1], "both match",
    ),
}  # fmt: skip


def refusal(argv, capsys) -> str:
    """stderr of a command that must fail as a user's error does."""
    assert cli.main([str(word) for word in argv]) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told.startswith("infusenet: ")
    return told


def read_argv(key, annotations, frames, tmp_path):
    return ["read", key, "--annotations", annotations, "--frames", frames, "--output", tmp_path / "out.csv"]


@pytest.mark.parametrize("name", ROWS)
def test_bad_row(name, tmp_path, capsys):
    key, edit, expected = ROWS[name]
    release = RELEASES[key]()
    row = edit(release)
    told = refusal(read_argv(key, *release.write(tmp_path), tmp_path), capsys)
    assert told.count("\n") == 1
    assert f"{release.workbook} refused: row {row}: " in told
    assert expected in told
    assert not (tmp_path / "out.csv").exists()


def test_all_bad_rows_at_once(tmp_path, capsys):
    release = RELEASES["samm"]()
    release.rows[0]["Action Units"] = "1215"
    release.rows[1]["Onset Frame"] = None
    release.folders.pop("013/013_2_1")
    told = refusal(read_argv("samm", *release.write(tmp_path), tmp_path), capsys).splitlines()
    assert len(told) == 4
    assert release.workbook in told[0]
    assert ["row 15: " in told[1], "row 16: " in told[2], "row 17: " in told[3]] == [True] * 3


def test_one_sentence_for_a_wrong_frames_root(tmp_path, capsys):
    annotations, _ = RELEASES["casme"]().write(tmp_path)
    (tmp_path / "other" / "a").mkdir(parents=True)
    (tmp_path / "other" / "b").mkdir()
    told = refusal(read_argv("casme", annotations, tmp_path / "other", tmp_path), capsys)
    assert told.count("\n") == 1
    assert "is this the frames root of casme?" in told


# --- whole files ---


def broken(tmp_path, kind) -> tuple[Path, str]:
    """A workbook that is wrong as a file, and what must be said of it."""
    release = RELEASES["mmew"]()
    path, _ = release.write(tmp_path)
    table = [release.header, *([row.get(name) for name in release.header] for row in release.rows)]
    if kind == "no header":
        write_xlsx(path, [["notes"]] * 40)
        return path, "no header row with 'Subject'"
    if kind == "columns missing":
        write_xlsx(path, [line[:4] for line in table])
        return path, "columns missing: OffsetFrame, Action Units, Estimated Emotion"
    if kind == "column twice":
        write_xlsx(path, [[*line, line[3]] for line in table])
        return path, "'ApexFrame', 'ApexFrame' all name the apex"
    if kind == "no rows":
        write_xlsx(path, table[:1])
        return path, "no row below the header"
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
        return path, "damaged or protected"
    if kind == "empty":
        path.write_bytes(b"")
        return path, "neither .xlsx nor .xls nor .csv"
    if kind == "damaged .xls":
        path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
        return path, "damaged or protected"
    if kind == "web page":
        path.write_text("<html>log in first</html>")
        return path, "neither .xlsx nor .xls nor .csv"
    if kind == "other encoding":
        path = path.with_suffix(".csv")
        path.write_bytes("Subject,Filename,Überschrift".encode("latin-1"))
        return path, "no CSV in UTF-8"
    if kind == "a folder":
        return tmp_path / "frames", "no such file"
    assert kind == "absent"
    return tmp_path / "absent.xlsx", "no such file"


KINDS = ["no header", "columns missing", "column twice", "no rows", "truncated", "empty", "damaged .xls"]
KINDS += ["web page", "other encoding", "a folder", "absent"]


@pytest.mark.parametrize("kind", KINDS)
def test_bad_workbook(kind, tmp_path, capsys):
    path, expected = broken(tmp_path, kind)
    told = refusal(read_argv("mmew", path, tmp_path / "frames", tmp_path), capsys)
    assert told.count("\n") == 1
    assert path.name in told
    assert expected in told


@pytest.mark.parametrize("kind", ["", "Micro", "micro expresion"])
def test_kind_of_expression_that_is_no_kind(kind, tmp_path, capsys):
    release = mixed("Macro-expression", kind, *["Micro-expression"] * 2)
    told = refusal(read_argv("casme3a", *release.write(tmp_path), tmp_path), capsys)
    assert told.count("\n") == 1
    assert f"row 3: Expression type '{kind}', expected Micro-expression or Macro-expression" in told


def test_table_without_a_micro_expression(tmp_path, capsys):
    release = mixed(*["Macro-expression"] * 4)
    told = refusal(read_argv("casme3a", *release.write(tmp_path), tmp_path), capsys)
    assert "no clip in 4 rows" in told
    assert not (tmp_path / "out.csv").exists()


def test_absent_frames_are_told_with_the_bad_rows(tmp_path, capsys):
    release = RELEASES["samm"]()
    release.rows[1]["Action Units"] = "1215"
    release.rows[1]["Filename"] = "007_6_3"
    annotations, _ = release.write(tmp_path)
    told = refusal(read_argv("samm", annotations, tmp_path / "absent", tmp_path), capsys).splitlines()
    assert "absent: no such folder" in told[1]
    assert "row 16: AU '1215'" in told[2]
    assert len(told) == 3


def test_unknown_database_and_absent_frames(tmp_path, capsys):
    annotations, frames = RELEASES["mmew"]().write(tmp_path)
    assert "did you mean 'mmew'" in refusal(read_argv("mmwe", annotations, frames, tmp_path), capsys)
    assert "absent: no such folder" in refusal(
        read_argv("mmew", annotations, tmp_path / "absent", tmp_path), capsys
    )


# --- the joint table ---

JOINT_CELLS = {
    "unknown database": ("dataset", "samn", "did you mean 'samm'"),
    "AU value 2": ("AU4", 2, "column AU4 is '2'"),
    "AU value blank": ("AU12", "", "column AU12 is ''"),
    "apexf inconsistent": ("apexf", 99, "apexf is 99, but onset, apex and offset give 8"),
    "n_frames inconsistent": ("n_frames", 3, "n_frames is 3"),
    "onset no number": ("onset", "x", "onset 'x'"),
    "apex past offset": ("apex", 5000, "apex 5000"),
    "subject climbs out": ("subject", "../01", "subject '../01'"),
    "material climbs out": ("material", "../01", "'../01' has characters outside"),
}


@pytest.mark.parametrize("name", JOINT_CELLS)
def test_bad_row_of_the_joint_table(name, tmp_path, capsys):
    column, value, expected = JOINT_CELLS[name]
    rows = joint_rows()
    rows[0][column] = value
    table = write_joint(tmp_path / "joint.csv", rows)
    told = refusal(["import", table, "--output", tmp_path / "out"], capsys)
    assert told.count("\n") == 1
    assert "joint.csv" in told
    assert "row 2: " in told
    assert expected in told
    assert not (tmp_path / "out").exists()


def test_bad_joint_tables(tmp_path, capsys):
    table = tmp_path / "joint.csv"
    argv = ["import", table, "--output", tmp_path / "out"]
    rows = joint_rows()
    write_joint(table, [{k: v for k, v in row.items() if k not in ("apexf", "AU17")} for row in rows])
    assert "columns missing (2):\n  apexf\n  AU17" in refusal(argv, capsys)
    write_joint(table, [*rows, rows[0]])
    assert "clip 01/EP01_12 is a duplicate" in refusal(argv, capsys)
    write_joint(table, rows)
    table.write_text(table.read_text().replace(",4,tense,", ",4,tense,1,", 1))
    assert "row 2: 47 cells, expected 46" in refusal(argv, capsys)
    table.write_text(table.read_text().splitlines()[0])
    assert "no row below the header" in refusal(argv, capsys)
    table.write_bytes(b"subject,material\n\xff\xfe")
    assert "no CSV in UTF-8" in refusal(argv, capsys)
    (tmp_path / "frames").mkdir()
    write_joint(table, rows)
    told = refusal([*argv, "--frames", f"casme={tmp_path / 'frames'}"], capsys)
    assert "row 2: clip 01/EP01_12: no folder sub01/EP01_12" in told


# --- a manifest of the user's own ---


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("mine,s1,c1", "mine,s1,c 1", "clip 's1/c 1'"),
        ("mine,s1,c1", "mine,../s1,c1", "subject '../s1'"),
        (",1,2,3,3,", ",1,2,3,9,", "n_frames is 9"),
        (",1,2,3,3,", ",1,5,3,3,", "apex 5"),
        (",1,2,3,3,", ",1,two,3,3,", "apex is 'two'"),
        (",0,s1/c1", ",7,s1/c1", "AU17 is '7'"),
        (",0,s1/c1", ",0,/s1/c1", "leaves the frames root"),
        (",0,s1/c1", ",0,../s1/c1", "leaves the frames root"),
        (",AU17,", ",AU99,", "columns missing: AU17"),
        (",AU17,", ",AU15,", "duplicate columns: AU15"),
    ],
)
def test_bad_manifest(old, new, expected, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    clip = Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", "", "", dict.fromkeys(AUS, 0))
    text = clip_table.to_csv([clip]).replace(old, new)
    assert new in text
    path.write_text(text)
    told = refusal(["summary", path], capsys)
    assert told.count("\n") == 1
    assert "mine.csv" in told
    assert expected.replace("'s1/c 1'", "'c 1'") in told


def test_in_a_process_of_its_own(tmp_path):
    release = RELEASES["casme"]()
    release.rows[0]["AU"] = "12 or 14"
    argv = read_argv("casme", *release.write(tmp_path), tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "infusenet.cli", *map(str, argv)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "CASME.xls refused: row 2: AU '12 or 14' offers a choice" in done.stderr


def test_numbers_of_frames_in_an_unusual_script(tmp_path, capsys):
    """Digits outside ASCII name no frame."""
    release = RELEASES["mmew"]()
    release.folders["Micro_Expression/fear/S30-05-001"] = numbered("{}.jpg", 1, 10) + ["١١.jpg"]
    assert "lacks offset 11" in refusal(read_argv("mmew", *release.write(tmp_path), tmp_path), capsys)
