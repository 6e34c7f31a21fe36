"""Layouts of frame folders: every one in circulation, and those that are refused instead of guessed."""

import os

import pytest
from owners import RELEASES, numbered

from infusenet import databases
from infusenet.databases.frames import folder_listings
from infusenet.databases.frames.clip_folders import ClipFolders, Unnamed
from infusenet.databases.frames.folder_listings import resolve_folder
from infusenet.errors import InputError
from infusenet.training.folds import training_databases


def moved(key, old, new, rows=None):
    """A release whose frames lie below ``new`` in place of ``old``; with only some of its rows."""
    release = RELEASES[key]()
    release.rows = [release.rows[n] for n in rows] if rows else release.rows
    release.folders = {f"{new}{name.removeprefix(old)}": files for name, files in release.folders.items()}
    return release


def frames_of(release, root):
    return [clip.frames for clip in databases.read(release.key, *release.write(root))]


def refusal(release, root, **options):
    with pytest.raises(InputError) as caught:
        databases.examine(release.key, *release.write(root), **options)
    return str(caught.value)


NESTED = [
    ("casme", "", "CASME_raw_selected/"),
    ("casme", "", "CASME/CASME/CASME_raw_selected/"),
    ("casme2", "CASME2-RAW/", "CASME2/CASME2/CASME2-RAW/"),
    ("casme2", "CASME2-RAW/", "Cropped-updated/Cropped/"),
    ("casme2", "CASME2-RAW/", "CASME2_preprocessed_Li Xiaobai/Cropped/"),
    ("samm", "", "a/b/SAMM/"),
    ("fourd", "", "4dme/"),
    ("fourd", "micro_short_gray_video/", "micro_short_gray_video/micro short gray video/"),
    ("mmew", "Micro_Expression", "MMEW_Final/MMEW_Final/Micro_Expression"),
    ("casme3a", "part_A/", "part_A_split/x/part_A/"),
]


@pytest.mark.parametrize("beside", [(), ("notes", "CASME_selfreport"), ("a/b/c/d/e",)])
@pytest.mark.parametrize(("key", "old", "new"), NESTED)
def test_releases_below_other_folders(key, old, new, beside, tmp_path):
    """Up to three levels of folders, with others beside them."""
    release = moved(key, old, new)
    expected = list(release.folders)
    release.folders |= {name: [] for name in beside}
    release.folders |= {f"{new.split('/')[0]}/{name}": ["x.xlsx"] for name in beside}
    assert set(frames_of(release, tmp_path)) <= set(expected)


def test_the_one_of_several_folders_that_holds_the_clips(tmp_path):
    release = moved("casme2", "CASME2-RAW", "CASME2/CASME2_RAW/CASME2-RAW")
    release.folders |= {"CASME2/Cropped/sub01": [], "CASME2/Cropped/sub26/EP18_50": ["reg_img1.jpg"]}
    release.folders |= {"CASME2": ["CASME2-coding-20140508.xlsx"]}
    assert frames_of(release, tmp_path)[0] == "CASME2/CASME2_RAW/CASME2-RAW/sub01/EP02_01f"


@pytest.mark.parametrize("raw", ["CASME2/CASME2_RAW", "CASME2/CASME2_RAW/CASME2-RAW", "CASME2_RAW"])
@pytest.mark.parametrize("lacks", [None, "sub01/EP02_01f"])
def test_several_folders_that_hold_the_clips_are_refused(raw, lacks, tmp_path):
    """However deep each lies, whether or not one of them is complete, and never a way to exclude them."""
    release = moved("casme2", "CASME2-RAW", raw)
    crops = {f"CASME2/Cropped{name.removeprefix(raw)}": files for name, files in release.folders.items()}
    crops.pop(f"CASME2/Cropped/{lacks}", None)
    release.folders |= crops
    told = refusal(release, tmp_path, exclude=("missing_key_frame", "unreadable"))
    assert told.count("hold the same clips") == 1
    both = sorted(f"{tmp_path}/frames/{name}" for name in ("CASME2/Cropped", raw))
    assert f"{' and '.join(both)} hold the same clips" in told
    assert f"({2 if lacks else 3} clips, the first is {'04/EP12_01f' if lacks else '01/EP02_01f'})" in told


