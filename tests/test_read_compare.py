"""`infusenet read --compare`: which clips differ from another table, in which field and why."""

import csv
from dataclasses import replace

import owners
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import clips_of

from infusenet import cli
from infusenet.databases import cd6me, joint_table, table_comparison
from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import read_manifest, to_csv
from infusenet.databases.row_problems import RefusedRow
from infusenet.databases.rows import Reading
from infusenet.errors import InputError
from infusenet.protocol import AUS

CLIPS = clips_of("samm", 8)
KINDS = {
    "owner_window": (table_comparison.NOT_ON_DISK, {"onset", "apex", "offset"}),
    "other_labels": (table_comparison.POLICY, {"AU4", "emotion"}),
    "cd6me_labels": (table_comparison.POLICY, {"AU4", "emotion"}),
}


def changed(clip, field):
    if field == "AU4":
        return replace(clip, labels=clip.labels | {4: 1 - clip.labels[4]})
    return (
        replace(clip, emotion="fear")
        if field == "emotion"
        else replace(clip, **{field: 6 if field != "onset" else 2})
    )


def reasons(reading, table=CLIPS, is_cd6me=True):
    return [(d.clip, d.reason) for d in table_comparison.differences("samm", reading, table, is_cd6me)]


def test_equal_tables_differ_in_nothing():
    spelled = [replace(CLIPS[0], emotion="Happy"), *CLIPS[1:]]
    table = [replace(CLIPS[0], emotion="happiness"), *reversed(CLIPS[1:])]
    extra = [replace(clip, labels=clip.labels | {24: 1}) for clip in spelled]  # AU24 is none of the twelve
    found = table_comparison.differences("samm", Reading(extra, [], None), table, True)
    assert (
        table_comparison.page(found, "8 clips read, 8 in t.csv")
        == "8 clips read, 8 in t.csv: no clip differs"
    )


@given(
    at=st.integers(0, 7),
    field=st.sampled_from(["onset", "apex", "offset", "AU4", "emotion"]),
    kind=st.sampled_from([*KINDS, None]),
    is_corrected=st.booleans(),
    release=st.sampled_from([frozenset(), frozenset({"full-v1"}), None]),
)
def test_a_field_has_the_nearest_reason(at, field, kind, is_corrected, release):
    clip = changed(CLIPS[at], field)
    cell = "au" if field == "AU4" else field
    reading = Reading(
        [*CLIPS[:at], clip, *CLIPS[at + 1 :]], [], None if release is None else "another release",
        [Finding(clip.key, kind, "")] if kind else [], release or frozenset(),
        {clip.key: frozenset({cell})} if is_corrected else {},
    )  # fmt: skip
    # Full v1 has other apexes and no emotions; its other cells are CD6ME's.
    expected = (
        table_comparison.RELEASE if release and cell in ("apex", "emotion") else table_comparison.UNKNOWN
    )
    expected = table_comparison.ERRATUM if is_corrected else expected
    if kind and field in KINDS[kind][1]:
        expected = KINDS[kind][0]
    (difference,) = table_comparison.differences("casme3a", reading, CLIPS, True)
    assert (difference.clip, difference.reason) == (clip.key, expected)
    assert difference.text.startswith(f"{field} ")
    assert difference.text.endswith(" in the table")


@given(st.sets(st.integers(0, 7), max_size=7), st.sets(st.integers(0, 7), max_size=7))
def test_every_absent_clip_is_named(here, there):
    read, table = ([c for k, c in enumerate(CLIPS) if k not in gone] for gone in (here, there))
    if not {c.key for c in read} & {c.key for c in table}:
        with pytest.raises(InputError, match="is that a table of samm"):
            table_comparison.differences("samm", Reading(read, [], None), table, True)
        return
    found = table_comparison.differences("samm", Reading(read, [], None), table, True)
    named = {text: {d.clip for d in found if d.text == text} for text in ("not read", "not in the table")}
    assert named["not read"] == {CLIPS[k].key for k in here - there}
    assert named["not in the table"] == {CLIPS[k].key for k in there - here}


