"""CASME II's releases in circulation: CD6ME's windows from each, CD6ME's labels or those of 2019."""

import random
from collections import Counter

import pytest
import releases_casme2 as casme2
from releases import (
    AUS,
    Difference,
    compare,
    entries,
    read,
    refused,
    twelve,
    write_csv,
    write_frames,
    write_xls,
)

from infusenet.errors import InputError

TRUTH = casme2.truth()
ABSENT = {casme2.ABSENT}
OWN_WINDOWS = {"07/EP06_01": (15, 49, 68), "12/EP09_02": (16, 59, 101)}
# Clips that the 2019 coding has other labels or another emotion for; those with another AU cell too.
RECODED = {*casme2.LABELS, *casme2.SADNESS}
REWRITTEN = RECODED | set(casme2.SAME_LABELS)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Frames with CD6ME's windows, and as the owners' cropped release has them."""
    root = tmp_path_factory.mktemp("casme2")
    return {
        tree: write_frames(root / tree, casme2.frames(tree == "cropped"), "reg_img{}.jpg")
        for tree in ("cd6me", "cropped")
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The three releases as workbooks."""
    root = tmp_path_factory.mktemp("tables")
    copies = {"2014": casme2.official(2014), "2019": casme2.official(2019), "updated": casme2.updated()}
    return {name: write_xls(root / f"{name}.xls", Sheet1=copy.table()) for name, copy in copies.items()}


def windows(reading):
    return {clip.key: (clip.onset, clip.apex, clip.offset) for clip in reading.clips}


def counts(codings):
    """The number of clips with each of the twelve AUs."""
    return Counter(n for au in codings for n, value in twelve(au).items() if value)


def test_the_made_up_codings_differ_as_the_owners_do():
    au = {year: [row[7] for row in casme2.official(year).rows] for year in (2014, 2019)}
    more, fewer = counts(au[2019]), counts(au[2014])
    assert [more[n] - fewer[n] for n in AUS] == [2, 4, -4, 3, -3, 0, -4, 1, 5, -5, 1, 1]
    cd6me = counts(clip.au for clip in TRUTH.values())
    assert [cd6me[n] - fewer[n] for n in AUS] == [0, 1, 1, 0, 0, 1, 0, -1, 0, 0, 0, 0]
    cells = [twelve(a)[n] != twelve(b)[n] for a, b in zip(au[2014], au[2019], strict=True) for n in AUS]
    labels = {key: (casme2.CORRECTED.get(key, old), new) for key, (old, new) in casme2.LABELS.items()}
    against = [twelve(a)[n] != twelve(b)[n] for a, b in labels.values() for n in AUS]
    assert (len(TRUTH), len(casme2.LABELS), sum(against)) == (256, 53, 71)
    assert len(au[2014]) == len(au[2019]) == 255
    assert sum(cells) == 69, "68 of the 51 clips, and AU15 of 05/EP05_09"


@pytest.mark.parametrize("labels", ["own", "cd6me"])
def test_2014_is_cd6me_on_frames_with_its_windows(labels, trees, tables):
    reading = read("casme2", tables["2014"], trees["cd6me"], labels=labels)
    assert compare(reading.clips, TRUTH) == Difference(absent=ABSENT)
    assert (len(reading.clips), reading.refused, reading.findings) == (255, [], [])
    assert "2014" in reading.release


def test_2014_falls_back_to_the_owners_windows_on_their_frames(trees, tables):
    reading = read("casme2", tables["2014"], trees["cropped"])
    assert compare(reading.clips, TRUTH) == Difference(windows=set(OWN_WINDOWS), absent=ABSENT)
    assert entries(reading, "owner_window") == set(OWN_WINDOWS)
    assert len(reading.findings) == 2
    assert {key: windows(reading)[key] for key in OWN_WINDOWS} == OWN_WINDOWS


