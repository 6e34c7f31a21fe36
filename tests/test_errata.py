"""The errata tables, and what reading with them changes."""

import pytest
from owners import RELEASES, read

from infusenet import databases
from infusenet.databases import clip_table, errata
from infusenet.databases.workbooks.au_strings import parse
from infusenet.errors import InputError
from infusenet.protocol import CD6ME


@pytest.mark.parametrize("key", CD6ME)
def test_errata_are_in_order_and_in_the_ids_form(key):
    table = errata.load(key)
    assert table
    for erratum in table:
        assert databases.reader(key).subject_id(erratum.subject) == erratum.subject
        assert clip_table.SAFE_ID.match(erratum.clip)
        assert erratum.values
        numbers = [int(erratum.values[n]) for n in ("onset", "apex", "offset") if n in erratum.values]
        assert numbers == sorted(numbers)
        if "au" in erratum.values:
            assert parse(erratum.values["au"]).active


def test_errata_twice_change_nothing(tmp_path, capsys):
    """Reading a release in which the errata have been applied gives the same clips, without a repair."""
    release = RELEASES["mmew"]()
    once = read(release, tmp_path / "once")
    release.rows[1].update(ApexFrame=28, OffsetFrame=61)
    capsys.readouterr()
    assert read(release, tmp_path / "twice") == once
    assert "repaired" not in capsys.readouterr().err


def test_errata_from_elsewhere(tmp_path):
    release = RELEASES["mmew"]()
    release.rows = release.rows[2:]
    columns = ",".join(errata.COLUMNS)
    (tmp_path / "mmew.csv").write_text(f"{columns}\n30,S30-05-001,,,,6,,,,seen in the frames\n")
    (clip,) = databases.read("mmew", *release.write(tmp_path), errata=tmp_path)
    assert clip.apex == 6
    for text, expected in (
        ("subject,clip\n", "expected subject, clip, row_onset"),
        (f"{columns}\n30,a,,,,6,,,,x\n30,a,,,,6,,,,x\n", "row 3: 30/a is a duplicate"),
        (f"{columns}\n30,a,,,,6,,,,\n", "names no source"),
    ):
        (tmp_path / "mmew.csv").write_text(text)
        with pytest.raises(InputError, match=expected):
            errata.load("mmew", tmp_path)


def test_the_folder_of_an_owner_s_clip_is_named_by_the_onset_in_errata_from_elsewhere(tmp_path):
    """CAS(ME)^3 names folders by the onset that it distributes, which a copy of the table may have corrected."""
    release = RELEASES["casme3a"]()
    release.rows = release.rows[2:3]  # spNO.14, film J, onset 8
    release.folders = {"spNo.14_j_108": release.folders["part_A/spNo.14/j/color"]}
    columns = ",".join(errata.COLUMNS)
    (tmp_path / "casme3a.csv").write_text(f"{columns}\nspNO.14,j,108,,8,,,,,seen in the frames\n")
    annotations, frames = release.write(tmp_path)
    (clip,) = databases.read("casme3a", annotations, frames, errata=tmp_path)
    assert (clip.frames, clip.onset) == ("spNo.14_j_108", 8)
    with pytest.raises(InputError, match="no folder spNO.14/J/color"):
        databases.read("casme3a", annotations, frames)
