"""A file appears whole, on the disk and with the umask's mode, whoever wrote its bytes."""

import errno
import os
import stat
from pathlib import Path

import pytest

from infusenet.files import (
    aside,
    check_writable,
    folder_aside,
    note_sizes,
    noted_sizes,
    sentence,
    unnameable,
    write_if_changed,
)


@pytest.fixture(params=[0o002, 0o022, 0o077], ids="{:03o}".format)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_umask_decides_whatever_a_library_writes_with(tmp_path, umask):
    """safetensors writes a file of its own, 0600, and renames it; others open what they are given."""
    path = tmp_path / "new" / "a"
    with aside(path) as temporary:
        own = temporary.with_name("own")
        own.write_bytes(b"a")
        own.chmod(0o600)
        own.replace(temporary)
    write_if_changed(tmp_path / "new" / "b", "b")
    with folder_aside(tmp_path / "new" / "c") as folder:
        (folder / "d").write_bytes(b"d")
    assert {mode(file) for file in (path, path.with_name("b"), tmp_path / "new/c/d")} == {0o666 & ~umask}
    assert {mode(path.parent), mode(tmp_path / "new/c")} == {0o777 & ~umask}


def test_what_is_published_is_on_the_disk(tmp_path, monkeypatch):
    """The bytes before the name, the name before the end."""
    steps, fsync, replace = [], os.fsync, os.replace

    def note_fsync(handle):
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        steps.append(path.name.partition(".")[0] or path.suffix)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append("rename"), replace(a, b)))
    assert write_if_changed(tmp_path / "a.csv", "a\n")
    assert steps == [".tmp", "rename", tmp_path.name.partition(".")[0]]
    assert not write_if_changed(tmp_path / "a.csv", "a\n")
    assert len(steps) == 3, "what is there already is left alone"


@pytest.mark.parametrize("whole", [aside, folder_aside])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, whole):
    def fail():
        with whole(tmp_path / "a") as temporary:
            (temporary / "b" if temporary.is_dir() else temporary).write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_sizes_of_all_jobs(tmp_path):
    for name, text in (("a.csv", "1234\n"), ("b.md", "1\n"), ("c.png", "")):
        (tmp_path / name).write_text(text)
    note_sizes(tmp_path, ("a.csv", "b.md"))
    note_sizes(tmp_path, ("c.png",))
    assert noted_sizes(tmp_path) == {tmp_path / "a.csv": 5, tmp_path / "b.md": 2, tmp_path / "c.png": 0}
    assert noted_sizes(tmp_path / "not there") == {}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"),
            "a/b: No such file or directory",
        ),
        (
            FileNotFoundError("No such file or directory: c"),
            "FileNotFoundError: No such file or directory: c",
        ),
        (PermissionError(), "PermissionError"),
        (OSError(errno.EIO, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    ],
)
def test_errors_of_the_system_are_printed_as_what_they_are(error, expected):
    assert sentence(error) == expected


@pytest.mark.parametrize("text", ["abc", "数据", "\ud800"])
def test_text_that_could_not_be_encoded_for_another_reason_is_a_defect(text):
    with pytest.raises(UnicodeEncodeError, match="reason"):
        unnameable(UnicodeEncodeError("ascii", text, 0, 1, "reason"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError) as caught:
        check_writable(tmp_path / "a/b")
    assert f"{tmp_path / 'a/b'}: Permission denied: {tmp_path} is of user " in sentence(caught.value)
