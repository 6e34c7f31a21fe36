"""A full, read-only or failing disk: one line says so, and nothing that was there is lost."""

import gc
import os
import resource
import subprocess
from functools import partial

import pytest
from filling import CLIPS, builder, fill, work

from infusenet.errors import InputError
from infusenet.files import READ_ONLY, explained
from infusenet.hashing import file_digest
from infusenet.store import Store, folder_of
from infusenet.store.verify import verify

FULL = "not built: No space left on device; free disk space and run again; finished parts are kept"
OTHERS = [(clip, f"{int(key, 16) + 1000:064x}") for clip, key in CLIPS]


@pytest.fixture
def disk(tmp_path):
    """A file system of 600 kB: room for two stores of these clips, not for three."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def others(output, trace=None):
    return fill(output, partial(work, keys=dict(OTHERS), trace=trace), clips=OTHERS)


def test_a_disk_that_is_full_at_many_moments(disk, tmp_path):
    """Less and less room: a build ends well or in a sentence, and leaves whole files alone."""
    output, ballast = disk / "flow.h5", disk / "ballast"
    reference, ends = fill(tmp_path / "flow.h5"), []
    for kilobytes in range(0, 600, 40):
        ballast.write_bytes(b"x" * 1024 * kilobytes)
        try:
            ends.append(fill(output) == reference)
        except InputError as error:
            ends.append(str(error))
        assert not list(disk.rglob("*.tmp"))
        for store in folder_of(output).glob("*.h5"):
            assert file_digest(store) == store.stem
            store.unlink()
        output.unlink(missing_ok=True)
        gc.collect()  # the error holds open what has been deleted
    assert set(ends) == {True, f"{output}: {FULL}"}


def test_a_full_disk_loses_neither_the_old_store_nor_finished_parts(disk, tmp_path):
    output, ballast, trace = disk / "flow.h5", disk / "ballast", tmp_path / "trace"
    before = fill(output)
    used = sum(path.stat().st_blocks for path in {output, *disk.iterdir()}) // 2
    ballast.write_bytes(b"x" * 1024 * (600 - used - 60))
    with pytest.raises(InputError, match=FULL):
        others(output)
    assert file_digest(output) == before == Store(output).sha256
    assert not verify(output)
    ballast.unlink()
    others(output, trace)
    assert 0 < len(trace.read_text().split()) < len(CLIPS)


@pytest.mark.parametrize("limit", [100, 3000, 20_000, 30_000, 100_000, 120_000])
def test_a_write_that_fails_ends_in_one_line(tmp_path, limit):
    """The system refuses larger files, here: HDF5 itself crashes on such an error."""
    output = tmp_path / "flow.h5"
    before = fill(output)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(InputError, match="not built: File too large"):
            others(output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file_digest(output) == before == Store(output).sha256


def test_a_builder_on_a_full_disk_prints_one_line(disk):
    output = disk / "flow.h5"
    (disk / "ballast").write_bytes(b"x" * 1024 * 540)
    process = builder(output, {"processes": 2})
    said = process.communicate()[1]
    assert (process.returncode, said) == (1, f"infusenet: {output}: {FULL}\n")


def test_a_read_only_folder(disk):
    output = disk / "flow.h5"
    before = fill(output)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(InputError) as caught:
        others(output)
    assert str(caught.value).startswith(f"{output}: not built: Read-only file system (")
    assert str(caught.value).endswith(f"; {READ_ONLY}")
    store = Store(output)
    assert file_digest(output) == before == store.sha256
    store.read("flow", CLIPS[0][0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match="not built: Permission denied"):
        fill(tmp_path / "flow.h5")


def test_an_error_that_is_no_disk_trouble_keeps_its_traceback(tmp_path):
    with pytest.raises(OSError, match="h5py"), explained(tmp_path):
        raise OSError("something in h5py")
