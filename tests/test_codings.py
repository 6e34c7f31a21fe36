"""Labels, emotions and errata of each release, and the choices of a user."""

import csv

import pytest
from owners import RELEASES, numbered

from infusenet import cli, databases
from infusenet.databases import Options, clip_table, errata
from infusenet.databases.errata import Erratum
from infusenet.databases.row_problems import Notes, Place
from infusenet.databases.rows import Row
from infusenet.databases.workbooks.labels import settled
from infusenet.errors import InputError


def row(clip="a", onset="5", **fields):
    texts = {"clip": clip, "onset": onset, "apex": "6", "offset": "7", "au": "4+7", "emotion": "sad"}
    return Row(Place(2), texts | fields, "01", clip, {})


# --- labels ---


@pytest.mark.parametrize(
    ("cd6me", "own", "replaced"),
    [
        ({"au": "4"}, ["other_labels"], ["cd6me_labels"]),
        ({"emotion": "happy"}, ["other_labels"], ["cd6me_labels"]),
        ({"au": "L4+7"}, [], ["cd6me_labels"]),  # the twelve are the same
        ({"au": "4+7+16"}, [], ["cd6me_labels"]),
        ({"au": "4+7", "emotion": "sad"}, [], []),
        ({"emotion": "Sad"}, [], ["cd6me_labels"]),  # the same in another spelling
        ({}, [], []),
    ],
)
def test_labels_of_another_coding(cd6me, own, replaced):
    for labels, kinds in (("own", own), ("cd6me", replaced)):
        notes = Notes("x")
        values = settled(row(), {}, cd6me, notes, Options(labels=labels))
        assert [finding.kind for finding in notes.findings] == kinds
        assert values == {"au": "4+7", "emotion": "sad"} | (cd6me if labels == "cd6me" else {})


@pytest.mark.parametrize("text", ["14.0", "14 "])
def test_a_cell_written_in_another_way_is_no_other_coding(text):
    notes = Notes("x")
    settled(row(au=text), {}, {"au": "14"}, notes, Options(labels="cd6me"))
    assert notes.findings == []


def test_an_erratum_comes_before_the_comparison():
    notes = Notes("x")
    assert settled(row(), {"au": "4"}, {"au": "4"}, notes, Options())["au"] == "4"
    assert notes.findings == []


@pytest.mark.parametrize(
    ("key", "options", "name"),
    [
        ("samm", {"labels": "cd6me"}, "labels"),
        ("casme", {"labels": "cd6me"}, "labels"),
        ("mmew", {"emotions": "labels.xlsx"}, "emotions"),
        ("casme2", {"emotions": "labels.xlsx"}, "emotions"),
    ],
)
def test_settings_without_a_meaning_are_refused(key, options, name, tmp_path):
    with pytest.raises(InputError, match=f"{key}: `{name}` has no meaning for this database"):
        databases.read(key, *RELEASES[key]().write(tmp_path), options=Options(**options))


def test_labels_of_cd6me_need_a_known_release(tmp_path):
    with pytest.raises(
        InputError, match="none of the known releases, so `labels: cd6me` is not possible; remove it"
    ):
        databases.read("casme2", *RELEASES["casme2"]().write(tmp_path), options=Options(labels="cd6me"))


# --- errata ---


def test_an_erratum_of_one_coding_applies_to_no_other():
    erratum = Erratum("01", "a", "", frozenset({"2014", "updated"}), {"au": "4"})
    for releases, expected in (
        ({"2014"}, True), ({"2014", "updated"}, True), ({"2019"}, False), ({"2014", "2019"}, False), (set(), False),
    ):  # fmt: skip
        assert erratum.applies_to(releases) is expected
    assert Erratum("01", "a", "", frozenset(), {"apex": "4"}).applies_to(set())


def test_an_erratum_of_a_name_that_repeats_is_for_one_onset():
    erratum = Erratum("01", "d", "3647", frozenset(), {"onset": "2647"})
    expected = {"3647": True, "3647.0": True, "2647": True, "2648": False, "": False}
    assert {onset: erratum.corrects(row("D", onset)) for onset in expected} == expected
    assert not erratum.corrects(row("e", "3647"))


