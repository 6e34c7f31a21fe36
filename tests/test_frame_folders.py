"""Frames in a clip's folder, told from other files, and the messages about the others."""

import os
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from owners import RELEASES, numbered
from PIL import Image

from infusenet import cli, databases
from infusenet.databases import audit, sync
from infusenet.databases.clip_table import Clip, read_manifest, to_csv
from infusenet.databases.frames import frame_digests
from infusenet.databases.frames.frame_files import frame_index
from infusenet.databases.frames.frame_names import own_frames
from infusenet.errors import InputError
from infusenet.protocol import AUS

FOLDER = "Micro_Expression/happiness/S01-01-001"


def own(*names):
    return sorted(name.text for name in own_frames(sorted(names))[0])


def img(first=40, last=60):
    return numbered("img{}.jpg", first, last)


COPIES = [
    "img50 (24).jpg", "img50 (1).jpg", "img50 - Copy.jpg", "img50 - Copy (3).jpg", "img50 copy 2.jpg",
    "img50 (Ann's conflicted copy 2024-03-55).jpg", "img50~1.jpg", "img50_1.jpg", "img50-Kopie.jpg",
    "img50.sync-conflict-20240320-55.jpg", "img50 (24).png", "IMG50 (24).JPG",
]  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_no_frames(name):
    """Neither beside the frames nor in the place of one, nor where there is only one frame."""
    assert own(*img(), name) == img()
    assert own("img50.jpg", name) == ["img50.jpg"]
    lacking = [frame for frame in img() if frame not in ("img50.jpg", "img55.jpg")]
    assert own(*lacking, name) == lacking


def test_more_copies_than_frames():
    names = [f"img{n} ({k}).jpg" for n in (40, 41, 42) for k in (1, 60)]
    assert own(*img(40, 42), *names) == img(40, 42)
    assert own(*img(40, 41), *names) == img(40, 41)


def test_every_frame_copied():
    assert own(*img(), *numbered("img{} - Copy.jpg", 40, 60)) == img()
    assert own(*img(), *(f"img{n} ({n}).jpg" for n in range(40, 61))) == img()


OTHERS = ["reg_img70.jpg", "70.jpg", "img070.jpg", "img70.png", "img\u200b70.jpg", "img 70.jpg", "img_70.jpg"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_no_frames(name):
    assert own(*img(), name) == img()


REAL = {
    "CASME, subjects 1 to 7": numbered("EP01_12-{}.jpg", 60, 120),
    "CASME, subjects 8 to 19": numbered("reg_EP12_11_1-{:03d}.jpg", 66, 120),
    "CASME II": numbered("reg_img{}.jpg", 1, 120),
    "SAMM, four digits": numbered("006_{:04d}.jpg", 990, 1020),
    "SAMM, four digits up to five": numbered("006_{:04d}.jpg", 9990, 10010),
    "SAMM, five digits": numbered("006_{:05d}.jpg", 9990, 10010),
    "4DME": numbered("Frame_{:09d}.jpg", 1826, 1840),
    "MMEW": numbered("{}.jpg", 1, 101),
    "three digits up to four": numbered("{:03d}.bmp", 1, 1001),
    "from zero": numbered("img{}.jpg", 0, 11),
    "named by Windows": numbered("img20 ({}).jpg", 1, 24),
    "suffixes in several spellings": ["img1.jpg", "img2.JPG", "IMG3.jpeg", "img4.jpg"],
    "a number after the number's words": numbered("{}_color.png", 8, 12),
    "with the time in each name": [f"2020-01-01_10-00-{n // 3:02d}_{n}.png" for n in range(46, 120)],
    "with a hash in each name": ["a3f_1.png", "b7c_2.png", "c9f_3.png", "d1f_4.png"],
    "key frames alone": ["img46.jpg", "img59.jpg", "img61.jpg"],
}


@pytest.mark.parametrize("name", REAL)
def test_names_of_the_releases(name, tmp_path):
    assert own(*REAL[name]) == sorted(REAL[name])
    for frame in REAL[name]:
        (tmp_path / frame).touch()
    assert [path.name for path in frame_index(tmp_path).values()] == REAL[name]


@pytest.mark.parametrize("other", ["reg_img50.jpg", "img050.jpg", "img50.png", "50.jpg", "Copy of img50.jpg"])
def test_two_pictures_of_one_frame_are_refused(other, tmp_path):
    for name in (*img(), other):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="are both frame 50; keep one of them"):
        frame_index(tmp_path)


def happiness(*names, without=5):
    """A release whose first clip has frames 1 to 11 but for one, and some more files."""
    release = RELEASES["mmew"]()
    release.rows = release.rows[:1]
    frames = [name for name in release.folders[FOLDER] if name != f"{without}.jpg"]
    release.folders = {FOLDER: [*frames, *names]}
    return release


