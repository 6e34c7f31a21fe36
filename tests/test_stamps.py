"""Stamps: a store's digests are computed again only when its file has changed."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filling import fill

from infusenet.config.configuration import STAMPS
from infusenet.hashing import file_digest
from infusenet.store import Store, stamps
from infusenet.store.provenance import identity
from infusenet.store.verify import verify


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A store whose file counts as settled at once."""
    monkeypatch.setattr(stamps, "SETTLED", 0)
    monkeypatch.delenv(STAMPS, raising=False)
    fill(tmp_path / "cache" / "flow.h5")
    time.sleep(0.01)
    return tmp_path / "cache" / "flow.h5"


class Count:
    """A digest that counts how often it is computed."""

    def __init__(self, path):
        self.path, self.count = path, 0

    def __call__(self):
        self.count += 1
        return file_digest(self.path)


def flip(path, place=-1):
    """Flip a bit and give the file its old modification time again."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_digest_is_computed_once_for_each_state_of_the_file(path):
    compute = Count(path)
    assert stamps.stamped(path, "sha256", compute) == Store(path).sha256
    assert stamps.stamped(path, "sha256", compute) == Store(path).sha256
    assert compute.count == 1
    time.sleep(0.01)
    flip(path)
    assert stamps.stamped(path, "sha256", compute) != Store(path).sha256, "same size, mtime and inode"
    assert compute.count == 2
    copy = path.with_name("copy.h5")
    shutil.copy2(path, copy)
    shutil.copy2(path.with_name(".flow.h5.stamp"), path.with_name(".copy.h5.stamp"))
    stamps.stamped(copy, "sha256", compute)
    assert compute.count == 3, "a stamp that was copied along is of another inode"


def test_the_digests_of_one_file_share_its_stamp(path, monkeypatch):
    first = identity(Store(path))
    stamps.stamped(path, "sha256", Count(path))
    monkeypatch.setattr("infusenet.store.provenance.content", lambda store: pytest.fail("computed again"))
    assert identity(Store(path)) == first
    assert {name.name for name in path.parent.glob(".*.stamp")} == {".flow.h5.stamp"}


def test_a_file_that_changed_just_now_gets_no_stamp(path, monkeypatch):
    monkeypatch.setattr(stamps, "SETTLED", 3600)
    stamps.stamped(path, "sha256", Count(path))
    assert not list(path.parent.glob(".*.stamp"))


@pytest.mark.parametrize("text", ["", "null", '{"file": [1, 2, 3]}', '{"file": [1, 2, 3, 4], "digests": 1}'])
def test_a_damaged_stamp_counts_as_absent(path, text):
    path.with_name(".flow.h5.stamp").write_text(text)
    compute = Count(path)
    for _ in range(2):
        assert stamps.stamped(path, "sha256", compute) == Store(path).sha256
    assert compute.count == 1


def test_verify_reads_every_byte_whatever_a_stamp_says(path):
    stamps.stamped(path, "sha256", Count(path))
    time.sleep(0.01)
    flip(path)
    stamp = path.with_name(".flow.h5.stamp")
    note = stamps.read_note(stamp, stamps.FORM)
    stamp.write_text(stamps.json.dumps(note | {"file": stamps._facts(path)}))  # as if no time had changed
    assert stamps.stamped(path, "sha256", None) == Store(path).sha256
    assert any("not the bytes that were published" in defect.text for defect in verify(path))


def test_a_store_in_a_read_only_folder_has_its_stamp_under_the_results(path, tmp_path, monkeypatch):
    def refuse(place, text):
        if place.parent == path.parent:
            raise PermissionError(13, "Permission denied", str(place))
        return real(place, text)

    real = stamps.write_if_changed
    monkeypatch.setattr(stamps, "write_if_changed", refuse)
    compute = Count(path)
    stamps.stamped(path, "sha256", compute)
    stamps.stamped(path, "sha256", compute)
    assert compute.count == 2, "no place for it"
    monkeypatch.setenv(STAMPS, str(tmp_path / "results" / ".stamps"))
    stamps.stamped(path, "sha256", compute)
    stamps.stamped(path, "sha256", compute)
    assert compute.count == 3
    assert len(list((tmp_path / "results" / ".stamps").iterdir())) == 1


def test_many_writers_at_once_leave_a_whole_stamp(path):
    def write(number):
        return stamps.stamped(path, f"digest{number % 4}", lambda: f"{number % 4}" * 5000)

    with ThreadPoolExecutor(8) as executor:
        results = list(executor.map(write, range(200)))
    assert results == [f"{number % 4}" * 5000 for number in range(200)]
    assert stamps.read_note(path.with_name(".flow.h5.stamp"), stamps.FORM) is not None
    assert not list(path.parent.glob(".*.tmp"))