@pytest.mark.parametrize("tree", ["cd6me", "cropped"])
def test_2019_keeps_its_own_labels(tree, trees, tables):
    reading = read("casme2", tables["2019"], trees[tree])
    fallbacks = set(OWN_WINDOWS) if tree == "cropped" else set()
    expected = Difference(fallbacks, set(casme2.LABELS), casme2.SADNESS, absent=ABSENT)
    assert compare(reading.clips, TRUTH) == expected
    assert entries(reading, "owner_window") == fallbacks
    assert entries(reading, "other_labels") == RECODED
    assert {finding.kind for finding in reading.findings} <= {"other_labels", "owner_window"}
    assert "2019" in reading.release


def test_no_erratum_mixes_two_codings(trees, tables):
    clips = {clip.key: clip for clip in read("casme2", tables["2019"], trees["cd6me"]).clips}
    coding = {f"{row[0]}/{row[1]}": row[7] for row in casme2.official(2019).rows}
    assert {key: clip.au for key, clip in clips.items()} == coding
    assert all({n: clip.labels[n] for n in AUS} == twelve(coding[key]) for key, clip in clips.items())


@pytest.mark.parametrize("tree", ["cd6me", "cropped"])
def test_2019_with_cd6mes_labels(tree, trees, tables):
    reading = read("casme2", tables["2019"], trees[tree], labels="cd6me")
    fallbacks = set(OWN_WINDOWS) if tree == "cropped" else set()
    assert compare(reading.clips, TRUTH) == Difference(fallbacks, absent=ABSENT)
    assert entries(reading, "cd6me_labels") == REWRITTEN
    assert entries(reading, "owner_window") == fallbacks
    assert {clip.key: clip.au for clip in reading.clips} == {
        key: clip.au for key, clip in TRUTH.items() if key != casme2.ABSENT
    }


@pytest.mark.parametrize("labels", ["own", "cd6me"])
def test_updated_is_cd6me(labels, trees, tables):
    reading = read("casme2", tables["updated"], trees["cd6me"], labels=labels)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (256, [], [], None)


def test_updated_has_no_window_for_two_clips_of_the_owners_frames(trees, tables):
    """Its own cells of them are no windows, so nothing is left to fall back to."""
    with pytest.raises(InputError) as caught:
        read("casme2", tables["updated"], trees["cropped"])
    assert all(key in str(caught.value) for key in OWN_WINDOWS)
    reading = read("casme2", tables["updated"], trees["cropped"], "missing_key_frame")
    assert compare(reading.clips, TRUTH) == Difference(absent=set(OWN_WINDOWS))
    assert {row.clip for row in reading.refused} == set(OWN_WINDOWS)


@pytest.mark.parametrize("apex", [300, 291, -1])
def test_2014_with_the_apex_that_copies_filled_in(apex, trees, tmp_path):
    rows = casme2.official(2014).rows
    for row in rows:
        row[4] = apex if row[:2] == ["04", "EP12_01f"] else row[4]
    places = [i for i, name in enumerate(casme2.HEADER) if name]
    lines = [[line[i] for i in places] for line in [casme2.HEADER, *rows]]
    reading = read("casme2", write_csv(tmp_path / "2014.csv", lines), trees["cd6me"])
    assert compare(reading.clips, TRUTH) == Difference(absent=ABSENT)
    assert "2014" in reading.release


def test_2014_with_two_invented_rows(trees, tmp_path):
    """bob.db.casme2 wrote rows for the two folders without annotation; one is a clip of CD6ME's."""
    rows = casme2.official(2014).rows
    rows.append(casme2.line("09/EP02_02f", (1, 2, 3), "?", "others"))
    rows.append(casme2.line(casme2.ABSENT, (61, 91, 106), "?", "others"))
    reading = read("casme2", write_csv(tmp_path / "bob.csv", [casme2.HEADER, *rows]), trees["cd6me"])
    assert refused(reading, "not_in_cd6me") == [257]
    assert "2014" in reading.release
    assert reading.release.count("24/EP02_07 in row 258") == 1
    difference = compare(reading.clips, TRUTH)
    assert (difference.windows, difference.labels, difference.extra) == (set(), set(), set())