def test_a_folder_of_the_root_stays_preferred(tmp_path):
    """As before this search was there; and what it lacks is not filled up from another copy."""
    release = moved("casme2", "CASME2-RAW/", "")
    whole = dict(release.folders)
    release.folders |= {f"Cropped/{name}": files for name, files in whole.items()}
    assert frames_of(release, tmp_path / "whole") == list(whole)
    release.folders.pop("sub01/EP02_01f")
    release.folders["sub01/EP02_02"] = []
    assert "row 2: clip 01/EP02_01f: no folder sub01/EP02_01f" in refusal(release, tmp_path / "part")


def test_a_link_to_the_same_folder_is_no_second_one(tmp_path):
    release = moved("casme2", "CASME2-RAW", "CASME2_RAW")
    release.folders["notes"] = []
    annotations, frames = release.write(tmp_path)
    (frames / "Latest").symlink_to("CASME2_RAW")
    (frames / "CASME2_RAW" / "loop").symlink_to("loop")
    (frames / "all").symlink_to(".")
    clips = databases.read("casme2", annotations, frames)
    assert [clip.subject for clip in clips] == ["01", "04", "05"]


@pytest.mark.parametrize("link", ["sub01", "sub01/EP02_01f"])
@pytest.mark.parametrize("target", ["EP02_01f", "sub01", "../absent"])
def test_links_without_a_folder(link, target, tmp_path):
    release = moved("casme2", "CASME2-RAW/", "")
    del release.folders["sub01/EP02_01f"]
    annotations, frames = release.write(tmp_path)
    (frames / link).parent.mkdir(exist_ok=True)
    (frames / link).symlink_to(target)
    with pytest.raises(InputError) as caught:
        databases.read("casme2", annotations, frames)
    assert str(caught.value).count("row ") == 1
    assert f"{frames / link} is a link without a folder behind it" in str(caught.value)


def section_a_b(root="RAW"):
    release = RELEASES["casme"]()
    release.folders = {
        f"{root}/CASME_{'B/Section B' if 'sub08' in name else 'A/Section A'}/{name}": files
        for name, files in release.folders.items()
    }
    return release


@pytest.mark.parametrize("root", [".", "RAW"])
def test_casme_in_two_sections(root, tmp_path):
    release = section_a_b(root)
    release.folders |= {f"{root}/CASME_A/Section A": ["Section A.xls"]}
    assert frames_of(release, tmp_path) == [
        os.path.normpath(name) for name in release.folders if "/sub" in name
    ]


def test_one_subject_in_two_sections_is_refused(tmp_path):
    release = section_a_b()
    release.rows.append(release.rows[0] | {"Filename": "EP01_13"})
    release.folders["RAW/CASME_B/Section B/sub01/EP01_13"] = numbered("EP01_13-{}.jpg", 60, 80)
    told = refusal(release, tmp_path)
    assert "clips of 'sub01' were found in " in told
    assert "Section A (1 clips) and " in told


def by_emotion():
    release = RELEASES["casme"]()
    release.folders = {
        "CASME/tense/EP01_12": numbered("EP01_12-{}.jpg", 60, 80),
        "CASME/contempt/EP12_11_1": numbered("EP12_11_1-{:03d}.jpg", 66, 77),
        "CASME/happiness/EP09_3": numbered("EP09_3-{}.jpg", 100, 120),
    }
    return release


@pytest.mark.parametrize("around", ["", "CASME_by_emotion/", "x/y/"])
def test_casme_by_emotion(around, tmp_path):
    release = by_emotion()
    release.folders = {f"{around}{name}": files for name, files in release.folders.items()}
    assert frames_of(release, tmp_path) == list(release.folders)


@pytest.mark.parametrize("subject", [2, 1])
@pytest.mark.parametrize("row", [{"Emotion": "disgust"}, {"AU": "1215"}, {}])
def test_casme_by_emotion_never_takes_another_subjects_clip(subject, row, tmp_path):
    """Two rows have the name, whatever their emotions and whether or not both can be read."""
    release = by_emotion()
    release.rows.append(release.rows[0] | {"Subject": subject, "OnsetF": 64} | row)
    told = refusal(release, tmp_path, exclude=("unknown_au", "duplicate"))
    assert "row 2: " in told
    assert "tense/EP01_12 does not say the subject, and the name EP01_12 is that of 2 rows" in told


