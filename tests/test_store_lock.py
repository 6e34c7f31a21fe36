"""One builder a store, whatever dies, waits, or loses its claim."""

import json
import multiprocessing
import os
import shlex
import socket
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import psutil
import pytest
from filling import CLIPS, builder, fill, work

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import Store, lock, sidecar_of
from infusenet.store.lock import Lock, hold


@pytest.fixture
def output(tmp_path):
    return tmp_path / "flow.h5"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lock, "POLL", 0.01)
    monkeypatch.setattr(lock, "PATIENCE", 0.1)


def locked(output, **claim):
    """A lock that somebody else left or holds."""
    path = Lock(output).path
    words = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    path.write_text(json.dumps(words | {"since": "2026-01-01 00:00:00 +0000", "token": "0"} | claim))
    return path


@pytest.fixture
def reference(tmp_path):
    (tmp_path / "reference").mkdir()
    return fill(tmp_path / "reference/flow.h5")


def test_two_builders_from_two_working_directories(tmp_path, reference):
    """The second waits with a message, finds the store finished and computes nothing."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "other").mkdir()
    traces, brake = [tmp_path / "trace0", tmp_path / "trace1"], tmp_path / "brake"
    brake.touch()
    first = builder("cache/flow.h5", cwd=tmp_path, trace=str(traces[0]), brake=str(brake))
    while not Lock(tmp_path / "cache/flow.h5").path.exists():
        assert first.poll() is None
        time.sleep(0.01)
    second = builder("../cache/flow.h5", cwd=tmp_path / "other", trace=str(traces[1]))
    said = second.stderr.readline()
    assert f"being built by pid {first.pid} on {socket.gethostname()}" in said
    assert "waiting for it" in said
    brake.unlink()
    more = [process.communicate()[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), more
    assert traces[0].read_text().split() == [clip for clip, _ in CLIPS]
    assert not traces[1].exists()
    assert file_digest(tmp_path / "cache/flow.h5") == reference == Store(tmp_path / "cache/flow.h5").sha256


def test_who_waited_takes_the_failures_over(tmp_path, output, quick):
    lost, traces = (CLIPS[3][0],), [tmp_path / "trace0", tmp_path / "trace1"]
    skip = {"failed": "skip"}
    first = builder(output, skip, pause=0.01, bad=lost, trace=str(traces[0]))
    while not traces[0].exists():
        assert first.poll() is None
        time.sleep(0.01)
    fill(output, partial(work, bad=lost, trace=traces[1]), **skip)
    first.communicate()
    assert first.returncode == 0
    assert not traces[1].exists()
    assert [failure.clip for failure in Store(output).failures] == list(lost)


def count(folder, rounds):
    """Read, think, write: only right if no two processes do it at once."""
    lock.POLL = 0.002
    for _ in range(rounds):
        with hold(folder / "flow.h5"):
            number = int((folder / "number").read_text())
            time.sleep(0.002)
            (folder / "number").write_text(str(number + 1))


def test_never_two_at_once(tmp_path, output):
    (tmp_path / "number").write_text("0")
    locked(output, started=1.0)
    processes = [multiprocessing.Process(target=count, args=(tmp_path, 12)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "number").read_text() == "48"
    assert {path.name for path in tmp_path.iterdir()} == {"number"}, "no lock and no temporary file is left"


@pytest.mark.parametrize(
    "claim", [{"pid": 2**22 - 1}, {"started": 1.0}], ids=["ended", "another process's pid"]
)
def test_a_dead_holder_is_replaced(output, quick, capsys, claim):
    locked(output, **claim)
    with hold(output):
        pass
    assert "is dead; taking over" in capsys.readouterr().err


def test_a_killed_holder_is_replaced(output, quick):
    script = f"from infusenet.store.lock import hold; import os\nwith hold({str(output)!r}): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], check=False)
    assert Lock(output).path.exists()
    with hold(output) as held:
        held.check()


def test_a_command_that_its_cluster_ends_gives_its_lock_back(output):
    script = f"""
import os, signal, sys, types
from infusenet import cli
from infusenet.store.lock import hold
def build(faces, output, *_, **__):
    with hold(output):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
sys.modules["infusenet.preprocess.flow"] = types.SimpleNamespace(build=build)
sys.argv = ["infusenet", "flow", "faces.h5", "--output", {str(output)!r}]
sys.exit(cli.main())
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 143
    assert not Lock(output).path.exists()


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b'{"host": 7}', b'{"pid": "7"}', b"\0\0", b"\xff\xfe"])
def test_a_damaged_lock_is_an_unknown_process_s(output, quick, text):
    Lock(output).path.write_bytes(text)
    with pytest.raises(InputError, match="locked by an unknown process, which gave no sign of life.*: rm "):
        fill(output)


