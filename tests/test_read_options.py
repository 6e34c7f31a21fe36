"""Repairs on request, and `strict`."""

import re

import pytest
from owners import RELEASES, active, read

from infusenet import cli, csv_tables, databases
from infusenet.databases import Options, clip_table, errata
from infusenet.errors import InputError


def with_options(release, root, **options):
    clips = databases.read(release.key, *release.write(root), options=Options(**options))
    return {clip.key: clip for clip in clips}


@pytest.mark.parametrize("cell", ["/", None, "unclear"])
def test_midpoint_apex(cell, tmp_path, capsys):
    release = RELEASES["casme2"]()
    release.rows[0][" ApexFrame"] = cell
    clips = with_options(release, tmp_path, midpoint_apex=True)
    assert clips["01/EP02_01f"].apex == 53
    assert clips["04/EP12_01f"].apex == 279, "the errata come first"
    assert "taken as 53, the middle" in capsys.readouterr().err


def test_nearest_apex(tmp_path, capsys):
    release = RELEASES["mmew"]()
    for name in ("5.jpg", "6.jpg", "4.jpg"):
        release.folders["Micro_Expression/fear/S30-05-001"].remove(name)
    release.folders["Micro_Expression/happiness/S01-01-001"].remove("7.jpg")
    clips = with_options(release, tmp_path, nearest_apex=True)
    assert [clip.apex for clip in clips.values()] == [5, 28, 3], (
        "the earlier of two, and only where it must be"
    )
    assert "lacks apex 5; 3 taken, the nearest" in capsys.readouterr().err


def test_nearest_apex_stays_inside_the_clip(tmp_path):
    release = RELEASES["mmew"]()
    release.rows = [release.rows[2] | {"OnsetFrame": 4, "ApexFrame": 5, "OffsetFrame": 9}]
    release.folders = {"fear/S30-05-001": ["3.jpg", "6.jpg", "10.jpg"]}
    with pytest.raises(InputError, match="lacks onset 4, offset 9"):
        with_options(release, tmp_path, nearest_apex=True)


def test_blank_au(tmp_path, capsys):
    release = RELEASES["casme3a"]()
    release.rows[0]["AU"] = None
    clips = with_options(release, tmp_path, blank_au=True)
    assert (clips["spNO.1/e"].au, active(clips["spNO.1/e"].labels)) == ("", set())
    assert active(clips["spNO.1/e2"].labels) == {1, 2}
    assert "row 2: AU cell is blank; taken as no AU" in capsys.readouterr().err


def test_blank_au_leaves_the_columns_their_say(tmp_path):
    release = RELEASES["fourd"]()
    release.rows[0]["AUs"] = None
    assert active(with_options(release, tmp_path, blank_au=True)["S08/S08_008_01_1"].labels) == {1, 2, 12, 45}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("casme", ["tense", "contempt", "happiness"]),
        ("samm", ["anger", "others", "fear"]),
        ("fourd", ["surprise", "negative+repression", "negative"]),
        ("mmew", ["happiness", "repression", "fear"]),
    ],
)
def test_normalised_emotion_is_one_more_column(key, expected, tmp_path):
    clips = with_options(RELEASES[key](), tmp_path, normalised_emotion=True)
    assert [clip.normalised_emotion for clip in clips.values()] == expected
    plain = read(RELEASES[key](), tmp_path)
    assert [clip.emotion for clip in clips.values()] == [clip.emotion for clip in plain.values()]
    assert "normalised_emotion" not in clip_table.to_csv(list(plain.values()))
    (tmp_path / "out.csv").write_text(clip_table.to_csv(list(clips.values())))
    assert clip_table.read_manifest(tmp_path / "out.csv") == list(clips.values())
    assert "normalised_emotion" not in clip_table.to_csv(list(clips.values()), labels=False)


