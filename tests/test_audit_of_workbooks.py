"""The audit of owners' workbooks: rows that are no clip, frames that are missing, releases told apart."""

import shutil
from pathlib import Path

import pytest
import yaml
from owners import RELEASES
from synced_tables import sync

from infusenet import cli, databases
from infusenet.databases import audit
from infusenet.databases.audit import FINDINGS
from infusenet.errors import InputError


def broken(root):
    """A CASME II release with a bad row of each kind; the reader's arguments."""
    release = RELEASES["casme2"]()
    release.rows.append(release.rows[0] | {"Filename": "EP09_01", "Action Units": "1215"})
    release.rows.append(release.rows[0] | {"Filename": "EP09_02", " ApexFrame": 99})
    release.rows.append(release.rows[0] | {"Filename": "EP09_03"})
    release.rows.append(release.rows[0])
    release.rows.append(release.rows[0] | {"Subject": "x"})
    return release.write(root)


def test_rows_that_are_no_clip_can_be_left_out(tmp_path):
    reading = databases.examine("casme2", *broken(tmp_path), exclude=FINDINGS)
    assert [clip.key for clip in reading.clips] == ["01/EP02_01f", "04/EP12_01f", "05/EP05_03"]
    assert [(row.row, row.clip, row.kind) for row in reading.refused] == [
        (5, "01/EP09_01", "unknown_au"),
        (6, "01/EP09_02", "apex_outside"),
        (7, "01/EP09_03", "missing_key_frame"),
        (8, "row 8", "duplicate"),
        (9, "row 9", "unreadable"),
    ]


def test_rows_of_other_kinds_still_refuse_the_table(tmp_path):
    with pytest.raises(InputError, match="row 6") as caught:
        databases.examine("casme2", *broken(tmp_path), exclude=["unknown_au", "duplicate"])
    assert "row 5" not in str(caught.value)
    assert "row 7" in str(caught.value)


def test_a_wrong_frames_root_excludes_nothing(tmp_path):
    annotations, _ = RELEASES["casme2"]().write(tmp_path)
    (tmp_path / "elsewhere/x").mkdir(parents=True)
    with pytest.raises(InputError, match="is this the frames root of casme2"):
        databases.examine("casme2", annotations, tmp_path / "elsewhere", exclude=FINDINGS)


def test_frames_of_a_refused_row_that_arrive_later_are_seen(tmp_path):
    release = RELEASES["casme2"]()
    release.rows.append(release.rows[0] | {"Filename": "EP09_03"})
    annotations, frames = release.write(tmp_path)
    source = {"annotations": str(annotations), "frames": str(frames), "reader": "casme2"}
    settings = {"databases": {"mine": source}, "cache": str(tmp_path / "cache")}
    settings["audit"] = {"missing_key_frame": "exclude"}
    assert all(b"EP09_03" not in text for text, _ in sync((tmp_path, settings)))
    here = next(frames.rglob("EP02_01f"))
    shutil.copytree(here, here.with_name("EP09_03"))
    for frame in here.with_name("EP09_03").iterdir():
        frame.write_text("another clip's")
    assert all(b"EP09_03" in text for text, _ in sync((tmp_path, settings)))


def test_a_row_cannot_vanish_in_the_reader(tmp_path, monkeypatch):
    reader = databases.reader("casme2")
    genuine = type(reader).located
    monkeypatch.setattr(type(reader), "located", lambda *words: genuine(*words)[1:])
    with pytest.raises(InputError, match="3 rows, but 2 clips and 0 refused rows"):
        databases.read("casme2", *RELEASES["casme2"]().write(tmp_path))


def grown(release, count, **cells):
    """Its rows, ``count`` of them, with names of their own; nothing but the sheet is looked at."""
    base = release.rows[0]
    release.rows = [base | {"Filename": f"EP01_{n:03d}"} | cells for n in range(count)]
    return release


def grown_mmew(release, count):
    base = release.rows[0]
    release.rows = [base | {"Filename": f"S01-01-{n:03d}"} for n in range(count)]


def mixed(release):
    release.header.append("Expression type")
    for row, kind in zip(release.rows, ("Macro-expression", *["Micro-expression"] * 3), strict=True):
        row["Expression type"] = kind


@pytest.mark.parametrize(
    ("key", "change", "expected"),
    [
        ("casme2", lambda r: grown(r, 255), "255 rows, header in row 1: none of the known releases"),
        ("casme", lambda r: grown(r, 189), "none of the known releases"),
        ("casme3a", mixed, "3 rows, header in row 1: none of the known releases"),
        ("mmew", lambda r: grown_mmew(r, 300), None),
        ("fourd", lambda r: r.header.append("video_number'"), "the pre-release of 2022"),
        ("samm", lambda r: None, "3 rows, header in row 14: none of the known releases"),
    ],
)
def test_releases_are_told_apart(key, change, expected, tmp_path, monkeypatch):
    release = RELEASES[key]()
    change(release)
    # Frames do not matter here.
    reader = databases.reader(key)
    monkeypatch.setattr(
        type(reader), "located", lambda self, pairs, *rest: [found[0].clip for _, found in pairs]
    )
    told = databases.examine(key, *release.write(tmp_path)).release
    assert told is None if expected is None else expected in told


def configured(tmp_path, **policies):
    annotations, frames = broken(tmp_path)
    raw = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    source = {"annotations": str(annotations), "frames": str(frames)}
    other = {"manifest": str(tmp_path / "x.csv"), "frames": str(frames)}
    raw["databases"] = {"mine": source | {"reader": "casme2"}, "other": other}
    raw["audit"] |= policies
    raw["cache"] = str(tmp_path / "cache")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(raw))
    return ["audit", "mine", "--config", str(tmp_path / "config.yaml"), "--output", str(tmp_path / "out.csv")]


def test_command_line(tmp_path, capsys):
    assert cli.main(configured(tmp_path)) == 1
    told = capsys.readouterr()
    assert "unknown_au: 1: stop\n    01/EP09_01: AU '1215'" in told.out
    assert "other_release: 1: keep\n    the table: 8 rows, header in row 1: none of" in told.out
    assert "8 annotated, 8 kept, 0 excluded" in told.out
    assert "audit: missing_key_frame: exclude; audit: apex_outside: exclude" in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "cache").exists(), "an audit writes nothing but what it is asked for"

    rows = dict.fromkeys(
        ("missing_key_frame", "apex_outside", "unknown_au", "duplicate", "unreadable"), "exclude"
    )
    assert cli.main(configured(tmp_path, **rows)) == 0
    assert "8 annotated, 3 kept, 5 excluded" in capsys.readouterr().out
    assert len(audit.read_table(tmp_path / "out.csv").annotated) == 8
    assert cli.main(["audit", "mime", *configured(tmp_path)[2:]]) == 1
    assert "did you mean 'mine'" in capsys.readouterr().err
