"""What the index sees: changed bytes under any time, and nothing else."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from owners import RELEASES
from synced_tables import sync

from infusenet import files
from infusenet.databases import clip_table
from infusenet.databases import sync as index
from infusenet.databases.clip_table import Clip
from infusenet.databases.frames import frame_digests
from infusenet.errors import InputError
from infusenet.protocol import AUS


@pytest.fixture
def lab(tmp_path):
    """Two clips of one database that came as a manifest, and the configuration that names it."""
    clips = [
        Clip("mine", "s1", name, 3, 5, 8, f"s1/{name}", "happy", "1", {n: int(n == 1) for n in AUS})
        for name in ("a", "b")
    ]
    for clip in clips:
        folder = tmp_path / "frames" / clip.frames
        folder.mkdir(parents=True)
        for number in range(1, 11):
            (folder / f"img{number}.jpg").write_bytes(f"{clip.clip} {number}".encode())
    source = tmp_path / "mine.csv"
    files.write_if_changed(source, clip_table.to_csv(clips))
    return tmp_path, {
        "databases": {"mine": {"manifest": str(source), "frames": str(tmp_path / "frames")}},
        "cache": str(tmp_path / "cache"),
    }


def frames_of(opened) -> list[str]:
    return [Path(path).name for path in opened if path.endswith(".jpg")]


def test_second_sync_writes_nothing_and_reads_no_frame(lab, opened):
    first = sync(lab)
    assert frames_of(opened), "the first one reads them"
    opened.clear()
    assert sync(lab) == first
    assert frames_of(opened) == []


def test_a_cache_that_is_only_to_be_read(lab):
    """Nothing is written while nothing changes; a change is refused with what to configure instead."""
    root, config = lab
    folder = Path(config["cache"])
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    try:
        before = sync(lab)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        assert sync(lab) == before
        (root / "frames/s1/a/img5.jpg").write_bytes(b"changed")
        with pytest.raises(InputError) as caught:
            sync(lab)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
    assert str(caught.value).startswith(f"{folder / 'mine'}: not built: Read-only file system")
    assert "a read-only cache is given as `stores` in `databases`" in str(caught.value)


def test_what_killed_runs_left_is_swept_when_a_database_was_touched(lab, monkeypatch):
    monkeypatch.setattr(frame_digests, "SETTLED", 0)
    root, config = lab
    sync(lab)
    names = ("clips.csv", "audit.csv", "frames.json", "index.json")
    left = [Path(config["cache"], "mine", f".{name}.{pid}.tmp") for name in names for pid in (1, 2)]
    for path in left:
        path.write_text("half")
        if ".1.tmp" in path.name:
            os.utime(path, (0, 0))
    sync(lab)
    assert all(path.exists() for path in left), "before each run there is no time for that"
    (root / "frames/s1/a/img5.jpg").write_bytes(b"changed")
    sync(lab)
    assert [path for path in left if path.exists()] == left[1::2], "what may still be written stays"


def test_folder_that_has_not_changed_is_not_listed_again(lab, listed, monkeypatch):
    monkeypatch.setattr(frame_digests, "SETTLED", 0)
    before = sync(lab)
    frames = lab[0] / "frames/s1"

    def clips_listed():
        names = [Path(path).name for path in listed if path.startswith(str(frames))]
        listed.clear()
        return names

    assert clips_listed() == ["a", "b"]
    assert (sync(lab), clips_listed()) == (before, [])
    # Each kind of change is seen: of bytes, of names, of what is a frame, of the window.
    (frames / "a/img4.jpg").write_bytes(b"new")
    changed = sync(lab)
    assert (changed[1] != before[1], clips_listed()) == (True, ["a"])
    (frames / "b/img6.jpg").rename(frames / "b/img6.jpeg")
    assert (sync(lab), clips_listed()) == (changed, ["b"])
    (frames / "b/img6.jpeg").unlink()
    assert sync(lab)[1] != changed[1]
    source = lab[0] / "mine.csv"
    source.write_text(source.read_text().replace("a,3,5,8,6,", "a,2,5,8,7,"))
    listed.clear()
    sync(lab)
    assert clips_listed() == ["a"]


def test_untouched_databases_are_not_even_read(lab, opened, monkeypatch):
    """The record of every frame is a file of its own, which is large and read only if something changed."""
    monkeypatch.setattr(frame_digests, "SETTLED", 0)
    root, _ = lab
    before, frames_read = sync(lab), str(root / "cache/mine/frames.json")
    opened.clear()
    assert sync(lab) == before
    assert frames_read not in opened
    for changed in (root / "frames/s1/a/img4.jpg", root / "mine.csv", root / "cache/mine/audit.csv"):
        changed.write_bytes(changed.read_bytes().replace(b"happy", b"sad") + b"\n")
        opened.clear()
        sync(lab)
        assert frames_read in opened, changed
    (root / "cache/mine/clips.csv").unlink()
    assert sync(lab)[1][0].startswith(b"database,")


def test_frame_added_right_after_the_listing_is_seen(lab):
    """Its folder then has the time that it had when it was listed, as far as the clock is fine."""
    (lab[0] / "frames/s1/a/img4.jpg").unlink()
    before = sync(lab)
    listed = json.loads((lab[0] / "cache/mine/frames.json").read_text())["frames"]["s1/a"]["listed"]
    assert listed is None
    (lab[0] / "frames/s1/a/img4.jpg").write_bytes(b"late")
    assert sync(lab)[1] != before[1]


def test_clip_list_carries_no_label(lab):
    _, (text, _) = sync(lab)
    assert b"AU" not in text
    assert b"happy" not in text
    assert [clip.digest for clip in clip_table.read_manifest(lab[0] / "cache/mine/clips.csv")] == [
        index.clip_digest(lab[0] / "frames/s1" / name, 3, 8) for name in ("a", "b")
    ]


def test_frame_replaced_under_its_old_time(lab):
    before = sync(lab)
    frame = lab[0] / "frames/s1/b/img5.jpg"
    stat = frame.stat()
    frame.write_bytes(b"other")  # as long as what stood there, in place
    os.utime(frame, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = sync(lab)
    assert after[0] == before[0], "the manifest has no part in it"
    assert after[1][0] != before[1][0]


def test_only_the_changed_frame_is_read_again(lab, opened):
    sync(lab)
    (lab[0] / "frames/s1/a/img4.jpg").write_bytes(b"new")
    opened.clear()
    sync(lab)
    assert frames_of(opened) == ["img4.jpg"]


def test_touch_copy_and_move_change_nothing(lab):
    root, config = lab
    before = sync(lab)
    for frame in (root / "frames").rglob("*.jpg"):
        os.utime(frame)
    assert sync(lab) == before
    shutil.copytree(root / "frames", root / "moved")
    shutil.rmtree(root / "frames")
    config["databases"]["mine"]["frames"] = str(root / "moved")
    assert sync(lab) == before


def test_frames_outside_the_window_do_not_count(lab):
    before = sync(lab)
    (lab[0] / "frames/s1/a/img9.jpg").write_bytes(b"after the offset")
    assert sync(lab) == before


def test_edited_label_changes_the_manifest_alone(lab):
    before = sync(lab)
    source = lab[0] / "mine.csv"
    source.write_text(source.read_text().replace("happy", "sad", 1))
    after = sync(lab)
    assert after[0][0] != before[0][0]
    assert after[1] == before[1]


def test_generated_manifest_edited_by_hand_is_written_again(lab, capsys):
    before = sync(lab)
    table = lab[0] / "data_manifests/mine.csv"
    table.write_text(table.read_text().replace("happy", "sad"))
    assert sync(lab)[0][0] == before[0][0]
    assert "edited by hand" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["index", "frames"])
@pytest.mark.parametrize("text", ["{", "[]", '{"version": 4, "frames": {}}'])
def test_damaged_or_older_index_is_made_again(lab, name, text):
    before = sync(lab)
    path = lab[0] / f"cache/mine/{name}.json"
    sound = path.read_text()
    path.write_text(text)
    (lab[0] / "frames/s1/a").touch()  # so that the frames are looked for
    assert sync(lab) == before
    assert json.loads(path.read_text()).keys() == json.loads(sound).keys()


def places_in(value, *place):
    """Every place in a value read from JSON, as a path of names and numbers."""
    yield place
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(part, *place, key)


@pytest.mark.parametrize("name", ["index", "frames"])
@pytest.mark.parametrize("other", [{"a": None}, "\0", -1.5])
def test_an_index_with_another_value_anywhere(lab, name, other):
    """In any place, a value of another kind than the writer's counts as no index."""
    before = sync(lab)
    path = lab[0] / f"cache/mine/{name}.json"
    sound = json.loads(path.read_text())
    for *place, last in filter(None, places_in(sound)):
        value = json.loads(json.dumps(sound))
        parent = functools.reduce(lambda part, key: part[key], place, value)
        if isinstance(parent[last], type(other)):
            continue
        parent[last] = other
        path.write_text(json.dumps(value))
        (lab[0] / "frames/s1/a").touch()
        assert sync(lab) == before, (*place, last)


