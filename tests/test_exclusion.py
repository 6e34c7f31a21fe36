"""Clips left out by name: what a refusal says to put into the configuration does what it says."""

from pathlib import Path

import pytest
import yaml
from owners import RELEASES, numbered

from infusenet.config import configuration
from infusenet.databases import audit
from infusenet.databases import sync as index
from infusenet.databases.clip_table import Clip, read_manifest, to_csv
from infusenet.errors import InputError
from infusenet.protocol import AUS

FOLDER = "CASME2-RAW/sub01/EP02_01f"


class Project:
    """A configuration in which CASME II comes from a workbook, and what the workflow makes of it."""

    def __init__(self, root, release, **settings):
        annotations, frames = release.write(root)
        self.root, self.settings = root, {"reader": "casme2", **settings}
        self.settings |= {"annotations": str(annotations), "frames": str(frames)}

    def sync(self):
        policies = audit.policies(None)
        index.sync_database("mine", self.settings, self.root / "manifests", self.root / "cache", policies, {})
        return [clip.key for clip in read_manifest(self.root / "manifests/mine.csv")]

    def refusal(self):
        with pytest.raises(InputError) as caught:
            self.sync()
        return str(caught.value)

    def follow(self, text):
        """Put the last line of a message into the database's block."""
        assert "put into the block `mine` under `databases` of workflow/config.yaml" in text.splitlines()[-2]
        self.settings |= yaml.safe_load(text.splitlines()[-1])

    @property
    def audited(self):
        return audit.read_table(self.root / "cache/mine/audit.csv")


def broken(**rows):
    """CASME II with a fourth clip that is sound; ``rows`` {row: changes}."""
    release = RELEASES["casme2"]()
    release.rows.append(release.rows[0] | {"Filename": "EP02_02"})
    release.folders["CASME2-RAW/sub01/EP02_02"] = numbered("img{}.jpg", 40, 70)
    return release


def without_folder(release):
    del release.folders[FOLDER]
    return ["01/EP02_01f"]


def without_key_frame(release):
    release.folders[FOLDER].remove("img46.jpg")
    return ["01/EP02_01f"]


def with_bad_rows(release):
    release.rows[0]["Action Units"] = "1215"
    release.rows[2]["Subject"] = "x"
    return ["01/EP02_01f", "row 4"]


def with_all(release):
    release.rows.append(release.rows[3] | {"Action Units": "12, 14"})
    without_folder(release)
    release.rows[1][" ApexFrame"], release.rows[1]["Filename"] = "/", "EP12_02"
    return ["01/EP02_01f", "04/EP12_02", "row 6"]


@pytest.mark.parametrize("harm", [without_folder, without_key_frame, with_bad_rows, with_all])
def test_the_line_that_a_refusal_ends_with(harm, tmp_path):
    release = broken()
    names = harm(release)
    project = Project(tmp_path, release)
    told = project.refusal()
    assert told.endswith(f"      exclude: [{', '.join(names)}]")
    project.follow(told)
    kept = project.sync()
    assert len(kept) == len(release.rows) - len(names)
    assert not set(kept) & set(names)
    assert set(project.audited.excluded) == set(names)
    assert project.audited.annotated == {*kept, *names}, "annotated = kept + excluded"
    assert project.sync() == kept, "taken over as it is"


def test_a_second_refusal_keeps_the_first_names(tmp_path):
    release = broken()
    without_folder(release)
    project = Project(tmp_path, release)
    project.follow(project.refusal())
    project.sync()
    (tmp_path / "frames/CASME2-RAW/sub01/EP02_02/img61.jpg").unlink()
    project.settings["fps"] = 200  # any change of the block reads the table again
    told = project.refusal()
    assert told.endswith("exclude: [01/EP02_01f, 01/EP02_02]")
    project.follow(told)
    assert project.sync() == ["04/EP12_01f", "05/EP05_03"]


def test_what_the_audit_stops_can_be_left_out_by_name(tmp_path):
    """Of two clips with the same frames either; and no other clip is called a duplicate of one left out."""
    frames = tmp_path / "frames"
    for clip in "abc":
        (frames / clip).mkdir(parents=True)
        for number in range(1, 4):
            (frames / clip / f"{number}.jpg").write_text(f"{'a' if clip == 'b' else clip}{number}")
    (frames / "c/2.jpg").unlink()
    labels = dict.fromkeys(AUS, 0)
    clips = [Clip("mine", "s1", name, 1, 2, 3, name, labels=labels) for name in "abc"]
    (tmp_path / "mine.csv").write_text(to_csv(clips))
    project = Project(tmp_path / "x", broken())
    project.settings = {"manifest": str(tmp_path / "mine.csv"), "frames": str(frames)}
    told = project.refusal()
    assert "s1/b: duplicate: its frames are those of mine s1/a" in told
    assert told.endswith("exclude: [s1/b, s1/c]")
    project.follow(told)
    assert project.sync() == ["s1/a"]
    assert "missing_key_frame: c lacks apex 2" in project.audited.excluded["s1/c"]
    project.settings["exclude"] = ["s1/a", "s1/c"]
    assert project.sync() == ["s1/b"]


def test_names_that_no_clip_has(tmp_path):
    project = Project(tmp_path, broken(), exclude=["01/EP02_01", "row 99"])
    told = project.refusal()
    assert "databases.mine.exclude (2):" in told
    assert "no clip '01/EP02_01' (did you mean '01/EP02_0" in told
    assert "no clip 'row 99'" in told


def test_what_concerns_the_whole_table_cannot_be_left_out(tmp_path):
    release = broken()
    release.folders |= {
        name.replace("CASME2-RAW", "Cropped"): files for name, files in release.folders.items()
    }
    told = Project(tmp_path, release).refusal()
    assert "hold the same clips" in told
    assert "exclude:" not in told


def test_the_setting_is_part_of_the_configuration(tmp_path):
    raw = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    sources = {name: {"manifest": f"{name}.csv", "frames": name} for name in ("one", "two")}
    raw["databases"] = sources | {"one": sources["one"] | {"exclude": ["s1/c1", "row 7"]}}
    assert configuration.settle(raw)["databases"]["one"]["exclude"] == ["s1/c1", "row 7"]
    raw["databases"]["one"]["exclude"] = "s1/c1"
    with pytest.raises(InputError, match="databases.one.exclude"):
        configuration.settle(raw)
