"""The clip table: round trip, and every bad row named."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet import files
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.errors import InputError
from infusenet.protocol import AUS

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
