"""CASME's releases in circulation give CD6ME's clips, whatever their names and numbers."""

import random
import re

import pytest
import releases_casme as casme
from releases import Difference, compare, entries, read, refused, write_csv, write_frames, write_xls

from infusenet import databases
from infusenet.errors import InputError

TRUTH = casme.truth()
CHANGED = set(casme.SECTION_WINDOWS)
OUTSIDE = [46, 58, 87, 88, 167, 168, 169, 170]
ABSENT = {"14/EP08_2", "14/EP09_3", "17/EP17_1", "17/EP17_5", "17/EP17_6", "18/EP02_7"}


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """(table, {tree: frames root}) of Section A/B; its raw trees hold the owners' windows or CD6ME's."""
    root, copies = tmp_path_factory.mktemp("section"), {}
    for tree, raw, own in (("raw", True, True), ("raw of cd6me", True, False), ("cut", False, False)):
        copy = casme.section(raw, own)
        copies[tree] = write_frames(root / tree, copy.frames, copy.name)
    return write_xls(root / "Section A.xls", Sheet1=copy.table()), copies


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    root = tmp_path_factory.mktemp("coded")
    copies = {"cd6me": casme.coded(), "owners": casme.coded(owners_windows=True)}
    trees = {tree: write_frames(root / tree, copy.frames, copy.name) for tree, copy in copies.items()}
    return write_xls(root / "CASME-coded-20190721.xls", Sheet1=copies["cd6me"].table()), trees


def test_the_made_up_section_has_its_signs():
    rows = casme.section_rows()
    names = [(row[0], row[1]) for row in rows]
    assert (len(rows), len(TRUTH), sum(subject <= 7 for subject, _ in names)) == (197, 189, 96)
    assert sum(row[6] == "\\" for row in rows) == 21
    assert (len({name for name in names if names.count(name) > 1}), 197 - len(set(names))) == (15, 20)


@pytest.mark.parametrize(("tree", "shifts"), [("raw of cd6me", casme.SHIFTS), ("cut", {})])
def test_section_is_cd6me_on_frames_with_its_windows(tree, shifts, section):
    table, trees = section
    reading = read("casme", table, trees[tree])
    assert compare(reading.clips, TRUTH, shifts) == Difference(emotions={"06/EP09_5"})
    assert refused(reading, "not_in_cd6me") == OUTSIDE
    assert reading.findings == []
    assert "Section A" in reading.release


def test_section_on_the_owners_raw_clips_lets_their_folders_decide(section):
    table, trees = section
    reading = read("casme", table, trees["raw"])
    expected = Difference(windows=CHANGED, emotions={"06/EP09_5"})
    assert compare(reading.clips, TRUTH, casme.SHIFTS) == expected
    assert entries(reading, "owner_window") == CHANGED
    windows = {clip.key: (clip.onset, clip.apex, clip.offset) for clip in reading.clips}
    assert {key: windows[key] for key in CHANGED} == casme.SECTION_WINDOWS
    assert len(reading.findings) == 3
    assert refused(reading, "not_in_cd6me") == OUTSIDE


def test_each_renamed_clip_lies_in_the_folder_that_its_tree_has(section):
    """17/EP17_2 is the trap: the raw clip of that name holds three clips, and its numbers CD6ME's too."""
    table, trees = section
    raw = {clip.key: clip.frames for clip in read("casme", table, trees["raw"]).clips}
    cut = {clip.key: clip.frames for clip in read("casme", table, trees["cut"]).clips}
    for key, _, _, name, _ in casme.RENAMED:
        subject, clip = key.split("/")
        assert (raw[key], cut[key]) == (f"sub{subject}/{name}", f"sub{subject}/{clip}")


def test_offsets_that_the_section_lacks_are_cd6mes(section):
    table, trees = section
    clips = {clip.key: clip for clip in read("casme", table, trees["raw"]).clips}
    assert {key: clips[key].offset for key, _ in casme.WITHOUT_OFFSET.values()} == {
        key: window[2] for key, window in casme.WITHOUT_OFFSET.values()
    }
    renamed = {"06/EP02_7": 70, "17/EP17_2": 289, "17/EP17_5": 450, "17/EP17_6": 285}
    assert {key: clips[key].offset for key in renamed} == renamed