def test_no_aus_of_two_codings_are_mixed():
    """AU errata of CASME II stand for codings in which they are needed."""
    aus = {(e.subject, e.clip): e.codings for e in errata.load("casme2") if "au" in e.values}
    assert aus[("05", "EP05_09")] == aus[("12", "EP01_02")] == {"2014", "updated"}
    assert all(aus.values())


# --- CAS(ME)^3: emotions of a second table ---


def tables(root, *lines):
    """The release without its emotions; a label table of (subject, film, onset, emotion)."""
    release = RELEASES["casme3a"]()
    release.header.remove("emotion")
    annotations, frames = release.write(root)
    path = root / "labels.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("Subject", "Filename", "Onset", "Emotion"), *lines])
    return annotations, frames, path


def test_emotions_are_joined_by_subject_film_and_onset(tmp_path, capsys):
    lines = [("spNO.1", "E", "97.0", "sad"), ("spNO.1", "e", 63, "happy"), ("spNO.14", "j", 9, "fear")]
    annotations, frames, path = tables(tmp_path, *lines)
    clips = databases.read("casme3a", annotations, frames, options=Options(emotions=str(path)))
    assert [clip.emotion for clip in clips] == ["happy", "sad", "", ""]
    assert f"2 rows without an emotion (row 4, row 5), nor in {path}" in capsys.readouterr().err
    assert {clip.emotion for clip in databases.read("casme3a", annotations, frames)} == {""}
    assert "can be named as `emotions`" in capsys.readouterr().err


def test_an_expression_has_one_emotion(tmp_path):
    annotations, frames, path = tables(tmp_path, ("spNO.1", "e", 63, "sad"), ("spNO.1", "E", 63, "fear"))
    with pytest.raises(InputError, match="labels.csv: row 3: 'sad' and 'fear' for one expression"):
        databases.read("casme3a", annotations, frames, options=Options(emotions=str(path)))


def test_emotions_that_cannot_be_read_are_refused_with_their_rows(tmp_path):
    """A formula without a result must not become an emotion."""
    lines = [("spNO.1", "e", 63, "=E4"), ("subject 1", "e", 97, "sad"), ("spNO.14", "j", 9, "fear")]
    annotations, frames, path = tables(tmp_path, *lines)
    with pytest.raises(InputError) as caught:
        databases.read("casme3a", annotations, frames, options=Options(emotions=str(path)))
    assert f"{path} (2)" in str(caught.value)
    assert "row 2: sheet csv, cell D2 (emotion): '=E4' is no value" in str(caught.value)
    assert "row 3: subject 'subject 1'" in str(caught.value)


# --- rows outside CD6ME, from the command line ---


@pytest.mark.parametrize(("flags", "count"), [([], 2), (["--not-in-cd6me", "keep"], 4)])
def test_rows_outside_cd6me_from_the_command_line(flags, count, tmp_path, capsys):
    release = RELEASES["casme"]()
    cells = [(7, "EP12_3", 59, 61, 74), (7, "EP12_3", 140, 151, 165), (1, "EP13_2", 208, 212, 219)]
    cells.append((1, "EP13_7", 297, 301, 319))
    base = release.rows[0]
    names = ("Subject", "Filename", "OnsetF", "ApexF1", "OffsetF")
    release.rows = [base | dict(zip(names, line, strict=True)) for line in cells]
    folders = ("sub07/EP12_3", "sub01/EP13_2", "sub01/EP13_7")
    release.folders = {folder: numbered("{}.jpg", 40, 330) for folder in folders}
    annotations, frames = release.write(tmp_path)
    argv = [
        "read",
        "casme",
        "--annotations",
        annotations,
        "--frames",
        frames,
        "--output",
        tmp_path / "out.csv",
    ]
    assert cli.main([*map(str, argv), *flags]) == 0
    keys = [clip.key for clip in clip_table.read_manifest(tmp_path / "out.csv")]
    assert keys == ["07/EP12_3_59", "07/EP12_3_140", "01/EP13_9", "01/EP13_10"][-count:]
    note = "2 rows are no clips of CD6ME and left out: row 2, row 3"
    assert (note in capsys.readouterr().err) is (not flags)