def test_why_a_clip_is_absent():
    first, second, third, fourth, *rest = CLIPS
    refused = [
        RefusedRow("", 2, first.key, "not_in_cd6me", ""), RefusedRow("", 3, second.key, "missing_key_frame", ""),
        RefusedRow("", 4, third.key, "unknown_au", ""),
    ]  # fmt: skip
    reading = Reading(rest, refused, "another release", [], frozenset({"v1"}))
    assert reasons(reading) == sorted([
        (first.key, table_comparison.OUTSIDE), (second.key, table_comparison.NOT_ON_DISK),
        (third.key, table_comparison.REFUSED), (fourth.key, table_comparison.RELEASE),
    ])  # fmt: skip
    reading = Reading(CLIPS, [], None, [Finding(first.key, "not_in_cd6me", "")])
    assert reasons(reading, CLIPS[1:], False) == [(first.key, table_comparison.OUTSIDE)]
    assert reasons(reading, [first, *CLIPS[2:]], False) == [(second.key, table_comparison.UNKNOWN)]
    assert reasons(reading, [first, *CLIPS[2:]], True) == [(second.key, table_comparison.OUTSIDE)]


def test_the_page_counts_clips_by_reason():
    first, second = CLIPS[0], CLIPS[1]
    both = changed(changed(first, "apex"), "AU4")
    reading = Reading(
        [both, *CLIPS[2:]], [], "another release", [Finding(first.key, "owner_window", "")], frozenset({"v1"})
    )
    lines = table_comparison.page(
        table_comparison.differences("samm", reading, CLIPS, True), "7 clips read"
    ).splitlines()
    value = first.labels[4]
    assert lines == [
        f"{first.key}: apex 6, 5 in the table (window not on disk); "
        f"AU4 {1 - value}, {value} in the table (unknown)",
        f"{second.key}: not read (release)",
        "7 clips read: 2 clips differ: release 1, window not on disk 1, unknown 1",
    ]


@pytest.mark.parametrize("raw_side", ["read", "table", "both"])
def test_the_shift_of_section_a_and_b_is_no_difference(raw_side, tmp_path, monkeypatch):
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path)
    head = "release,subject,row_clip,row_onset,row_apex,clip,shift,offset,source\n"
    (tmp_path / "casme_rows.csv").write_text(f"{head}section-ab,s0,raw,,,c0,100,,made up\n")
    cut = clips_of("casme", 8)
    raw = [replace(cut[0], onset=101, apex=105, offset=109), *cut[1:]]
    read = raw if raw_side in ("read", "both") else cut
    table = raw if raw_side in ("table", "both") else cut
    assert table_comparison.differences("casme", Reading(read, [], None), table, True) == []
    moved = [replace(read[0], apex=read[0].apex + 1), *read[1:]]
    found = table_comparison.differences("casme", Reading(moved, [], None), table, True)
    assert [d.clip for d in found] == ["s0/c0"]


@pytest.fixture
def samm(tmp_path):
    """A workbook of SAMM with frames, the arguments that read it, and what it gives by clip."""
    release = owners.samm()
    annotations, frames = release.write(tmp_path)
    arguments = ["read", "samm", "--annotations", str(annotations), "--frames", str(frames)]
    manifest = tmp_path / "samm.csv"
    assert cli.main([*arguments, "--output", str(manifest)]) == 0
    return arguments, read_manifest(manifest), frames


def write_joint(path, clips):
    """The joint table of clips of one database and of a clip of another."""
    other = replace(clips[0], database="casme", subject="01", clip="EP01_1")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*joint_table.COLUMNS, *(f"AU{n}" for n in AUS)])
        for c in [*clips, other]:
            cells = [
                c.subject,
                c.clip,
                c.onset,
                c.apex,
                c.offset,
                c.apex - c.onset,
                c.au,
                c.emotion,
                c.n_frames,
            ]
            writer.writerow([*cells, c.database, *(c.labels[n] for n in AUS)])
    return path