def test_casme_by_emotion_with_a_name_twice_or_another_window(tmp_path):
    release = by_emotion()
    release.folders["CASME/disgust/EP01_12"] = ["EP01_12-1.jpg"]
    assert "1 rows and 2 folders" in refusal(release, tmp_path / "twice")
    release = by_emotion()
    release.folders["CASME/tense/EP01_12"] = numbered("EP01_12-{}.jpg", 66, 77)
    assert "lacks onset 63" in refusal(release, tmp_path / "window")
    with pytest.raises(InputError, match="0 rows"):
        ClipFolders(tmp_path / "window/frames").find([[Unnamed(("tense", "EP01_12"))]])


LONG = "long_gray_video/long gray video"


@pytest.mark.parametrize("name", ["S08_008_01", "S08_008", "s08_008_01"])
@pytest.mark.parametrize("above", [f"{LONG}/", f"4dme/{LONG}/", ""])
def test_fourd_long_videos(name, above, tmp_path):
    release = RELEASES["fourd"]()
    release.rows = release.rows[:1]
    release.folders = {
        f"{above}S08/{name}": numbered("Frame_{:09d}.jpg", 1, 90),
        f"{above}S08/S08_009_01": ["Frame_000000070.jpg"],
        f"{above}S08/S08_008_010": ["Frame_000000070.jpg"],
    }
    assert frames_of(release, tmp_path) == [f"{above}S08/{name}"]
    release.folders[f"{above}S08/S08_008_01_1"] = numbered("Frame_{:09d}.jpg", 65, 75)
    assert frames_of(release, tmp_path / "short") == [f"{above}S08/S08_008_01_1"]


def test_fourd_long_videos_that_are_not_sure(tmp_path):
    release = RELEASES["fourd"]()
    release.rows = release.rows[:1]
    release.folders = {f"{LONG}/S08/S08_008_01": numbered("Frame_{:09d}.jpg", 66, 90)}
    assert "lacks onset 65; it holds frames 66..90" in refusal(release, tmp_path / "window")
    release.folders[f"{LONG}/S08/S08_008"] = numbered("Frame_{:09d}.jpg", 1, 90)
    assert "both match" in refusal(release, tmp_path / "two")


@pytest.mark.parametrize("name", ["S08_008_01_1", "S08_1st_008_01_1", "S08_2_008_01_1", "S08_008_01_1-"])
@pytest.mark.parametrize("top", ["gray_micro_register_final/", "4dme/gray_micro_register_final/", ""])
def test_fourd_without_folders_of_subjects(name, top, tmp_path):
    release = RELEASES["fourd"]()
    release.rows = release.rows[:1]
    release.folders = {f"{top}{name}": numbered("Frame_{:09d}.jpg", 65, 75), f"{top}S08_008_01_2": []}
    assert frames_of(release, tmp_path) == [f"{top}{name}"]
    release.folders[f"{top}S08_3_008_01_1"] = []
    assert "both match" in refusal(release, tmp_path / "two")


@pytest.mark.parametrize("top", ["", "ME_A_cropped/", "CASME3/x/ME_A_cropped/"])
def test_casme3a_crops_without_a_folder_color(top, tmp_path):
    release = moved("casme3a", "part_A/", top, [0, 1])
    release.folders = {f"{top}spNO.1/e": numbered("{}.jpg", 62, 106)}
    assert frames_of(release, tmp_path / "films") == [f"{top}spNO.1/e"] * 2
    release.folders[f"{top}spNO.1/e2"] = numbered("{}.jpg", 96, 106)
    assert frames_of(release, tmp_path / "clips") == [f"{top}spNO.1/e", f"{top}spNO.1/e2"]
    release.folders |= {f"{top}spNO.1/{film}/depth": files for film, files in (("e", ["62.png"]),)}
    release.folders[f"{top}spNO.1/e"] = []
    assert "it holds no frames, but the folders depth" in refusal(release, tmp_path / "depth")