def refusal(release, root):
    with pytest.raises(InputError) as caught:
        databases.read(release.key, *release.write(root))
    assert "\n" not in str(caught.value)
    assert "row 2: clip 1/S01-01-001: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["4 (5).jpg", "4 - Copy (5).jpg", "img5.jpg", "005.jpg", "5.png", "5 (1).jpg"]
)
def test_a_missing_key_frame_names_what_might_have_been_meant(name, tmp_path):
    told = refusal(happiness(name), tmp_path)
    assert "lacks apex 5; it holds frames 1..11; " in told
    assert f"'{name}' is no frame, because most are named like '1.jpg'" in told
    assert "lacks apex 5; it holds frames 1..11" in refusal(happiness("4 (6).jpg"), tmp_path / "other")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (numbered("{}.tif", 1, 11), "it holds no frames, but 11 .tif files; '1.tif' is none of"),
        (["S01-01-001.avi"], "it holds no frames, but 1 .avi files"),
        (["1.mp4", "notes.txt", "color/1.jpg"], "it holds no frames, but 1 .mp4 files and 1 .txt files and the"),
        (["Thumbs.db", ".DS_Store"], "lacks onset 1, apex 5, offset 11; it holds no frames"),
        (["5.tif", *numbered("{}.jpg", 1, 4), "11.jpg"], "'5.tif' is none of .bmp, .jpeg, .jpg, .png: convert it"),
    ],
)  # fmt: skip
def test_what_a_folder_holds_instead(names, expected, tmp_path):
    release = happiness()
    release.folders = {FOLDER: [name for name in names if "/" not in name]}
    release.folders |= {f"{FOLDER}/{name.split('/')[0]}": [] for name in names if "/" in name}
    assert expected in refusal(release, tmp_path)


# --- names and files that a system cannot show or read ---

GBK = os.fsdecode("数5.jpg".encode("gbk"))
ESCAPED = "'\\udcca\\udcfd5.jpg' is no UTF-8: rename it"


def pictures(root, *numbers):
    """A clip of frames 1 to 3 that are no faces, as a manifest of its own; returns its folder."""
    folder = root / "frames/s1/c1"
    folder.mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    for number in numbers:
        Image.fromarray(picture).save(folder / f"{number}.jpg")
    clip = Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", labels=dict.fromkeys(AUS, 0))
    (root / "mine.csv").write_text(to_csv([clip]))
    return folder


def found_by_the_audit(root):
    source = {"manifest": str(root / "mine.csv"), "frames": str(root / "frames")}
    config = {"databases": {"mine": source}, "cache": str(root / "cache")}
    found = sync.examine_database("mine", config)
    text = audit.to_csv(found.annotated, found.findings, audit.policies(None))
    assert str(root) not in text
    return text.encode().decode()


def failed_in_the_stage(root, capsys, monkeypatch):
    """The failure table and what is printed, of the stage that makes crops; it leaves the clip out."""
    monkeypatch.chdir(root)
    argv = ["--log", "log", "faces", "mine.csv", "--frames", "frames", "--output", "faces.h5", "--size", "64"]
    assert cli.main(argv) == 1
    assert "mine clip s1/c1: error: s1/c1" in capsys.readouterr().err
    assert cli.main([*argv, "--failed", "skip"]) == 0
    return (root / "faces.h5.failures.csv").read_text() + (root / "log").read_text()


