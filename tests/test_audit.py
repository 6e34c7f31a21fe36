"""The audit: every finding is found, every policy does what it says, an excluded clip is nowhere."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from synced_tables import sync

from infusenet import files
from infusenet.databases import audit, clip_table
from infusenet.databases.audit import FINDINGS
from infusenet.databases.clip_table import Clip
from infusenet.errors import InputError
from infusenet.protocol import AUS

PLAIN = Clip("mine", "s1", "a", 10, 20, 40, "s1/a", digest="1" * 64)
ALL = set(range(10, 41))


def kinds(clip, frames=ALL, fps=200, seen=None):
    return [finding.kind for finding in audit.findings_of([clip], {clip.frames: frames}, fps, seen)]


def test_a_plain_clip_has_no_finding():
    assert kinds(PLAIN) == []


@pytest.mark.parametrize(
    ("changes", "frames", "fps", "expected"),
    [
        ({}, ALL - {15, 30}, 200, "missing_frames"),
        ({}, ALL - {40}, 200, "missing_key_frame"),
        ({}, set(), 200, "missing_key_frame"),
        ({"apex": 10}, ALL, 200, "onset_is_apex"),
        ({"apex": 36}, ALL, 200, "pseudo_apex_clamped"),
        ({}, ALL, 19, "over_long"),  # 10 frames up to the apex: 0.53 s
        ({"apex": 11}, ALL, 7.7, "over_long"),  # 31 frames in all: 4.03 s
    ],
)
def test_each_finding_of_a_clip(changes, frames, fps, expected):
    assert kinds(replace(PLAIN, **changes), frames, fps) == [expected]


@pytest.mark.parametrize(("changes", "fps"), [({}, 20), ({"apex": 11}, 7.8), ({}, None), ({"apex": 35}, 200)])
def test_limits_are_inside(changes, fps):
    assert kinds(replace(PLAIN, **changes), fps=fps) == []


def test_same_frames_under_two_names_in_one_or_two_databases():
    twin = replace(PLAIN, clip="b", frames="s1/b")
    found = audit.findings_of([PLAIN, twin], {"s1/a": ALL, "s1/b": ALL})
    assert [(f.clip, f.kind) for f in found] == [("s1/b", "duplicate")], "the first one stays"
    assert "mine s1/a" in found[0].detail
    assert kinds(PLAIN, seen={"1" * 64: "other s9/z"}) == ["duplicate"]
    nowhere = audit.findings_of([PLAIN, twin], {})
    assert {f.kind for f in nowhere} == {"missing_key_frame"}, "no frames are no proof of sameness"


def test_policies_are_checked_and_complete(tmp_path):
    shipped = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())["audit"]
    assert list(shipped) == list(FINDINGS)
    assert audit.policies({}) == shipped, "config.yaml shows the defaults"
    for settings, expected in [
        ({"onset_is_apx": "keep"}, "did you mean 'onset_is_apex'"),
        ({"onset_is_apex": "drop"}, "onset_is_apex is 'drop', expected keep or exclude or stop"),
        ({"apex_outside": "keep"}, "expected exclude or stop"),
        ({"other_release": "exclude"}, "expected keep or stop"),
        ({"over_long": True}, "over_long is 'True'"),
    ]:
        with pytest.raises(InputError, match=expected):
            audit.policies(settings)


# --- what an excluded clip is: nowhere ---


@pytest.fixture
def lab(tmp_path):
    """Three clips that came as a manifest: `b` has onset = apex. The configuration excludes such clips."""
    clips = [
        Clip("mine", "s1", name, 3, apex, 10, f"s1/{name}", "happy", "1", {n: int(n == 1) for n in AUS})
        for name, apex in (("a", 4), ("b", 3), ("c", 4))
    ]
    for clip in clips:
        (tmp_path / "frames" / clip.frames).mkdir(parents=True)
        for number in range(1, 11):
            (tmp_path / "frames" / clip.frames / f"{number}.jpg").write_bytes(f"{clip.clip}{number}".encode())
    files.write_if_changed(tmp_path / "mine.csv", clip_table.to_csv(clips))
    source = {"manifest": str(tmp_path / "mine.csv"), "frames": str(tmp_path / "frames")}
    return tmp_path, {
        "databases": {"mine": source},
        "cache": str(tmp_path / "cache"),
        "audit": {"onset_is_apex": "exclude"},
    }


def table(lab):
    return audit.read_table(lab[0] / "cache/mine/audit.csv")


def test_an_excluded_clip_is_in_no_table_but_the_audit_s(lab):
    for text, _ in sync(lab):
        assert b"s1,b" not in text
        assert b"s1,c" in text
    assert table(lab).annotated == {"s1/a", "s1/b", "s1/c"}
    assert list(table(lab).excluded) == ["s1/b"]
    assert "onset_is_apex" in table(lab).excluded["s1/b"]


def test_nothing_about_an_excluded_clip_makes_anything_run(lab, monkeypatch):
    root, settings = lab
    before = sync(lab)
    seen = (root / "cache/mine/audit.csv").stat().st_mtime_ns
    assert sync(lab) == before
    assert (root / "cache/mine/audit.csv").stat().st_mtime_ns == seen
    (root / "frames/s1/b/5.jpg").write_bytes(b"changed")
    assert sync(lab) == before
    source = root / "mine.csv"
    lines = source.read_text().splitlines()
    lines[2] = lines[2].replace("happy", "angry")
    source.write_text("\n".join(lines) + "\n")
    assert sync(lab) == before, "its label"
    settings["audit"]["missing_frames"] = "exclude"
    os.unlink(root / "frames/s1/b/6.jpg")
    again = sync(lab)
    assert again[0][0] == before[0][0]
    assert again[1][0] == before[1][0], "the same clips are excluded, b for one reason more"
    assert "missing_frames" in table(lab).excluded["s1/b"]


def test_a_no_op_reads_no_frame_and_the_source_for_its_digest_alone(lab, opened):
    root, settings = lab
    source = settings["databases"]["mine"]["manifest"]
    sync(lab)
    assert opened.count(source) > 1
    opened.clear()
    sync(lab)
    assert opened.count(source) == 1
    assert not [path for path in opened if path.startswith(f"{root}/frames/")]


def test_a_mended_clip_comes_back_with_its_labels(lab):
    root, settings = lab
    settings["audit"] = {"missing_key_frame": "exclude"}
    frame = root / "frames/s1/c/4.jpg"
    content = frame.read_bytes()
    complete = sync(lab)
    frame.unlink()
    assert b"s1,c" not in sync(lab)[0][0]
    frame.write_bytes(content)
    assert [text for text, _ in sync(lab)] == [text for text, _ in complete]


def test_another_policy_changes_the_set(lab):
    root, settings = lab
    sync(lab)
    settings["audit"] = {}
    assert all(b"s1,b" in text for text, _ in sync(lab))
    assert table(lab).excluded == {}
    settings["audit"] = {"onset_is_apex": "stop"}
    with pytest.raises(InputError, match=r"s1/b: onset_is_apex(.|\n)*") as caught:
        sync(lab)
    assert "audit: onset_is_apex: keep | exclude" in str(caught.value)


@given(
    st.fixed_dictionaries(
        {kind: st.sampled_from([c for c in row[1] if c != audit.STOP]) for kind, row in FINDINGS.items()}
    ),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(list(FINDINGS))), max_size=12),
)
def test_the_table_accounts_for_every_clip(tmp_path_factory, policies, found):
    findings = [audit.Finding("" if k == "other_release" else c, k, 'x, "y"') for c, k in found]
    path = tmp_path_factory.mktemp("audit") / "audit.csv"
    path.write_text(audit.to_csv(list("abcdef"), findings, policies), newline="")
    read = audit.read_table(path)
    assert read.annotated == set("abcdef")
    assert set(read.excluded) == audit.excluded(findings, policies)
    assert sorted(f for f, _ in read.findings) == sorted(findings)


def test_leaving_out_everything_is_a_mistake(lab):
    root, settings = lab
    settings["audit"] = {"missing_key_frame": "exclude"}
    for frame in (root / "frames").rglob("*.jpg"):
        frame.unlink()
    with pytest.raises(InputError, match="leaves out every clip"):
        sync(lab)


def test_a_table_that_is_its_own_source_loses_no_row(lab):
    root, settings = lab
    (root / "data_manifests").mkdir()
    (root / "mine.csv").rename(root / "data_manifests/mine.csv")
    settings["databases"]["mine"]["manifest"] = str(root / "data_manifests/mine.csv")
    before = (root / "data_manifests/mine.csv").read_bytes()
    with pytest.raises(InputError, match="s1/b.*move it to another folder"):
        sync(lab)
    assert (root / "data_manifests/mine.csv").read_bytes() == before


def test_the_same_frames_in_two_databases(lab):
    root, settings = lab
    text = (root / "mine.csv").read_text()
    (root / "other.csv").write_text(text.replace("mine,", "other,"))
    settings["databases"]["other"] = {"manifest": str(root / "other.csv"), "frames": str(root / "frames")}
    with pytest.raises(InputError, match="s1/a: duplicate: its frames are those of mine s1/a"):
        sync(lab)
