"""Disks that are full, read-only or without locks. Mounts a small tmpfs, which needs permission."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from lab import Lab, TrialRow, wrong

from infusenet.hashing import file_digest
from infusenet.store import Store

ROOT = Path(__file__).parents[2]
NO_LOCKS = """
#include <errno.h>
int flock(int file, int how) { errno = ENOLCK; return -1; }
int lockf(int file, int how, long size) { errno = ENOLCK; return -1; }
"""


@contextmanager
def mounted(folder: Path, kilobytes: int):
    """A tmpfs of that size; yields True if it could be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def full(lab: Lab, count: int) -> list[TrialRow]:
    """Updates of a published store with less and less room beside it."""
    before, now = lab.folder("before") / "flow.h5", lab.folder("now") / "flow.h5"
    room = (before.stat().st_size + 3 * now.stat().st_size) // 1024 + 100
    ends, problems = [], []
    with mounted(lab.fresh("full"), room) as is_mounted:
        if not is_mounted:
            return [TrialRow("disk full", "not tried: mounting is not permitted", "", True)]
        output, ballast = lab.root / "full/flow.h5", lab.root / "full/ballast"
        lab.end(lab.start(lambda: lab.build("flow", output, "before")))
        # From the last block free (nothing can be written) to more room than an update needs.
        spare = room - sum(path.stat().st_blocks for path in output.parent.glob("*")) // 2 - 16
        for number in range(count):
            ballast.write_bytes(b"\0" * 1024 * (spare * (count - number) // count))
            status, text = lab.end(lab.start(lambda: lab.build("flow", output)), status=None)
            ends.append(status)
            problems += wrong(output, {lab.digests["flow", "before"], lab.digests["flow", "now"]})
            if status == 1 and ("No space left on device" not in text or len(text.splitlines()) > 1):
                problems.append(text)
            if status not in (0, 1):
                problems.append(f"status {status}: {text[-300:]}")
            if not output.exists():
                problems.append("the old store is lost")
            ballast.unlink()
            if status == 0:
                lab.end(lab.start(lambda: lab.build("flow", output, "before")))
        lab.end(lab.start(lambda: lab.build("flow", output)))
        if Store(output).sha256 != lab.digests["flow", "now"]:
            problems.append("another sha256 once there was room")
    return [
        TrialRow(
            "disk full during an update (tmpfs)",
            f"{count} amounts of free room",
            "; ".join(sorted(set(problems)))
            or f"{ends.count(1)} builds ended with one line, {ends.count(0)} had room enough; the store of "
            "before stayed whole; with room again the build went on to the undisturbed sha256",
            not problems and 1 in ends and 0 in ends,
        )
    ]


def read_only(lab: Lab) -> list[TrialRow]:
    with mounted(lab.fresh("readonly"), 4096) as is_mounted:
        if not is_mounted:
            return [TrialRow("read-only cache directory", "not tried: mounting is not permitted", "", True)]
        output = lab.root / "readonly/flow.h5"
        lab.end(lab.start(lambda: lab.build("flow", output, "before")))
        subprocess.run(["mount", "-o", "remount,ro", output.parent], check=True)
        status, text = lab.end(lab.start(lambda: lab.build("flow", output)), status=None)
        store = Store(output)
        readable = all(store.read("flow", clip).size for clip in store.clips)
        holds = status == 1 and len(text.splitlines()) == 1 and readable and not wrong(output, {store.sha256})
    return [
        TrialRow(
            "read-only cache directory",
            "1 update",
            "one line says so; the store stays readable" if holds else f"status {status}: {text}",
            holds,
        )
    ]


def no_locks(lab: Lab) -> list[TrialRow]:
    """A file system without locks: every call for one fails, as on some file servers."""
    folder, fault = lab.fresh("nolocks"), "file system without file locks (flock and lockf fail)"
    (folder / "nolocks.c").write_text(NO_LOCKS)
    compiler = ["cc", "-shared", "-fPIC", "-o", folder / "nolocks.so", folder / "nolocks.c"]
    if subprocess.run(compiler, check=False, capture_output=True).returncode:
        return [TrialRow(fault, "not tried: no C compiler", "", True)]
    env = os.environ | {"LD_PRELOAD": str(folder / "nolocks.so"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "infusenet.cli", "flow", lab.folder("now") / "faces.h5"]
    process = subprocess.run(
        [*command, "--output", folder / "flow.h5"], env=env, check=False, capture_output=True, text=True
    )
    holds = process.returncode == 0 and file_digest(folder / "flow.h5") == lab.digests["flow", "now"]
    outcome = "read faces.h5 and published flow.h5 with the usual sha256" if holds else process.stderr[-300:]
    return [TrialRow(fault, "1 build", outcome, holds)]
