"""The clip table: round trip, and every bad row named."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owners import RELEASES

from infusenet import cli, files
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.errors import InputError
from infusenet.protocol import AUS, CD6ME

ids = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)


@st.composite
def tables(draw):
    names = draw(st.lists(st.tuples(ids, ids), max_size=8, unique_by=lambda pair: "/".join(pair).lower()))
    clips = []
    for subject, name in names:
        onset = draw(st.integers(0, 9999))
        apex = onset + draw(st.integers(0, 50))
        labels = {n: draw(st.integers(0, 1)) for n in (*AUS, 24)}
        text = draw(st.text(st.characters(blacklist_categories=["C"], blacklist_characters="\r\n")))
        clips.append(
            Clip("db", subject, name, onset, apex, apex + 3, f"{subject}/{name}", text, "L1+2", labels)
        )
    return clips


@given(clips=tables())
def test_round_trip(tmp_path_factory, clips):
    path = tmp_path_factory.mktemp("table") / "m.csv"
    files.write_if_changed(path, clip_table.to_csv(clips))
    assert clip_table.read_manifest(path) == clips
    assert not files.write_if_changed(path, clip_table.to_csv(clips))


@pytest.fixture
def rows():
    labels = dict.fromkeys(AUS, 0)
    return [Clip("db", "s1", f"c{n}", 1, 2, 3, f"s1/c{n}", "", "?", labels) for n in range(4)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("c1,1,2,3,3", "c1,1,x,3,3", "row 3: apex is 'x'"),
        ("c1,1,2,3,3", "c1,1,9,3,3", "apex 9"),
        ("c1,1,2,3,3", "c1,1,2,3,4", "n_frames is 4"),
        ("s1,c1", "s1,$(touch x)", "characters outside"),
        ("s1,c1", "../s1,c1", "characters outside"),
        ("s1/c1", "/etc", "leaves the frames root"),
        ("s1/c1", "s1/../..", "leaves the frames root"),
        ("s1,c1", "S1,C2", "is a duplicate"),
        (",?,0", ",?,2", "AU1 is '2', expected 0 or 1"),
        ("offset,", "off,", "offset"),
        ("AU17,", "AU99,", "AU17"),
    ],
)
def test_bad_tables_are_refused(rows, tmp_path, old, new, expected):
    path = tmp_path / "m.csv"
    path.write_text(clip_table.to_csv(rows).replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        clip_table.read_manifest(path)
    assert expected in str(caught.value)
    assert "m.csv" in str(caught.value)


def test_every_bad_row_is_named(rows, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(clip_table.to_csv(rows).replace(",1,2,3,3,", ",1,2,3,7,"))
    with pytest.raises(InputError) as caught:
        clip_table.read_manifest(path)
    assert all(f"row {number}" in str(caught.value) for number in range(2, 6))


def test_float_labels_are_accepted(rows, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(clip_table.to_csv(rows).replace(",?,0,", ",?,1.0,"))
    assert all(clip.labels[1] == 1 for clip in clip_table.read_manifest(path))


def test_summary_shares(rows):
    labels = dict.fromkeys(AUS, 0) | {4: 1}
    positive = Clip("db", "s2", "p", 1, 2, 3, "p", "", "4", labels)
    lines = clip_table.summary([[*rows, positive]]).splitlines()
    assert lines[2].startswith("| db | 5 | 2 |")
    assert "20.0" in lines[3]
    assert "100" in lines[-1]


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