@pytest.mark.parametrize(
    ("year", "rows", "columns"),
    [(2014, 246, 9), (2014, 120, 9), (2019, 254, 9), (2019, 246, 9), (2019, 240, 10), (2019, 120, 9)],
)
def test_copies_cut_in_another_order_and_without_the_column(year, rows, columns, trees, tmp_path):
    """Told by cells: neither by the number of rows nor by the column that a copy of 2019 has lost.

    The two rows that tell most are cut first.
    """
    lines = [row[:columns] for row in casme2.official(year).rows]
    telling = [line for line in lines if line[:2] in (["02", "EP06_01f"], ["24", "EP07_01"])]
    others = [line for line in lines if line not in telling]
    random.Random(rows).shuffle(others)
    kept = [*others, *telling][:rows]
    random.Random(0).shuffle(kept)
    table = write_csv(tmp_path / "cut.csv", [(casme2.HEADER + ["Objective Classes"])[:columns], *kept])
    reading = read("casme2", table, trees["cd6me"])
    keys = {f"{row[0]}/{row[1]}" for row in kept}
    difference = compare(reading.clips, TRUTH)
    assert difference == Difference(
        labels=keys & set(casme2.LABELS) if year == 2019 else set(),
        emotions=keys & casme2.SADNESS if year == 2019 else set(),
        absent=TRUTH.keys() - keys,
    )
    assert entries(reading, "other_labels") == (keys & RECODED if year == 2019 else set())
    assert str(year) in reading.release


def test_2019_with_edited_cells_is_still_2019(trees, tmp_path):
    """Two of the cells that tell most and an apex were edited; the labels of the others stay its own."""
    lines = casme2.official(2019).rows
    edits = {("04", "EP12_01f"): (4, 300), ("02", "EP06_01f"): (7, "14"), ("24", "EP07_01"): (8, "sadness")}
    for line in lines:
        place, cell = edits.get(tuple(line[:2]), (2, line[2]))
        line[place] = cell
    header = [*casme2.HEADER, "Objective Classes"]
    reading = read("casme2", write_csv(tmp_path / "edited.csv", [header, *lines]), trees["cd6me"])
    assert compare(reading.clips, TRUTH) == Difference(
        labels=set(casme2.LABELS) - {"02/EP06_01f"},
        emotions=casme2.SADNESS - {"24/EP07_01"},
        absent=ABSENT,
    )
    assert entries(reading, "other_labels") == RECODED - {"02/EP06_01f", "24/EP07_01"}
    assert "2019" in reading.release


def test_updated_with_more_columns_and_in_another_order(trees, tmp_path):
    copy = casme2.updated()
    lines = [[*row, 22, "F", "Chinese"] for row in copy.rows]
    random.Random(0).shuffle(lines)
    table = write_csv(tmp_path / "meta.csv", [[*copy.header, "Age", "Gender", "Ethnicity"], *lines])
    reading = read("casme2", table, trees["cd6me"])
    assert compare(reading.clips, TRUTH) == Difference()
    assert (reading.release, reading.findings) == (None, [])


def test_a_copy_without_aus_is_refused_with_that_reason(trees, tmp_path):
    lines = [[*line[:6], line[8]] for line in casme2.official(2019).table()]
    with pytest.raises(InputError, match="Action Units"):
        read("casme2", write_csv(tmp_path / "trimmed.csv", lines), trees["cd6me"])


@pytest.mark.parametrize("kind", ["owner_window", "other_labels"])
def test_what_differs_from_cd6me_can_be_left_out(kind, trees, tables):
    """The policies of the audit on what is kept by default: the finding names the clip."""
    reading = read("casme2", tables["2019"], trees["cropped"])
    left = [clip for clip in reading.clips if clip.key not in entries(reading, kind)]
    difference = compare(left, TRUTH)
    assert not (difference.windows if kind == "owner_window" else difference.labels | difference.emotions)
