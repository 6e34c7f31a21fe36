"""SAMM, 4DME and MMEW: every copy in circulation that has its columns is CD6ME's."""

import random

import pytest
import releases_others as others
from releases import Difference, compare, read, write_csv, write_frames, write_xls

from infusenet.errors import InputError

DERIVED = {"Filename": "Code", "Onset Frame": "Onset", "Offset Frame": "Offset"}
JOINED = {"Onset Frame": "OnsetFrame", "Apex Frame": "ApexFrame", "Offset Frame": "OffsetFrame"}
SHORT = {"Onset Frame": "Onset", "Apex Frame": "Apex", "Offset Frame": "Offset"}


@pytest.fixture(scope="module")
def samm_frames(tmp_path_factory):
    return write_frames(tmp_path_factory.mktemp("samm"), others.samm().frames)


@pytest.mark.parametrize("edit", [0, 1, 2])
def test_samm_with_its_notes(edit, samm_frames, tmp_path):
    table = write_xls(tmp_path / "samm.xls", MICRO_ONLY=others.samm(edit).table())
    reading = read("samm", table, samm_frames)
    assert compare(reading.clips, others.samm_truth()) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (159, [], [], None)


@pytest.mark.parametrize("names", [{}, JOINED, DERIVED, SHORT], ids=["v2", "OnsetFrame", "Code", "Onset"])
def test_samm_without_its_notes_and_with_the_headers_of_copies(names, samm_frames, tmp_path):
    copy = others.samm()
    header = [names.get(name, name) for name in copy.header]
    rows = random.Random(0).sample(copy.rows, len(copy.rows))
    reading = read("samm", write_csv(tmp_path / "samm.csv", [header, *rows]), samm_frames)
    assert compare(reading.clips, others.samm_truth()) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings) == (159, [], [])
    assert "without the notes" in reading.release


def test_samm_without_aus_or_offsets_is_refused_with_that_reason(samm_frames, tmp_path):
    copy = others.samm()
    for lost in ("Action Units", "Offset Frame"):
        lines = [[cell for cell, name in zip(line, copy.header, strict=True) if name != lost]
                 for line in [copy.header, *copy.rows]]  # fmt: skip
        with pytest.raises(InputError, match=lost):
            read("samm", write_csv(tmp_path / "samm.csv", lines), samm_frames)


def test_fourd_gives_two_swapped_clips_their_own_aus_and_emotions(tmp_path):
    copy = others.fourd()
    table = write_xls(tmp_path / "fourd.xls", Sheet1=copy.table())
    assert [row[2] for row in copy.rows[144:146]] == ["S49_001_01_1", "S49_001_01_2"]
    reading = read("fourd", table, write_frames(tmp_path / "frames", copy.frames, copy.name))
    assert compare(reading.clips, others.fourd_truth()) == Difference()
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (267, [], [], None)


def test_mmew_keeps_the_owners_word_for_repression(tmp_path):
    copy = others.mmew()
    truth = others.mmew_truth()
    reading = read(
        "mmew", write_csv(tmp_path / "mmew.csv", copy.table()), write_frames(tmp_path / "frames", copy.frames)
    )
    repressed = {key for key, clip in truth.items() if clip.emotion == "repression"}
    assert len(repressed) == 66
    assert compare(reading.clips, truth) == Difference(emotions=repressed)
    assert {clip.emotion for clip in reading.clips if clip.key in repressed} == {"others"}
    assert (len(reading.clips), reading.refused, reading.findings, reading.release) == (300, [], [], None)
