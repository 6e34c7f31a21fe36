"""The builder's lock on a store: a file beside it that names the process that builds.

Network file systems often lack file locks or only pretend to have them, so the lock needs nothing but
exclusive creation and rename. The file names the host, the process and its start time. A lock of a
dead process on this host is replaced at once. A process on another host is visible only by its beats
(it touches the file while it works); when they stop, a person decides. A lock can therefore be lost,
so its holder calls `Lock.check` right before it publishes anything.
"""

import errno
import json
import os
import secrets
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from infusenet.errors import InputError
from infusenet.json_notes import parse

POLL, BEAT = 0.5, 15.0
# Twelve missed beats, and longer than a network file system keeps old times in its cache.
PATIENCE = 180.0
CLAIM = {"host": str, "pid": int, "started": int | float, "since": str}
# Errors of a file system without hard links when a link is made.
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


class Lock:
    """This process's claim to be the only builder of ``target``."""

    def __init__(self, target: Path):
        self.target = Path(target)
        self.path = self.target.with_name(f".{self.target.name}.lock")
        claim = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "token": secrets.token_hex(8),
        }
        self._text = json.dumps(claim)
        self.waited = False  # for another builder, which then finished

    def check(self) -> None:
        """Raise InputError if the lock is no longer this process's."""
        state = _look(self.path)
        if not state:  # a waiter that took it for the lock of a dead process puts it back at once
            time.sleep(POLL)
            state = _look(self.path)
        if not state or state[0] != self._text:
            loss = (
                f"lost its lock to {_describe(state[0])}" if state else "has no lock any more: it was removed"
            )
            raise InputError(
                f"{self.target}: this job {loss}, so it publishes nothing. Run the command again; a file that "
                "another job made in the meantime is then used"
            )

    def acquire(self) -> None:
        """Wait for the lock and take it.

        Raises
        ------
        InputError
            A holder on another host gave no sign of life for PATIENCE seconds.
        """
        previous = reported = None
        while not self._create():
            state = _look(self.path)
            if state is None:
                continue
            text = state[0]
            if state != previous:
                previous, since = state, time.monotonic()
            local = _claim(text).get("host") == socket.gethostname()
            if local and not _alive(_claim(text)):
                print(f"{self.target}: its builder ({_describe(text)}) is dead; taking over", file=sys.stderr)
                self._clear(text)
                self.waited = False
                continue
            if not local and time.monotonic() - since > PATIENCE:
                raise InputError(
                    f"{self.target}: locked by {_describe(text)}, which gave no sign of life for "
                    f"{time.monotonic() - since:.0f} s. If nothing builds there any more: "
                    f"rm {shlex.quote(str(self.path))}"
                )
            if text != reported:
                print(f"{self.target}: being built by {_describe(text)}; waiting for it", file=sys.stderr)
                reported = text
            self.waited = True
            time.sleep(POLL)

    def release(self) -> None:
        """Give the lock back, unless another process has it by now."""
        state = _look(self.path)
        if state and state[0] == self._text:
            self.path.unlink(missing_ok=True)

    def beat(self, stop: threading.Event) -> None:
        """Show waiters on other hosts that this process lives, until ``stop``."""
        while not stop.wait(BEAT):
            with suppress(OSError):  # a file server that is away for a moment
                state = _look(self.path)
                if not state or state[0] != self._text:
                    return
                os.utime(self.path)

    def _create(self) -> bool:
        """Take the lock if it is free. A link to a finished file appears whole or not at all."""
        if self.path.exists():
            return False
        whole = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            _write(whole, self._text)
            try:
                os.link(whole, self.path)
            except (FileExistsError, FileNotFoundError):  # the holder's sweep may have removed our file
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                return self._create_without_links()
        finally:
            whole.unlink(missing_ok=True)
        return True

    def _create_without_links(self) -> bool:
        try:
            _write(self.path, self._text)
        except FileExistsError:
            return False
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
        return True

    def _clear(self, text: str) -> None:
        """Remove a dead holder's lock. Between look and removal another waiter may have done so and
        locked anew, so it is moved away first, and moved back if it is another lock."""
        away = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.tmp")
        with suppress(FileNotFoundError):
            os.rename(self.path, away)
            if _text(away) == text:
                away.unlink()
            else:
                os.rename(away, self.path)


@contextmanager
def hold(target: Path) -> Iterator[Lock]:
    """Be the only builder of ``target``: waits for another one, with a message."""
    lock = Lock(target)
    lock.target.parent.mkdir(parents=True, exist_ok=True)
    lock.acquire()
    stop = threading.Event()
    beats = threading.Thread(target=lock.beat, args=(stop,), daemon=True)
    beats.start()
    try:
        yield lock
    except (FileNotFoundError, InputError):
        lock.check()  # another builder that took the lock removes temporary files
        raise
    finally:
        stop.set()
        beats.join()
        lock.release()


def _write(path: Path, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)


def _look(path: Path) -> tuple[str, int] | None:
    """The lock's text and time; None where there is no lock."""
    try:
        return _text(path), path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")  # a damaged lock is an unknown process's


def _claim(text: str) -> dict:
    """The content of a lock; empty if its holder was killed while writing it, or the file is damaged."""
    return parse(text, CLAIM) or {}


def _describe(text: str) -> str:
    claim = _claim(text)
    return f"pid {claim['pid']} on {claim['host']}, since {claim['since']}" if claim else "an unknown process"


def _alive(claim: dict) -> bool:
    """Whether the holder, on this host, still runs. Its start time tells it from a later process of
    the same pid; psutil derives that from the clock, which may have been set since."""
    try:
        process = psutil.Process(claim["pid"])
        same = abs(process.create_time() - claim["started"]) < 2
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return _is_hidden(claim["pid"])
    except psutil.AccessDenied:
        return True


def _is_hidden(pid: int) -> bool:
    """Whether another account's process has this number: some machines hide those from /proc."""
    try:
        os.kill(pid, 0)  # sends nothing
    except PermissionError:
        return True
    except OSError:
        return False
    return False