@pytest.mark.parametrize("raw", [True, False])
def test_two_workbooks_below_one_root(raw, tmp_path):
    copy = casme.section(raw)
    write_frames(tmp_path / "RAW", casme.in_two(copy.frames), copy.name)
    a, b = tmp_path / "RAW/CASME_A/Section A/Section A.xls", tmp_path / "RAW/CASME_B/Section B/Section B.xls"
    write_xls(a, Sheet1=[copy.header, *copy.rows[:96]])
    write_xls(b, Sheet1=[copy.header, *copy.rows[96:]])
    for annotations in ([a, b], [b, a]):
        reading = read("casme", annotations, tmp_path / "RAW")
        expected = Difference(windows=CHANGED, emotions={"06/EP09_5"})
        assert compare(reading.clips, TRUTH, casme.SHIFTS if raw else {}) == expected
        assert entries(reading, "owner_window") == CHANGED
        assert len(refused(reading, "not_in_cd6me")) == 8
        assert "Section A" in reading.release
    assert {clip.frames.split("/")[1] for clip in reading.clips} == {"Section A", "Section B"}


def test_section_with_the_names_of_another_copy(tmp_path):
    """07/EP171 may be the slip of one copy: another has EP17_1, and then so may its folders."""
    copy = casme.section()
    names = {name: f"{name[:4]}_{name[4]}" for name in ("EP171", "EP172", "EP173", "EP177")}
    rows = [[line[0], names.get(line[1], line[1]), *line[2:]] for line in copy.rows]
    frames = {}
    for folder, held in copy.frames.items():
        subject, name = folder.split("/")
        frames[f"{subject}/{names.get(name, name)}"] = held
    table = write_csv(tmp_path / "section.csv", [copy.header, *rows])
    for tree, folders in (("own", copy.frames), ("other", frames)):
        reading = read("casme", table, write_frames(tmp_path / tree, folders, copy.name))
        expected = Difference(windows=CHANGED, emotions={"06/EP09_5"})
        assert compare(reading.clips, TRUTH, casme.SHIFTS) == expected
        assert len(refused(reading, "not_in_cd6me")) == 8


def test_one_section_alone(section, tmp_path):
    """Half of CD6ME's clips, each under its own name."""
    _, trees = section
    copy = casme.section()
    table = write_csv(tmp_path / "Section B.csv", [copy.header, *copy.rows[96:]])
    reading = read("casme", table, trees["raw"])
    expected = {key for key in TRUTH if int(key[:2]) < 8}
    assert compare(reading.clips, TRUTH, casme.SHIFTS) == Difference(absent=expected)
    assert len(refused(reading, "not_in_cd6me")) == 4


def test_section_in_another_order_and_cut(section, tmp_path):
    _, trees = section
    rows = casme.section_rows()
    random.Random(0).shuffle(rows)
    kept = rows[:150]
    reading = read("casme", write_csv(tmp_path / "cut.csv", [casme.HEADER, *kept]), trees["raw of cd6me"])
    shared = compare(reading.clips, TRUTH, casme.SHIFTS)
    assert (shared.windows, shared.labels, shared.extra) == (set(), set(), set())
    assert len(reading.clips) + len(refused(reading, "not_in_cd6me")) == 150
    assert "Section A" in reading.release


def test_section_with_the_rows_outside_cd6me(section):
    """Two of the eight have no offset that anyone knows, so they stay refused."""
    table, trees = section
    with pytest.raises(InputError) as caught:
        read("casme", table, trees["raw"], keep=True)
    assert [row for row in OUTSIDE if f"row {row}:" in str(caught.value)] == [58, 169]
    reading = read("casme", table, trees["raw"], "unreadable", keep=True)
    difference = compare(reading.clips, TRUTH, casme.SHIFTS)
    assert difference._replace(extra=set()) == Difference(CHANGED, emotions={"06/EP09_5"})
    assert len(difference.extra) == 6
    windows = {(clip.onset, clip.apex, clip.offset) for clip in reading.clips if clip.key in difference.extra}
    assert windows == {(n, apex, end) for _, _, _, n, apex, end, *_ in casme.OUTSIDE if end != "\\"}
    assert refused(reading, "unreadable") == [58, 169]


def test_coded_20190721_on_frames_with_cd6mes_windows(coded):
    table, trees = coded
    reading = read("casme", table, trees["cd6me"])
    expected = Difference(emotions=set(casme.OTHER_EMOTIONS), absent=ABSENT)
    assert compare(reading.clips, TRUTH) == expected
    assert len(reading.clips) == 183
    assert len(refused(reading, "not_in_cd6me")) == 10
    assert {row.clip for row in reading.refused} == {f"07/{name}" for name, *_ in casme.CODED_OUTSIDE}
    assert reading.findings == []
    assert "20190721" in reading.release


