"""Clips of each release, measured, against the facts and the table of data_manifests/README.md.

``python tests/test_releases_table.py`` prints what is measured.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import releases_casme as casme
import releases_casme2 as casme2
import releases_casme3a as casme3a
import releases_others as others
from releases import Copy, compare, read, refused, write_csv, write_frames

from infusenet.databases import ERRATA, Reading

README = ERRATA.parents[3] / "data_manifests/README.md"
HEADER = "| release | clips | windows differing | labels differing | not in CD6ME | absent |\n"
CUT, OWN, LONG, CROPPED = "CD6ME's windows", "the owners' windows", "the owners' long clips", "Cropped"
FILMS, CLIPS = "whole films", "the owners' clips"

# Release, frames, clips, other windows, other labels, rows that are none of CD6ME's clips, absent clips.
# Rows whose window is on no disk are left out: two of CASME II on Cropped, three of CAS(ME)^3's clips.
EXPECTED = [
    ("CASME, Section A and B", LONG, 189, 3, 0, 8, 0),
    ("CASME, Section A and B", CUT, 189, 0, 0, 8, 0),
    ("CASME, coded-20190721", CUT, 183, 0, 0, 10, 6),
    ("CASME, coded-20190721", OWN, 183, 5, 0, 10, 6),
    ("CASME, MEB's table", CUT, 189, 0, 0, 0, 0),
    ("CASME II, 2014", CUT, 255, 0, 0, 0, 1),
    ("CASME II, 2014", CROPPED, 255, 2, 0, 0, 1),
    ("CASME II, 2019", CUT, 255, 0, 53, 0, 1),
    ("CASME II, 2019", CROPPED, 255, 2, 53, 0, 1),
    ("CASME II, 2019, labels: cd6me", CUT, 255, 0, 0, 0, 1),
    ("CASME II, 2019, labels: cd6me", CROPPED, 255, 2, 0, 0, 1),
    ("CASME II, updated", CUT, 256, 0, 0, 0, 0),
    ("CASME II, updated", CROPPED, 254, 0, 0, 0, 2),
    ("SAMM, v2", CUT, 159, 0, 0, 0, 0),
    ("SAMM, v2 without notes", CUT, 159, 0, 0, 0, 0),
    ("4DME, release v1", CUT, 267, 0, 0, 0, 0),
    ("MMEW", CUT, 300, 0, 0, 0, 0),
    ("CAS(ME)^3, label v2", FILMS, 860, 0, 0, 0, 0),
    ("CAS(ME)^3, label v2, four slips corrected", FILMS, 860, 0, 0, 0, 0),
    ("CAS(ME)^3, full v2", FILMS, 860, 0, 0, 0, 0),
    ("CAS(ME)^3, label v1", FILMS, 856, 15, 0, 65, 4),
    ("CAS(ME)^3, full v1", FILMS, 856, 15, 0, 65, 4),
    ("CAS(ME)^3, cut to 687 rows", FILMS, 687, 0, 0, 0, 173),
    ("CAS(ME)^3, label v2", CLIPS, 857, 0, 0, 0, 3),
]
# Those that the README's lines start with, in its order.
LINES = [
    ("CASME, Section A and B", CUT),
    ("CASME, coded-20190721", CUT),
    ("CASME, MEB's table", CUT),
    ("CASME II, 2014", CUT),
    ("CASME II, 2019", CUT),
    ("CASME II, updated", CUT),
    ("SAMM, v2", CUT),
    ("4DME, release v1", CUT),
    ("MMEW", CUT),
    ("CAS(ME)^3, label v2", FILMS),
    ("CAS(ME)^3, full v2", FILMS),
    ("CAS(ME)^3, label v1", FILMS),
    ("CAS(ME)^3, cut to 687 rows", FILMS),
]
TRUTHS = {
    "casme": casme.truth,
    "casme2": casme2.truth,
    "samm": others.samm_truth,
    "fourd": others.fourd_truth,
    "mmew": others.mmew_truth,
    "casme3a": casme3a.truth,
}


def casme_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    sections = {LONG: casme.section(), CUT: casme.section(raw=False, owners_windows=False)}
    coded = {CUT: casme.coded(), OWN: casme.coded(owners_windows=True)}
    copies = {"Section A and B": sections, "coded-20190721": coded, "MEB's table": {CUT: casme.updated()}}
    for release, trees in copies.items():
        for frames, copy in trees.items():
            yield f"CASME, {release}", frames, read_copy(root / release / frames, copy)


def casme2_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    trees = {
        CUT: write_frames(root / "cd6me", casme2.frames(), "reg_img{}.jpg"),
        CROPPED: write_frames(root / "cropped", casme2.frames(cropped=True), "reg_img{}.jpg"),
    }
    tables = [
        ("2014", casme2.official(2014), {}),
        ("2019", casme2.official(2019), {}),
        ("2019, labels: cd6me", casme2.official(2019), {"labels": "cd6me"}),
        ("updated", casme2.updated(), {}),
    ]
    for release, copy, options in tables:
        table = write_csv(root / f"{release}.csv", copy.table())
        for frames, tree in trees.items():
            yield f"CASME II, {release}", frames, read("casme2", table, tree, "missing_key_frame", **options)


def other_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    plain = others.samm()
    plain.preamble = []
    copies = {"SAMM, v2": others.samm(), "SAMM, v2 without notes": plain}
    copies |= {"4DME, release v1": others.fourd(), "MMEW": others.mmew()}
    for release, copy in copies.items():
        yield release, CUT, read_copy(root / release, copy)


def casme3a_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    cd6me = root / "cd6me"
    shutil.copytree(ERRATA.parent / "cd6me", cd6me)
    casme3a.write_ids(cd6me / "casme3a_ids.csv")
    films = write_frames(root / "films", casme3a.films())
    header, full = casme3a.HEADER, casme3a.FULL_HEADER
    tables = {
        "label v2": [header, *casme3a.label_v2()],
        "label v2, four slips corrected": [header, *casme3a.label_v2(mended=True)],
        "full v2": [full, *casme3a.full_v2()],
        "label v1": [casme3a.V1_HEADER, *casme3a.label_v1()],
        "full v1": [full, *casme3a.full_v1()[0]],
        "cut to 687 rows": [casme3a.CUT_HEADER, *casme3a.cut()],
    }
    for release, table in tables.items():
        path = write_csv(root / f"{release}.csv", table)
        yield f"CAS(ME)^3, {release}", FILMS, read("casme3a", path, films, cd6me=cd6me)
    clips = write_frames(root / "clips", casme3a.clips())
    reading = read("casme3a", root / "label v2.csv", clips, "missing_key_frame", cd6me=cd6me)
    yield "CAS(ME)^3, label v2", CLIPS, reading


def read_copy(root: Path, copy: Copy) -> Reading:
    frames = write_frames(root / "frames", copy.frames, copy.name)
    return read(copy.key, write_csv(root / "table.csv", copy.table()), frames)


def measure(root: Path) -> Iterator[tuple]:
    """Rows like those expected; the windows are compared less the shift of long clips."""
    for readings in (casme_readings, casme2_readings, other_readings, casme3a_readings):
        for release, frames, reading in readings(root / readings.__name__):
            shifts = casme.SHIFTS if frames == LONG else {}
            difference = compare(reading.clips, TRUTHS[reading.clips[0].database](), shifts)
            assert not difference.extra
            sizes = map(len, (reading.clips, difference.windows, difference.labels))
            outside = len(refused(reading, "not_in_cd6me"))
            yield release, frames, *sizes, outside, len(difference.absent)


def test_each_release_gives_what_the_facts_say(tmp_path):
    assert list(measure(tmp_path)) == EXPECTED


def test_the_readme_has_the_same_figures():
    """Its cells start with those on frames that have CD6ME's windows, where they are numbers."""
    lines = README.read_text().split(HEADER)[1].split("\n\n")[0].splitlines()[1:]
    expected = {(release, frames): figures for release, frames, *figures in EXPECTED}
    for line, row in zip(lines, LINES, strict=True):
        release, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        assert release.startswith(row[0])
        for cell, figure in zip(cells, expected[row], strict=True):
            assert re.match("[0-9]*", cell)[0] in ("", str(figure)), line


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print("| release | frames | clips | windows differing | labels differing | not in CD6ME | absent |")
        print("|---|---|" + "---:|" * 5)
        for line in measure(Path(folder)):
            print(f"| {' | '.join(map(str, line))} |")