def test_a_silent_holder_elsewhere_is_reported_with_the_command_that_clears_it(output, quick, capsys):
    path = locked(output, host="elsewhere", pid=7)
    with pytest.raises(InputError, match="locked by pid 7 on elsewhere, since 2026-01-01") as caught:
        fill(output)
    assert path.exists()
    assert not output.exists()
    command = str(caught.value).rpartition(": ")[2]
    assert shlex.split(command) == ["rm", str(path)]
    subprocess.run(command, shell=True, check=True)
    fill(output)


def test_a_holder_elsewhere_that_gives_signs_of_life_is_waited_for(output, monkeypatch):
    """An hour of waiting on a clock of its own, with a beat every minute."""
    path, clock = locked(output, host="elsewhere", pid=7), 0.0

    def sleep(seconds):
        nonlocal clock
        clock += 60
        if clock < 3600:
            os.utime(path, (clock, clock))
        else:
            path.unlink()

    held = Lock(output)
    monkeypatch.setattr(lock, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock))
    held.acquire()
    assert held.waited
    assert clock == 3600


def test_a_holder_gives_signs_of_life(output, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.01)
    with hold(output) as held:
        os.utime(held.path, (0, 0))
        patience = time.monotonic() + 20
        while held.path.stat().st_mtime == 0 and time.monotonic() < patience:
            time.sleep(0.01)
        assert held.path.stat().st_mtime > 0


@pytest.mark.parametrize("moment", [0, 20, 69])
def test_an_orphan_that_lost_its_lock_never_publishes(output, quick, moment):
    """As after a night's sleep of the machine: another host's builder was let in meanwhile."""

    def robbed(clips):
        for clip, item in zip(clips, work(clips), strict=True):
            if clip == CLIPS[moment][0]:
                locked(output, host="elsewhere", pid=7)
            yield item

    with pytest.raises(InputError, match="lost its lock to pid 7 on elsewhere"):
        fill(output, robbed)
    assert not output.exists()
    assert not sidecar_of(output).exists()
    assert json.loads(Lock(output).path.read_text())["host"] == "elsewhere", "the other one's lock stays"


def test_a_lock_that_somebody_removed_is_lost_too(output, quick):
    def unlocked(clips):
        Lock(output).path.unlink(missing_ok=True)
        yield from work(clips)

    with pytest.raises(InputError, match="has no lock any more: it was removed"):
        fill(output, unlocked)
    assert not output.exists()


def test_a_cleared_lock_that_was_taken_again_is_put_back(output):
    """Two waiters see a dead holder; the slower one must not throw out the faster one."""
    dead = locked(output, started=1.0).read_text()
    slow, fast = Lock(output), Lock(output)
    fast.acquire()
    slow._clear(dead)
    fast.check()


def test_without_hard_links(output, monkeypatch, quick):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    locked(output, started=1.0)
    with hold(output) as held:
        held.check()
        assert not Lock(output)._create()
    assert not held.path.exists()


def test_no_file_lock_is_asked_for(tmp_path, reference):
    """A file system that knows no locks: every call for one fails."""
    library, source = tmp_path / "nolocks.so", tmp_path / "nolocks.c"
    source.write_text(
        "#include <errno.h>\n#include <stdarg.h>\n"
        "int flock(int file, int how) { errno = ENOLCK; return -1; }\n"
        "int lockf(int file, int how, long size) { errno = ENOLCK; return -1; }\n"
    )
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False).returncode:
        pytest.skip("needs a C compiler")
    output = tmp_path / "flow.h5"
    process = builder(output, env={"LD_PRELOAD": str(library)})
    process.communicate()
    assert process.returncode == 0
    assert file_digest(output) == reference
    script = (
        "import sys, h5py; from infusenet.store import Store\n"
        "try: h5py.File(sys.argv[1]); sys.exit('locks work here')\n"
        "except OSError: store = Store(sys.argv[1]); store.read('flow', store.clips[0])"
    )
    env = os.environ | {"LD_PRELOAD": str(library)}
    assert subprocess.run([sys.executable, "-c", script, output], check=False, env=env).returncode == 0


def test_another_account_s_builder_that_cannot_be_seen_is_alive(output, quick, monkeypatch):
    """Mounted with hidepid, /proc shows an account only its own processes; a signal tells them from none."""

    def hidden(pid):
        raise psutil.NoSuchProcess(pid)

    def forbidden(pid, signal):
        raise PermissionError

    claim = {"host": socket.gethostname(), "pid": os.getppid(), "started": 0}
    monkeypatch.setattr(lock.psutil, "Process", hidden)
    assert not lock._alive(claim | {"pid": 2**22 + 1}), "there is none of this number"
    monkeypatch.setattr(lock.os, "kill", forbidden)
    assert lock._alive(claim)