def test_problems_of_all_databases_at_once(lab):
    root, config = lab
    config["databases"]["gone"] = {"manifest": str(root / "gone.csv"), "frames": str(root)}
    shutil.rmtree(root / "frames/s1/b")
    with pytest.raises(InputError) as caught:
        index.sync(config, root / "data_manifests")
    assert "gone.csv" in str(caught.value)
    assert os.path.join("s1", "b") in str(caught.value)


@pytest.fixture
def owners_lab(tmp_path):
    """A database as its owners distribute it, and the configuration that names it."""
    annotations, frames = RELEASES["mmew"]().write(tmp_path)
    source = {"annotations": str(annotations), "frames": str(frames), "reader": "mmew"}
    return tmp_path, {"databases": {"mine": source}, "cache": str(tmp_path / "cache")}


def test_frames_moved_inside_their_root_are_found_again(owners_lab):
    root, _ = owners_lab
    first, _ = sync(owners_lab)
    (root / "frames").rename(root / "MMEW_Final")
    (root / "frames").mkdir()
    (root / "MMEW_Final").rename(root / "frames/MMEW_Final")
    assert b"MMEW_Final/Micro_Expression/fear/S30-05-001" not in first[0]
    assert b"MMEW_Final/Micro_Expression/fear/S30-05-001" in sync(owners_lab)[0][0]
    shutil.rmtree(root / "frames/MMEW_Final/Micro_Expression/fear")
    with pytest.raises(InputError, match="row 4: clip 30/S30-05-001: no folder fear/S30-05-001"):
        sync(owners_lab)


def test_changed_settings_of_a_reader_are_seen(owners_lab):
    _, config = owners_lab
    first, _ = sync(owners_lab)
    config["databases"]["mine"]["normalised_emotion"] = True
    assert b",others,repression,R4+7," in sync(owners_lab)[0][0]
    config["databases"]["mine"]["strict"] = True
    with pytest.raises(InputError, match="strict: 3 rows"):
        sync(owners_lab)
    del config["databases"]["mine"]["normalised_emotion"], config["databases"]["mine"]["strict"]
    assert sync(owners_lab)[0][0] == first[0]


def test_nearest_apex_follows_the_frames(owners_lab):
    root, config = owners_lab
    config["databases"]["mine"]["nearest_apex"] = True
    first, _ = sync(owners_lab)
    apex = root / "frames/Micro_Expression/fear/S30-05-001/5.jpg"
    apex.rename(root / "aside.jpg")
    assert b"S30-05-001,1,4,11," in sync(owners_lab)[0][0]
    (root / "aside.jpg").rename(apex)
    assert sync(owners_lab)[0][0] == first[0]