def test_names_in_another_encoding(tmp_path, capsys, monkeypatch):
    assert ESCAPED in refusal(happiness(GBK), tmp_path / "read")
    whole = happiness(without=99)
    whole.folders[FOLDER].append(GBK)
    assert len(databases.read("mmew", *whole.write(tmp_path / "beside"))) == 1

    folder = pictures(tmp_path, 1, 3)
    (folder / GBK.replace("5", "2")).touch()
    expected = ESCAPED.replace("5.jpg", "2.jpg")
    assert expected in found_by_the_audit(tmp_path)
    assert expected in failed_in_the_stage(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize("name", ["数据", "数据/Micro_Expression"])
def test_folders_in_another_encoding(name, tmp_path, capsys):
    """No table can hold them: refused by name, once for all clips. In UTF-8 any name is right."""
    release = RELEASES["mmew"]()
    folders = {clip.split("/", 1)[1]: files for clip, files in release.folders.items()}
    release.folders = {f"{name}/{clip}": files for clip, files in folders.items()}
    assert databases.read("mmew", *release.write(tmp_path / "utf8"))[0].frames.startswith(name)
    release.folders = {os.fsdecode(path.encode("gbk")): files for path, files in release.folders.items()}
    annotations, frames = release.write(tmp_path / "gbk")
    capsys.readouterr()
    argv = ["--log", tmp_path / "log", "read", "mmew", "--annotations", annotations, "--frames", frames]
    assert cli.main([*map(str, argv), "--output", str(tmp_path / "out.csv")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "'\\udcca\\udcfd\\udcbe\\udcdd' is no UTF-8, so no table can hold it; rename it (3 clips" in told
    assert (tmp_path / "log").read_text() == told


@pytest.mark.parametrize("sign", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u00a0"])
def test_characters_that_nobody_sees(sign, tmp_path):
    told = refusal(happiness(f"5{sign}.jpg"), tmp_path / "file")
    assert f"'5{sign.encode('unicode_escape').decode()}.jpg' is no frame" in told
    release = happiness()
    release.folders = {f"{FOLDER}{sign}": numbered("{}.jpg", 1, 11)}
    told = refusal(release, tmp_path / "folder")
    escaped = f"s01-01-001{sign.encode('unicode_escape').decode()}"
    assert f"a folder '{escaped}' has other characters than it shows: rename it" in told


@pytest.mark.parametrize("target", ["2.jpg", "../.git/annex/objects/absent", "a"])
def test_links_without_a_file(target, tmp_path, capsys, monkeypatch):
    """To themselves, to nothing, to each other."""
    folder = pictures(tmp_path, 1, 3)
    (folder / "2.jpg").symlink_to(target)
    (folder / "a").symlink_to("2.jpg")
    expected = "'2.jpg' is a link without a file behind it: fetch the file"
    assert expected in found_by_the_audit(tmp_path)
    assert expected in failed_in_the_stage(tmp_path, capsys, monkeypatch)
    release = happiness()
    annotations, frames = release.write(tmp_path / "read")
    (frames / FOLDER / "5.jpg").symlink_to("5.jpg")
    assert expected.replace("2", "5") in refusal(release, tmp_path / "read")


@contextmanager
def closed(path: Path, mode: int):
    """A path with these rights, seen by an account that is not its owner if this one may do everything."""
    for parent in path.parents[:-2]:
        parent.chmod(0o755)
    path.chmod(mode)
    if root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(0o755)


@pytest.mark.parametrize("closed_path", ["s1/c1", "s1", "s1/c1/2.jpg"])
def test_what_this_account_may_not_read(closed_path, tmp_path):
    pictures(tmp_path, 1, 2, 3)
    found_by_the_audit(tmp_path)  # the other account may not import what this one has installed
    with closed(tmp_path / "frames" / closed_path, 0):
        told = found_by_the_audit(tmp_path)
    assert "s1/c1,missing_key_frame,stop," in told
    assert "give this account the right to read it" in told


@pytest.mark.parametrize("harm", ["closed", "closed above", "loop", "gone"])
def test_folders_that_cannot_be_read_any_more(harm, tmp_path):
    """After a run that read them."""
    folder = pictures(tmp_path, 1, 2, 3)
    source = {"manifest": str(tmp_path / "mine.csv"), "frames": str(tmp_path / "frames")}
    arguments = (tmp_path / "manifests", tmp_path / "cache", audit.policies(None), {})
    sync.sync_database("mine", source, *arguments)
    if "closed" not in harm:
        folder.rename(tmp_path / "elsewhere")
    if harm == "loop":
        folder.symlink_to("c1")
    path = folder.parent if harm == "closed above" else folder
    with closed(path, 0) if "closed" in harm else nullcontext(), pytest.raises(InputError) as caught:
        sync.sync_database("mine", source, *arguments)
    assert "s1/c1: missing_key_frame: no frame of it in s1/c1; s1/c1: " in str(caught.value)


@pytest.mark.parametrize("closed_path", [FOLDER, "Micro_Expression/happiness"])
def test_folders_that_a_reader_may_not_list(closed_path, tmp_path):
    release = happiness(without=99)
    release.rows.append(RELEASES["mmew"]().rows[2])
    release.folders["Micro_Expression/fear/S30-05-001"] = numbered("{}.jpg", 1, 11)
    annotations, frames = release.write(tmp_path)
    databases.read("mmew", annotations, frames)
    with closed(frames / closed_path, 0), pytest.raises(InputError) as caught:
        databases.read("mmew", annotations, frames)
    assert str(caught.value).count("row ") == 1
    assert f"{frames / closed_path}: permission denied; give this account the right" in str(caught.value)


def test_an_index_of_before_does_not_keep_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_digests, "SETTLED", 0)
    folder = pictures(tmp_path, 1, 3)
    (folder / "1 (2).jpg").write_bytes((folder / "1.jpg").read_bytes())
    clips = read_manifest(tmp_path / "mine.csv")
    before = frame_digests.scan(clips, tmp_path / "frames", {}, "mine")
    frames = before["s1/c1"]["frames"]
    stat = (folder / "1 (2).jpg").stat()
    entry = ["1 (2).jpg", stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, "0" * 64]
    known = {"s1/c1": before["s1/c1"] | {"frames": frames | {"2": entry}}}
    assert frame_digests.scan(clips, tmp_path / "frames", known, "mine") == before


def test_frame_number_is_the_last_digit_run(tmp_path):
    names = ["EP03_5-113.jpg", "reg_img46.JPG", "006_05562.png", "Frame_000001826.jpeg", "5a.bmp"]
    for name in [*names, "Thumbs.db", "._img7.jpg", "cover.jpg", "8.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "9.jpg").mkdir()
    assert {n: path.name for n, path in frame_index(tmp_path).items()} == dict(
        zip((5, 46, 113, 1826, 5562), ("5a.bmp", names[1], names[0], names[3], names[2]), strict=True)
    )


def test_two_files_of_one_frame(tmp_path):
    for name in ("img5.jpg", "reg_img005.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"img5.jpg and reg_img005.jpg are both frame 5"):
        frame_index(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        frame_index(tmp_path / "absent")