def test_a_workbook_against_a_joint_table(samm, tmp_path, capsys):
    arguments, (first, second, third), frames = samm
    assert second.key == "007/007_6_1"  # whose AUs an erratum sets
    table = [
        replace(first, emotion="fear"), replace(second, labels=second.labels | {12: 1 - second.labels[12]}),
        replace(third, clip="013_2_9"),
    ]  # fmt: skip
    path = write_joint(tmp_path / "joint.csv", table)
    capsys.readouterr()
    assert cli.main([*arguments, "--compare", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{first.key}: emotion Anger, fear in the table (unknown)",
        f"{second.key}: AU12 1, 0 in the table (erratum)",
        f"{third.key}: not in the table (unknown)",  # 3 of 159 clips are not all of CD6ME's
        "013/013_2_9: not read (unknown)",
        f"3 clips read, 3 in {path}: 4 clips differ: erratum 1, unknown 3",
    ]
    (frames / first.frames / f"006_{first.apex:05d}.jpg").unlink()
    assert cli.main([*arguments, "--compare", str(path)]) == 1
    assert f"{first.key}: not read (window not on disk)" in capsys.readouterr().out


def test_a_workbook_against_its_own_manifest(samm, tmp_path, capsys):
    arguments, clips, frames = samm
    capsys.readouterr()
    output = tmp_path / "again.csv"
    assert cli.main([*arguments, "--compare", str(tmp_path / "samm.csv"), "--output", str(output)]) == 0
    assert capsys.readouterr().out.endswith(f"3 clips read, 3 in {tmp_path / 'samm.csv'}: no clip differs\n")
    assert read_manifest(output) == clips
    output.unlink()
    (frames / clips[0].frames / f"006_{clips[0].apex:05d}.jpg").unlink()
    assert cli.main([*arguments, "--compare", str(tmp_path / "samm.csv"), "--output", str(output)]) == 1
    assert not output.exists()
    assert "006_1_2" in capsys.readouterr().err


def test_what_cannot_be_compared(samm, tmp_path, capsys):
    arguments, clips, _ = samm
    capsys.readouterr()
    assert cli.main(arguments) == 1
    assert "give --output CSV, --compare TABLE or both" in capsys.readouterr().err
    (tmp_path / "clips.csv").write_text(to_csv(clips, labels=False))
    assert cli.main([*arguments, "--compare", str(tmp_path / "clips.csv")]) == 1
    assert "a clip list, which has no labels" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text(to_csv(clips_of("casme", 3)))
    assert cli.main([*arguments, "--compare", str(tmp_path / "other.csv")]) == 1
    assert "other.csv: a table of casme; expected one of samm" in capsys.readouterr().err
    (tmp_path / "mine.csv").write_text(to_csv([replace(c, database="mine") for c in clips_of("casme", 3)]))
    assert cli.main([*arguments, "--compare", str(tmp_path / "mine.csv")]) == 1
    assert "is that a table of samm?" in capsys.readouterr().err
    assert cli.main([*arguments, "--compare", str(tmp_path / "none.csv")]) == 1
    assert "none.csv: no such file" in capsys.readouterr().err


def test_the_coding_of_2019_and_a_window_that_is_not_on_disk(tmp_path, capsys):
    """The cells that tell the release, of owners' frames: 12/EP09_02 has the owners' window alone."""
    header = [
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "Action Units",
        "Estimated Emotion",
    ]
    lines = [
        ("02", "EP06_01f", 1, 5, 9, "15", "others"), ("24", "EP07_01", 1, 5, 9, "1+2", "surprise"),
        ("12", "EP09_02", 16, 59, 101, "4+7+L2", "others"),
    ]  # fmt: skip
    annotations, frames = tmp_path / "coding.xlsx", tmp_path / "frames"
    owners.write_xlsx(annotations, [header, *lines])
    for subject, clip, first, _, last, *_ in lines:
        folder = frames / f"sub{subject}" / clip
        folder.mkdir(parents=True)
        for name in owners.numbered("img{}.jpg", first, last):
            (folder / name).write_text(f"{clip}/{name}")
    arguments = ["read", "casme2", "--annotations", str(annotations), "--frames", str(frames)]
    assert cli.main([*arguments, "--output", str(tmp_path / "casme2.csv")]) == 0
    told, sad, moved = read_manifest(tmp_path / "casme2.csv")
    assert (moved.onset, moved.apex, moved.offset) == (16, 59, 101)
    table = [
        replace(told, au="14", labels=told.labels | {14: 1, 15: 0}), replace(sad, emotion="sadness"),
        replace(moved, onset=161, apex=187, offset=206, au="4+7", labels=moved.labels | {2: 0}),
    ]  # fmt: skip
    path = write_joint(tmp_path / "joint.csv", table)
    capsys.readouterr()
    assert cli.main([*arguments, "--compare", str(path)]) == 1
    window, policy = "in the table (window not on disk)", "in the table (label policy)"
    assert capsys.readouterr().out.splitlines() == [
        f"02/EP06_01f: AU14 0, 1 {policy}; AU15 1, 0 {policy}",
        f"12/EP09_02: onset 16, 161 {window}; apex 59, 187 {window}; offset 101, 206 {window}; AU2 1, 0 {policy}",
        f"24/EP07_01: emotion surprise, sadness {policy}",
        f"3 clips read, 3 in {path}: 3 clips differ: label policy 3, window not on disk 1",
    ]
    asked = cli.main([*arguments, "--labels", "cd6me", "--compare", str(path)])
    assert asked == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 clip differs: window not on disk 1")
