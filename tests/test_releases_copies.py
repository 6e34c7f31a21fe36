"""Releases as other programs write them, cut to some rows, or without a column: CD6ME's clips, or a refusal."""

import shutil

import pytest
import releases_casme as casme
import releases_casme3a as casme3a
from owners import RELEASES, read
from releases import Difference, compare, entries, refused, write_csv, write_frames
from releases import read as read_release

from infusenet.databases import ERRATA
from infusenet.databases.releases import SheetTraits
from infusenet.databases.workbooks.workbook import read_table
from infusenet.errors import InputError


def as_pandas_writes(rows):
    """Tables of texts: blank cells are ``nan``, and numbers of a column with blanks have ``.0``."""
    return [
        [f"{cell}.0" if str(cell).isdigit() else "nan" if cell == "\\" else cell for cell in row]
        for row in rows
    ]


def test_section_as_pandas_writes_it_with_names_in_lower_case(tmp_path):
    copy = casme.section(raw=False, owners_windows=False)
    rows = [[row[0], row[1].lower(), *row[2:]] for row in as_pandas_writes(copy.rows)]
    table = write_csv(tmp_path / "section.csv", [copy.header, *rows])
    reading = read_release("casme", table, write_frames(tmp_path / "cut", copy.frames, copy.name))
    assert compare(reading.clips, casme.truth()) == Difference(emotions={"06/EP09_5"})
    assert len(refused(reading, "not_in_cd6me")) == 8


@pytest.mark.parametrize(("copy", "own"), [(casme.section(), True), (casme.coded(), False)])
def test_one_subject_in_long_clips_that_have_both_windows(copy, own, tmp_path):
    """The numbers of Section A are those of the long clips, where CD6ME's window shows something else."""
    rows = [row for row in copy.rows if row[1] in ("EP07_1", "EP09_3", "EP09_4", "EP10") and row[0] == 3]
    frames = {f"sub03/{row[1]}": range(50, 150) for row in rows}
    table = write_csv(tmp_path / "subject.csv", [copy.header, *rows])
    reading = read_release("casme", table, write_frames(tmp_path / "long", frames, copy.name))
    keys = set(casme.SECTION_WINDOWS)
    windows = casme.SECTION_WINDOWS if own else {key: casme.truth()[key].window for key in keys}
    assert {clip.key: (clip.onset, clip.apex, clip.offset) for clip in reading.clips} == windows
    assert entries(reading, "owner_window") == (keys if own else set())


@pytest.mark.parametrize(
    ("cells", "frames", "expected"),
    [
        ((14, "EP09_2", 84), {"EP09_2": 120, "EP09_3": 40}, ("14/EP09_3", 4, 12, 19)),  # clips cut out
        ((14, "EP09_2", 84), {"EP09_2": 120}, ("14/EP09_3", 84, 92, 99)),
        ((17, "EP17_2", 263), {"EP17_2": 480}, ("17/EP17_2", 263, 276, 289)),  # a long clip has both windows
        ((7, "EP173", 81), {"EP173": 120}, ("07/EP17_3", 81, 84, 90)),
    ],
)
def test_one_row_of_section_a_or_b(cells, frames, expected, tmp_path):
    copy = casme.section()
    (row,) = [row for row in copy.rows if (row[0], row[1], row[3]) == cells]
    frames = {f"sub{row[0]:02d}/{name}": range(1, count) for name, count in frames.items()}
    table = write_csv(tmp_path / "row.csv", [copy.header, row])
    (clip,) = read_release("casme", table, write_frames(tmp_path / "frames", frames, copy.name)).clips
    assert (clip.key, clip.onset, clip.apex, clip.offset) == expected


def test_workbooks_of_two_releases_are_refused_with_their_names(tmp_path):
    section, coded = casme.section(), casme.coded()
    tables = [
        write_csv(tmp_path / "B.csv", [section.header, *section.rows[96:]]),
        write_csv(tmp_path / "coded.csv", [coded.header, *coded.rows]),
    ]
    (tmp_path / "frames").mkdir()
    expected = "different releases: B.csv looks like the workbooks of Section A and B; coded.csv looks like CASME-coded"
    with pytest.raises(InputError, match=expected):
        read_release("casme", tables, tmp_path / "frames")


def test_full_table_whose_macro_rows_no_column_marks(tmp_path):
    """Film and onset, also one written ``00062``, tell CD6ME's expressions; emotions written ``nan`` are filled in."""
    folder = tmp_path / "cd6me"
    shutil.copytree(ERRATA.parent / "cd6me", folder)
    casme3a.write_ids(folder / "casme3a_ids.csv")
    subjects = {key.subject for key, *_ in casme3a.NAMED.values()}
    truth = {m.name: m.truth for m in casme3a.EXPRESSIONS if m.key.subject in subjects}
    rows = [
        [*row[:2], *(f"{int(cell):05d}" for cell in row[2:5]), *row[6:], "nan"]
        for row in casme3a.full_v2()
        if row[0] in subjects
    ]
    assert len(rows) > 4 * len(truth)
    table = write_csv(tmp_path / "full.csv", [casme3a.HEADER, *rows])
    labels = write_csv(tmp_path / "label.csv", [casme3a.HEADER, *casme3a.label_v2()])
    films = {name: held for name, held in casme3a.films().items() if name.split("/")[1] in subjects}
    options = {"cd6me": folder, "emotions": str(labels)}
    reading = read_release("casme3a", table, write_frames(tmp_path / "films", films), **options)
    assert compare(reading.clips, truth) == Difference()
    assert len(refused(reading, "not_in_cd6me")) == len(rows) - len(truth)


@pytest.mark.parametrize("key", ["casme", "casme2", "samm", "fourd", "mmew"])
def test_names_in_another_case_are_cd6mes(key, tmp_path):
    """So errata find their rows."""
    release = RELEASES[key]()
    clips = read(release, tmp_path / "own")
    column = next(
        name for name in release.header if name and name.lower().startswith(("filename", "fold_name"))
    )
    for row in release.rows:
        row[column] = row[column].swapcase()
    assert read(release, tmp_path / "other") == clips


def test_the_header_s_row_is_that_of_the_header(tmp_path):
    """Not the row above the first one that counts."""
    columns = {"subject": ("Subject",), "clip": ("Filename",)}
    rows = [["notes"], ["Subject", "Filename"], [], ["1", "a"], ["1", "b"]]
    lines = read_table(write_csv(tmp_path / "t.csv", rows), columns).lines
    assert [SheetTraits.of(part, []).header for part in (lines, lines[1:])] == [2, 2]
