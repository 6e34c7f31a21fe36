"""CAS(ME)^3's tables in circulation: every expression keeps CD6ME's id, whatever stands beside it."""

import random
import shutil

import pytest
import releases_casme3a as casme3a
from releases import Difference, compare, read, refused, write_csv, write_frames, write_xls

from infusenet.databases import ERRATA
from infusenet.errors import InputError

TRUTH = casme3a.truth()
CHANGED = set(casme3a.other_apexes())


@pytest.fixture(scope="module")
def cd6me(tmp_path_factory):
    """CD6ME's tables with ids of the made-up expressions."""
    folder = tmp_path_factory.mktemp("tables") / "cd6me"
    shutil.copytree(ERRATA.parent / "cd6me", folder)
    casme3a.write_ids(folder / "casme3a_ids.csv")
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_frames(tmp_path_factory.mktemp("films"), casme3a.films())


@pytest.fixture(scope="module")
def label_v2(tmp_path_factory):
    path = tmp_path_factory.mktemp("v2") / "label_v2.csv"
    return write_csv(path, [casme3a.HEADER, *casme3a.label_v2()])


@pytest.fixture(scope="module")
def full_v2(tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "full_v2.csv"
    return write_csv(path, [casme3a.FULL_HEADER, *casme3a.full_v2()])


@pytest.fixture(scope="module")
def label_v1(tmp_path_factory):
    path = tmp_path_factory.mktemp("v1") / "label_v1.xls"
    return write_xls(path, label=[casme3a.V1_HEADER, *casme3a.label_v1()])


def windows(reading):
    return {clip.key: (clip.onset, clip.apex, clip.offset) for clip in reading.clips}


def test_the_made_up_tables_have_the_counts_of_the_owners():
    v1, v2 = casme3a.label_v1(), casme3a.label_v2()
    keys = [{tuple(row[:3]) for row in rows} for rows in (v1, v2, casme3a.full_v2())]
    assert [len(v1), len(v2), len(casme3a.cut()), len(TRUTH), len(keys[2])] == [921, 860, 687, 860, 4206]
    assert (len(keys[0] - keys[1]), len(keys[1] - keys[0]), len(CHANGED)) == (65, 4, 15)
    sound, damaged = casme3a.full_v1()
    outside = sum(not int(row[2]) <= int(row[3]) <= int(row[4]) for row in damaged)
    assert (len(sound), len(damaged), outside) == (4206, 918, 21)
    for row, (key, *_) in casme3a.NAMED.items():
        assert v2[row - 2][:3] == list(map(str, key)), "rows of the facts stand at their place"


def test_label_v2_is_cd6mes(label_v2, films, cd6me):
    reading = read("casme3a", label_v2, films, cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (860, [], [], None)


def test_label_v2_in_another_order_and_with_films_in_the_other_case(films, cd6me, tmp_path):
    rows = [[row[0], row[1].swapcase(), *row[2:]] for row in casme3a.label_v2()]
    random.Random(0).shuffle(rows)
    reading = read("casme3a", write_csv(tmp_path / "v2.csv", [casme3a.HEADER, *rows]), films, cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (reading.findings, reading.release) == ([], None)


def test_label_v2_with_four_slips_corrected(films, cd6me, tmp_path):
    """The corrected onset of spNO.216/d is a second key of the same clip."""
    table = write_csv(tmp_path / "v2.csv", [casme3a.HEADER, *casme3a.label_v2(mended=True)])
    reading = read("casme3a", table, films, cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings) == (860, [], [])


def test_label_v2_with_an_apex_that_copies_filled_in(films, cd6me, tmp_path):
    rows = casme3a.label_v2()
    assert rows[750][:4] == ["spNO.216", "e", "0", "0"]
    rows[750][3] = "17"
    table = write_csv(tmp_path / "v2.csv", [casme3a.HEADER, *rows])
    assert compare(read("casme3a", table, films, cd6me=cd6me).clips, TRUTH) == Difference()


@pytest.mark.parametrize("order", [1, -1])
def test_label_v2_with_a_frame_0_corrected_to_1(order, films, cd6me, tmp_path):
    """A row that has the erratum's onset already is the same clip, also where emotions are joined."""
    rows = [[*row[:2], "1", "1", *row[4:]] if row[1:4] == ["e", "0", "0"] else row
            for row in casme3a.label_v2()]  # fmt: skip
    table = write_csv(tmp_path / "v2.csv", [casme3a.HEADER, *rows[::order]])
    reading = read("casme3a", table, films, cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused) == (860, [])
    full = write_csv(tmp_path / "full.csv", [casme3a.FULL_HEADER, *casme3a.full_v2()])
    assert (
        compare(read("casme3a", full, films, cd6me=cd6me, emotions=str(table)).clips, TRUTH) == Difference()
    )


@pytest.fixture(scope="module")
def v1(label_v1, films, cd6me):
    return read("casme3a", label_v1, films, cd6me=cd6me)


def test_label_v1_keeps_every_shared_id(v1):
    assert compare(v1.clips, TRUTH) == Difference(windows=CHANGED, absent=casme3a.NOT_IN_V1)
    assert len(v1.clips) == 856
    assert len(refused(v1, "not_in_cd6me")) == 65
    assert v1.findings == []
    assert "v1" in v1.release


def test_no_erratum_touches_another_expression(v1):
    """spNO.40/e, 1970 is third in the film of v1, where the erratum of 1812 would hit it by its rank."""
    clips = windows(v1)
    assert clips["spNO.40/e4"] == (1970, 1972, 1985)
    assert clips["spNO.216/e"] == (1, 1, 25)
    assert clips["spNO.216/e2"] == (463, 470, 480)
    assert clips["spNO.214/c"] == (5, 15, 34)
    rows = {tuple(row[:3]): tuple(map(int, row[2:5])) for row in casme3a.label_v1()}
    for made in casme3a.EXPRESSIONS:
        if made.name in clips and made.name not in casme3a.CORRECTED:
            key = made.key
            assert clips[made.name] == rows[key.subject, key.film, str(key.onset)]


def test_label_v1_with_the_rows_outside_cd6me(label_v1, films, cd6me):
    reading = read("casme3a", label_v1, films, keep=True, cd6me=cd6me)
    difference = compare(reading.clips, TRUTH)
    assert difference._replace(extra=set()) == Difference(windows=CHANGED, absent=casme3a.NOT_IN_V1)
    assert (len(difference.extra), reading.refused) == (65, [])
    onsets = {(clip.subject, clip.onset) for clip in reading.clips if clip.key in difference.extra}
    assert onsets == {(key.subject, key.onset) for key in casme3a.macro_in_v2()}


def test_full_v2_joins_its_emotions(full_v2, label_v2, films, cd6me):
    reading = read("casme3a", full_v2, films, emotions=str(label_v2), cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings) == (860, [], [])
    assert reading.release


def test_full_v2_alone_has_no_emotions(full_v2, films, cd6me):
    reading = read("casme3a", full_v2, films, cd6me=cd6me)
    assert {clip.emotion for clip in reading.clips} == {""}
    assert compare(reading.clips, TRUTH) == Difference(emotions=set(TRUTH))


@pytest.mark.parametrize("first", ["AU+Emotion", "Sheet1"])
def test_full_v1_is_read_from_its_sound_sheet(first, films, cd6me, label_v1, tmp_path):
    sound, damaged = casme3a.full_v1()
    sheets = {"AU+Emotion": [casme3a.FULL_HEADER, *sound], "Sheet1": [casme3a.HEADER, *damaged]}
    order = sorted(sheets, key=lambda title: title != first)
    table = write_xls(tmp_path / "v1.xls", **{title: sheets[title] for title in order})
    reading = read("casme3a", table, films, emotions=str(label_v1), cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference(windows=CHANGED, absent=casme3a.NOT_IN_V1)
    assert (len(reading.clips), len(refused(reading, "not_in_cd6me"))) == (856, 65)
    assert len(reading.refused) == 65
    assert "v1" in reading.release


def test_a_cut_table_keeps_every_id(films, cd6me, tmp_path):
    rows = casme3a.cut()
    table = write_csv(tmp_path / "htnet.csv", [casme3a.CUT_HEADER, *rows])
    reading = read("casme3a", table, films, cd6me=cd6me)
    difference = compare(reading.clips, TRUTH)
    assert difference == Difference(absent=difference.absent)
    assert (len(reading.clips), len(difference.absent), reading.findings) == (687, 173, [])
    assert windows(reading)["spNO.216/e2"] == (463, 470, 480)
    assert "spNO.216/e" in difference.absent
    assert reading.release


SUBJECTS = {key.subject for key, *_ in casme3a.NAMED.values()}
NAMED_TRUTH = {made.name: made.truth for made in casme3a.EXPRESSIONS if made.key.subject in SUBJECTS}
LACKING = [made for made in casme3a.EXPRESSIONS if made.v2[0] > made.v2[2]]


def own_clips(root, *more):
    """The owners' clips of the films that the facts name; ``more`` are expressions that ``clips`` lacks."""
    folders = {
        folder: held
        for folder, held in casme3a.clips().items()
        if folder.split("/")[-1].split("_")[0].replace("No", "NO") in SUBJECTS
    }
    for made in more:
        key = made.key
        name = f"spNo.{key.subject[5:]}_{key.film}_{key.onset}"
        folders[f"Part_A_ME_clip/frame/{name}"] = set(made.truth.window)
    return write_frames(root / "frames", folders)


@pytest.fixture(scope="module")
def named_rows(tmp_path_factory):
    """Their rows of label v2."""
    path = tmp_path_factory.mktemp("named") / "v2.csv"
    rows = [row for row in casme3a.label_v2() if row[0] in SUBJECTS]
    assert len(rows) == len(casme3a.NAMED)
    return write_csv(path, [casme3a.HEADER, *rows])


def test_owners_clips_lack_three_whose_window_is_none_in_the_table(named_rows, cd6me, tmp_path):
    frames = own_clips(tmp_path)
    with pytest.raises(InputError) as caught:
        read("casme3a", named_rows, frames, cd6me=cd6me)
    lost = {"spNO.216/d", "spNO.40/e3", "spNO.40/e5"}
    assert all(key in str(caught.value) for key in lost)
    reading = read("casme3a", named_rows, frames, "missing_key_frame", cd6me=cd6me)
    assert compare(reading.clips, NAMED_TRUTH) == Difference(absent=lost)
    assert {row.clip for row in reading.refused if row.kind == "missing_key_frame"} == lost


def test_owners_clip_with_the_onset_as_distributed(named_rows, cd6me, tmp_path):
    """spNO.216/d lies in a folder named by 3647 and holds frames from 2647 on."""
    reading = read("casme3a", named_rows, own_clips(tmp_path, *LACKING), cd6me=cd6me)
    assert compare(reading.clips, NAMED_TRUTH) == Difference()


def test_full_v2_on_the_owners_clips(cd6me, tmp_path):
    """It has the corrected onset, the folder that of label v2."""
    rows = [row for row in casme3a.full_v2() if row[0] in SUBJECTS]
    table = write_csv(tmp_path / "full.csv", [casme3a.FULL_HEADER, *rows])
    reading = read("casme3a", table, own_clips(tmp_path, *LACKING), cd6me=cd6me)
    assert compare(reading.clips, NAMED_TRUTH) == Difference(emotions=set(NAMED_TRUTH))


def test_a_table_in_several_files(cd6me, films, tmp_path):
    """Films and onsets name expressions in each of them, whatever release its cells look like."""
    row = ["spNO.305", "a", "9999", "10001", "10003", "4", "1", "others"]
    halves = [[], [row]]
    for line in casme3a.label_v2(mended=True):
        halves[int(line[0][5:]) > 300].append(line)
    tables = [write_csv(tmp_path / f"{n}.csv", [casme3a.HEADER, *half]) for n, half in enumerate(halves)]
    reading = read("casme3a", tables, films, cd6me=cd6me)
    assert compare(reading.clips, TRUTH) == Difference()
    assert refused(reading, "not_in_cd6me") == [2]