@pytest.mark.parametrize("top", ["Part_A_ME_clip/Part_A_ME_clip", "x/y/Part_A_ME_clip"])
def test_casme3a_depth_maps_are_no_frames(top, tmp_path):
    release = RELEASES["casme3a"]()
    release.rows = release.rows[:1]
    clip = f"spNO.1_e_{release.rows[0]['Onset']}"
    depth = {f"{top}/depth/{clip}": numbered("{}.png", 62, 75), "notes": []}
    release.folders = {f"{top}/frame/{clip}": numbered("{}.jpg", 62, 75), **depth}
    assert frames_of(release, tmp_path / "both") == [f"{top}/frame/{clip}"]
    release.folders = depth
    assert "no folder spNO.1/e/color" in refusal(release, tmp_path / "depth")


@pytest.mark.parametrize("top", ["Micro_Expression", "MMEW_Final/Micro_Expression", "a/b/MMEW", "."])
def test_mmew_all_clips_side_by_side(top, tmp_path):
    release = RELEASES["mmew"]()
    release.folders = {f"{top}/{name.split('/')[-1]}": files for name, files in release.folders.items()}
    del release.folders[f"{top}/happiness"]
    for clip in ("S01-01-001", "S04-04-002"):  # macro-expressions have names of the same form
        release.folders[f"Macro_Expression/S01/happiness/{clip}"] = numbered("{}.jpg", 1, 90)
    clips = [os.path.normpath(name) for name in release.folders if "Macro" not in name]
    assert frames_of(release, tmp_path) == clips
    release.folders.pop(f"{top}/S01-01-001")
    assert "clip 1/S01-01-001: no folder" in refusal(release, tmp_path / "lost")


def test_no_folder_is_listed_twice_and_none_without_need(tmp_path, listed):
    release = moved("casme2", "CASME2-RAW/", "")
    release.folders["notes/deep"] = []
    annotations, frames = release.write(tmp_path)
    find = ClipFolders(frames).find
    listed.clear()
    assert find([[("sub01", "EP02_01f")]])
    assert str(frames) in listed
    assert not [path for path in listed if "notes" in path]
    for number in range(20):
        assert find([[(f"sub{number:02d}", "EP99")]]) is None
    assert len(listed) == len(set(listed))


# --- folders of file servers and systems ---

SERVICE = ["@eaDir", "#recycle", "#snapshot", "lost+found", "$RECYCLE.BIN", "System Volume Information"]
SERVICE += ["__MACOSX", ".Trash-1000", ".Trashes", "@Recycle", "RECYCLER", "FOUND.000", ".@__thumb"]
SERVICE += ["@__thumb", "Recycle Bin"]


@pytest.mark.parametrize("name", SERVICE)
def test_service_folders_are_passed_over(name, tmp_path):
    """At every level, also where they hold copies of the database."""
    release = RELEASES["casme2"]()
    copies = {path.replace("CASME2-RAW", name): files for path, files in release.folders.items()}
    inside = {f"{path}/{name}": ["img1.jpg"] for path in release.folders}
    expected = list(release.folders)
    release.folders |= {**copies, **inside, f"CASME2-RAW/{name}/sub01/EP02_01f": ["img46.jpg"]}
    assert frames_of(release, tmp_path) == expected


def test_service_files_among_manifests(tmp_path):
    for name in ("._alpha.csv", "alpha.csv", "beta.csv"):
        (tmp_path / name).touch()
    assert training_databases("beta", tmp_path, None) == ["alpha"]


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", ".DS_Store", "._img46.jpg"])
def test_service_files_are_passed_over(name, tmp_path):
    release = RELEASES["casme2"]()
    release.folders = {path: [*files, name] for path, files in release.folders.items()}
    release.folders[""] = [name]
    assert frames_of(release, tmp_path)[0] == "CASME2-RAW/sub01/EP02_01f"
    assert folder_listings.is_service(name)
    assert not folder_listings.is_service("img46.jpg")


def test_folders_without_case_and_nested_twice(tmp_path):
    deep = tmp_path / "CASME2_RAW" / "CASME2-RAW" / "Sub01" / "ep01"
    deep.mkdir(parents=True)
    assert resolve_folder(tmp_path, "sub01", "EP01") == deep
    assert resolve_folder(tmp_path, "sub01", "EP02") is None
    (deep.parent / "EP01").mkdir()
    if len(list(deep.parent.iterdir())) == 2:  # not where the file system ignores case
        with pytest.raises(InputError, match="both match"):
            resolve_folder(tmp_path, "sub01", "EP01")