def casme2_of_cd6me():
    """256 rows with the cells that tell the updated coding, on frames with CD6ME's windows."""
    release = RELEASES["casme2"]()
    release.rows, release.folders = [], {}
    cells = {(row["subject"], row["clip"]): {} for row in table_of("casme2_rows") if row["releases"]}
    for row in table_of("casme2_rows"):
        if row["releases"] == "updated":
            cells[row["subject"], row["clip"]] |= {name: row[name] for name in ("onset", "apex", "offset")}
    for row in table_of("casme2_labels"):
        cells.setdefault((row["subject"], row["clip"]), {})[row["field"]] = row["cd6me"]
    cells |= {("20", f"EP99_{n}"): {} for n in range(256 - len(cells))}
    fixes = {(erratum.subject, erratum.clip): erratum.values for erratum in errata.load("casme2")}
    for (subject, clip), values in cells.items():
        values = {"onset": 1, "apex": 20, "offset": 400, "au": "12", "emotion": "others"} | values
        line = (subject, clip, *(values[name] for name in ("onset", "apex", "offset", "au", "emotion")))
        release.rows.append(dict(zip(filter(None, release.header), line, strict=True)))
        window = values | fixes.get((subject, clip), {})
        names = [f"img{window[name]}.jpg" for name in ("onset", "apex", "offset")]
        release.folders[f"CASME2-RAW/sub{subject}/{clip}"] = names
    return release


def table_of(name):
    return csv_tables.csv_rows(databases.CD6ME_TABLES / f"{name}.csv")[1]


def test_strict_takes_the_table_of_cd6me(tmp_path, capsys):
    clips = with_options(casme2_of_cd6me(), tmp_path, strict=True)
    assert len(clips) == 256
    assert "24/EP02_07" in clips
    assert "CD6ME was made of" not in capsys.readouterr().err


def test_strict_names_what_a_table_lacks(tmp_path, capsys):
    release = casme2_of_cd6me()
    release.rows = [row for row in release.rows if row["Filename"] != "EP02_07"]
    text = "255 rows, header in row 1: looks like a copy of the updated coding (256 rows, with 24/EP02_07), "
    text += "255 of its 256 rows; CD6ME was made of the updated coding (256 rows, with 24/EP02_07)"
    with pytest.raises(InputError, match=re.escape(f"refused: strict: {text}")):
        with_options(release, tmp_path, strict=True)
    capsys.readouterr()
    assert len(read(release, tmp_path)) == 255
    assert f"{text}\n" in capsys.readouterr().err


def test_strict_refuses_errata_without_a_clip(tmp_path):
    with pytest.raises(InputError) as caught:
        with_options(RELEASES["mmew"](), tmp_path, strict=True)
    assert "strict: 15 of 16 errata name clips that are not in the table: 13/S13-01-001" in str(caught.value)
    assert "none of the known releases; CD6ME was made of MMEW_Micro_Exp (300 rows)" in str(caught.value)


def test_strict_refuses_columns_that_contradict_but_for_the_known_row(tmp_path):
    release = RELEASES["fourd"]()
    release.rows[0]["AU7"] = 1
    with pytest.raises(InputError) as caught:
        with_options(release, tmp_path, strict=True)
    told = "row 2: strict: AU 'AUL1+2+12+45' but its 0/1 columns say AU1+AU2+AU7+AU12+AU45"
    assert str(caught.value).endswith(f"refused: {told}")


def test_options_from_the_command_line(tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.rows[0].update({"ApexFrame": None, "Action Units": None})
    annotations, frames = release.write(tmp_path)
    argv = ["read", "mmew", "--annotations", str(annotations), "--frames", str(frames)]
    argv += ["--output", str(tmp_path / "out.csv")]
    flags = ["--midpoint-apex", "--nearest-apex", "--blank-au", "--normalised-emotion"]
    assert cli.main([*argv, *flags]) == 0
    clip = clip_table.read_manifest(tmp_path / "out.csv")[1]
    assert (clip.emotion, clip.normalised_emotion) == ("others", "repression")
    assert cli.main([*argv, *flags, "--strict"]) == 1
    assert "strict: 3 rows" in capsys.readouterr().err
