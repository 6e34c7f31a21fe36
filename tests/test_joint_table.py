"""The joint table becomes six manifests."""

import pytest
from joint_tables import JOINT, joint_rows, write_joint
from owners import active, numbered

from infusenet import cli
from infusenet.databases import clip_table
from infusenet.databases.joint_table import import_table
from infusenet.errors import InputError


def test_joint_table_becomes_six_manifests(tmp_path):
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    written = import_table(table, tmp_path / "out", {})
    assert [(path.name, count) for path, count in written] == [(f"{k}.csv", len(JOINT[k])) for k in JOINT]
    clips = [clip for path, _ in written for clip in clip_table.read_manifest(path)]
    assert [clip.frames for clip in clips] == [
        "sub01/EP01_12", "sub02/EP01_12", "sub01/EP02_01f", "006/006_1_2", "S08/S08_002_01_1",
        "repression/S01-04-001", "spNO.1/e/color", "spNO.1/e2/color",
    ]  # fmt: skip
    assert [active(clip.labels) for clip in clips] == [{4}, {12}, {12}, {4, 7}, {5, 45}, {4}, {12}, {12}]


def test_joint_table_finds_folders_on_disk(tmp_path):
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    folder = tmp_path / "frames" / "part_A" / "spNO.1" / "e" / "color"
    folder.mkdir(parents=True)
    for name in numbered("{}.jpg", 60, 110):
        (folder / name).touch()
    import_table(table, tmp_path / "out", {"casme3a": tmp_path / "frames"})
    clips = clip_table.read_manifest(tmp_path / "out" / "casme3a.csv")
    assert [clip.frames for clip in clips] == ["part_A/spNO.1/e/color"] * 2
    with pytest.raises(InputError, match="did you mean 'casme3a'"):
        import_table(table, tmp_path / "out", {"casme3": tmp_path})


def joint_row(**changes) -> dict:
    row = next(row for row in joint_rows() if row["dataset"] == "casme3a") | changes
    length = {"apexf": row["apex"] - row["onset"], "n_frames": row["offset"] - row["onset"] + 1}
    return row | length


@pytest.mark.parametrize("below", ["", "Part_A_ME_clip/frame/"])
def test_joint_table_finds_the_owners_clips_of_corrected_onsets(below, tmp_path):
    """They are named by the workbook's onset, which the joint table has corrected in two rows."""
    rows = [
        joint_row(),
        joint_row(subject="spNO.216", material="d", onset=2647, apex=2650, offset=2652),
        joint_row(subject="spNO.216", material="e", onset=1, apex=1, offset=9),
    ]
    folders = [f"{below}spNO.1_e_62", f"{below}spNO.216_d_3647", f"{below}spNO.216_e_0"]
    for folder, row in zip(folders, rows, strict=True):
        (tmp_path / "frames" / folder).mkdir(parents=True)
        for name in numbered("{}.jpg", row["onset"], row["offset"]):
            (tmp_path / "frames" / folder / name).touch()
    table = write_joint(tmp_path / "joint.csv", rows)
    import_table(table, tmp_path / "out", {"casme3a": tmp_path / "frames"})
    assert [clip.frames for clip in clip_table.read_manifest(tmp_path / "out/casme3a.csv")] == folders


def test_several_frames_roots_after_one_flag(tmp_path, capsys):
    """As data_manifests/README.md writes it."""
    table = write_joint(tmp_path / "joint.csv", joint_rows())
    roots = {key: tmp_path / key for key in ("casme2", "samm")}
    for key, folder, n in (
        ("casme2", "CASME2_RAW/sub01/EP02_01f", (46, 59, 86)),
        ("samm", "006/006_1_2", (5562, 5588, 5632)),
    ):
        (roots[key] / folder).mkdir(parents=True)
        for number in n:
            (roots[key] / folder / f"{number}.jpg").touch()
    argv = ["import", str(table), "--output", str(tmp_path / "out"), "--frames"]
    given = [f"{key}={root}" for key, root in roots.items()]
    assert cli.main([*argv, *given]) == 0
    assert clip_table.read_manifest(tmp_path / "out/casme2.csv")[0].frames == "CASME2_RAW/sub01/EP02_01f"
    assert cli.main([*argv, *given, "--frames", f"samm={tmp_path}"]) == 1
    assert "--frames names samm twice" in capsys.readouterr().err