def test_coded_20190721_on_frames_with_its_own_windows(coded):
    table, trees = coded
    reading = read("casme", table, trees["owners"])
    assert compare(reading.clips, TRUTH).windows == set(casme.OTHER_WINDOWS)
    assert entries(reading, "owner_window") == set(casme.OTHER_WINDOWS)
    windows = {clip.key: (clip.onset, clip.apex, clip.offset) for clip in reading.clips}
    assert {key: windows[key] for key in casme.OTHER_WINDOWS} == {
        key: own for key, (_, own) in casme.OTHER_WINDOWS.items()
    }


def test_coded_20190721_with_the_rows_outside_cd6me(coded):
    table, trees = coded
    reading = read("casme", table, trees["cd6me"], keep=True)
    extra = {f"07/{name}" for name, *_ in casme.CODED_OUTSIDE}
    expected = Difference(emotions=set(casme.OTHER_EMOTIONS), extra=extra, absent=ABSENT)
    assert compare(reading.clips, TRUTH) == expected
    assert (len(reading.clips), reading.refused) == (193, [])


def test_coded_20190721_cut_and_in_another_order(coded, tmp_path):
    _, trees = coded
    rows = casme.coded().rows
    kept = [row for row in rows if row[0] in (1, 7, 14)]
    random.Random(0).shuffle(kept)
    reading = read("casme", write_csv(tmp_path / "cut.csv", [casme.HEADER, *kept]), trees["cd6me"])
    difference = compare(reading.clips, TRUTH)
    assert (difference.windows, difference.labels, difference.extra) == (set(), set(), set())
    assert len(refused(reading, "not_in_cd6me")) == 10
    assert "20190721" in reading.release


@pytest.mark.parametrize(("copy", "absent"), [(casme.coded, ABSENT), (casme.updated, set())])
def test_clips_cut_again_found_in_the_owners_long_clips(copy, absent, section, tmp_path):
    """The numbers of the later tables are those of the long clips less the shifts."""
    table = write_csv(tmp_path / "table.csv", copy().table())
    reading = read("casme", table, section[1]["raw"])
    difference = compare(reading.clips, TRUTH, casme.SHIFTS)
    assert difference._replace(emotions=set()) == Difference(CHANGED, absent=absent)
    assert entries(reading, "owner_window") == CHANGED


def test_the_table_of_cd6me(tmp_path):
    copy = casme.updated()
    table = write_csv(tmp_path / "casme.csv", copy.table())
    reading = read("casme", table, write_frames(tmp_path / "frames", copy.frames, copy.name))
    assert compare(reading.clips, TRUTH) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (189, [], [], None)


def test_the_table_of_cd6me_with_rows_of_the_other_releases(tmp_path):
    """A row that is no clip of CD6ME is none in any table."""
    copy = casme.updated()
    others = [*casme.coded().rows, *casme.section_rows()]
    copy.rows += [row for row in others if row[:2] in ([7, "EP03_2"], [7, "EP04_5"], [3, "EP10"])]
    table = write_csv(tmp_path / "casme.csv", copy.table())
    reading = read("casme", table, write_frames(tmp_path / "frames", copy.frames, copy.name))
    assert compare(reading.clips, TRUTH) == Difference()
    assert refused(reading, "not_in_cd6me") == [191, 192, 193]
    assert "an edited copy of MEB's" in reading.release


@pytest.mark.parametrize(
    ("copy", "columns"),
    [(casme.coded, ["AU"]), (casme.section, ["AU", "OffsetF"])],
    ids=["coded without AU", "section without AU and offset"],
)
def test_copies_that_lost_their_labels_are_refused_with_that_reason(copy, columns, coded, tmp_path):
    made = copy()
    places = [i for i, name in enumerate(made.header) if name not in (*columns, "Onset", "Total")]
    lines = [[line[i] for i in places] for line in made.table()]
    with pytest.raises(InputError) as caught:
        databases.read("casme", write_csv(tmp_path / "trimmed.csv", lines), coded[1]["cd6me"])
    assert all(re.search(rf"\b{name}\b", str(caught.value)) for name in columns)
