"""The table of data_manifests/README.md on what each release gives is what the readers measure.

``python tests/test_releases_table.py`` prints it.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import releases_casme as casme
import releases_casme2 as casme2
import releases_casme3a as casme3a
import releases_others as others
from releases import Copy, compare, read, refused, write_csv, write_frames

from infusenet.databases import ERRATA, Reading

README = ERRATA.parent / "README.md"
HEADER = ["release", "frames", "clips", "other windows", "other labels", "not in CD6ME", "absent"]
TRUTHS = {
    "casme": casme.truth,
    "casme2": casme2.truth,
    "samm": others.samm_truth,
    "fourd": others.fourd_truth,
    "mmew": others.mmew_truth,
    "casme3a": casme3a.truth,
}
CUT, OWN = "CD6ME's windows", "the owners' windows"
TITLE = f"| {' | '.join(HEADER)} |"


def casme_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    sections = {
        "the owners' long clips": casme.section(),
        CUT: casme.section(raw=False, owners_windows=False),
    }
    coded = {CUT: casme.coded(), OWN: casme.coded(owners_windows=True)}
    copies = {"CASME, Section A and B": sections, "CASME, coded-20190721": coded}
    copies["CASME, MEB's table"] = {CUT: casme.updated()}
    for release, trees in copies.items():
        for frames, copy in trees.items():
            yield release, frames, read_copy(root / release / frames, copy)


def casme2_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    trees = {
        CUT: write_frames(root / "cd6me", casme2.frames(), "reg_img{}.jpg"),
        "the owners' Cropped": write_frames(root / "cropped", casme2.frames(cropped=True), "reg_img{}.jpg"),
    }
    tables = [("2014", casme2.official(2014), {}), ("2019", casme2.official(2019), {})]
    tables += [("2019, `labels: cd6me`", casme2.official(2019), {"labels": "cd6me"})]
    tables += [("updated", casme2.updated(), {})]
    for release, copy, options in tables:
        table = write_csv(root / f"{release}.csv", copy.table())
        for frames, tree in trees.items():
            yield f"CASME II, {release}", frames, read("casme2", table, tree, "missing_key_frame", **options)


def other_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    samm, plain = others.samm(), others.samm()
    plain.preamble = []
    copies = {"SAMM v2": samm, "SAMM v2 without notes": plain, "4DME": others.fourd(), "MMEW": others.mmew()}
    for release, copy in copies.items():
        yield release, CUT, read_copy(root / release, copy)


def casme3a_readings(root: Path) -> Iterator[tuple[str, str, Reading]]:
    cd6me = root / "cd6me"
    shutil.copytree(ERRATA.parent / "cd6me", cd6me)
    casme3a.write_ids(cd6me / "casme3a_ids.csv")
    films, clips = (write_frames(root / name, make()) for name, make in
                    (("films", casme3a.films), ("clips", casme3a.clips)))  # fmt: skip
    sound, _ = casme3a.full_v1()
    header, full = casme3a.HEADER, casme3a.FULL_HEADER
    label_v2 = write_csv(root / "label v2.csv", [header, *casme3a.label_v2()])
    tables = {
        "label v2": label_v2,
        "label v2, four slips corrected": write_csv(root / "b.csv", [header, *casme3a.label_v2(mended=True)]),
        "full v2": write_csv(root / "c.csv", [full, *casme3a.full_v2()]),
        "label v1": write_csv(root / "d.csv", [casme3a.V1_HEADER, *casme3a.label_v1()]),
        "full v1": write_csv(root / "e.csv", [full, *sound]),
        "687 rows of label v2": write_csv(root / "f.csv", [casme3a.CUT_HEADER, *casme3a.cut()]),
    }
    for release, table in tables.items():
        yield f"CAS(ME)^3, {release}", "whole films", read("casme3a", table, films, cd6me=cd6me)
    reading = read("casme3a", label_v2, clips, "missing_key_frame", cd6me=cd6me)
    yield "CAS(ME)^3, label v2", "the owners' clips", reading


def read_copy(root: Path, copy: Copy) -> Reading:
    frames = write_frames(root / "frames", copy.frames, copy.name)
    return read(copy.key, write_csv(root / "table.csv", copy.table()), frames)


def measure(root: Path) -> Iterator[tuple[str, ...]]:
    """Rows of the table; the windows are compared less the shift of long clips."""
    for readings in (casme_readings, casme2_readings, other_readings, casme3a_readings):
        for release, frames, reading in readings(root / readings.__name__):
            shifts = casme.SHIFTS if "long" in frames else {}
            difference = compare(reading.clips, TRUTHS[reading.clips[0].database](), shifts)
            assert not difference.extra
            sizes = map(len, (reading.clips, difference.windows, difference.labels))
            outside = len(refused(reading, "not_in_cd6me"))
            yield release, frames, *map(str, (*sizes, outside, len(difference.absent)))


def published() -> list[tuple[str, ...]]:
    """Rows of the table as it stands in the README."""
    lines = README.read_text().splitlines()
    rows = []
    for line in lines[lines.index(TITLE) + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
    return rows


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return {row[:2]: row[2:] for row in measure(tmp_path_factory.mktemp("table"))}


def test_every_release_stands_in_the_table(measured):
    assert [row[:2] for row in published()] == list(measured)


def test_figures_of_the_table_are_those_measured(measured):
    assert {row[:2]: row[2:] for row in published()} == measured


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(TITLE, "|---|---|" + "---:|" * 5, sep="\n")
        for line in measure(Path(folder)):
            print(f"| {' | '.join(line)} |")
