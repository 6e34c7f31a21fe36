"""The builder's lock on a store: a file beside it that says who builds.

Network file systems often lack file locks or only pretend to have them, so nothing but an exclusive
creation and a rename is asked of them. The file names host, process and the process's start time. A
holder that died on this host is replaced at once. Of a holder on another host only its beats are
seen (it touches the file while it works); when they stop, a person decides. A lock can therefore be
lost: whoever holds it asks `Lock.check` right before publishing anything.
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

POLL, BEAT = 0.5, 15.0
# Twelve missed beats, and longer than a network file system keeps old times in its cache.
PATIENCE = 180.0
# What a file system without hard links says to one.
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
        found = _look(self.path)
        if not found:  # a waiter that took it for a dead one's puts it back at once
            time.sleep(POLL)
            found = _look(self.path)
        if not found or found[0] != self._text:
            raise InputError(
                f"{self.target}: this builder lost its lock to {_named(found[0]) if found else 'nobody'}; "
                "it publishes nothing. Run it again to see what the other one made"
            )

    def acquire(self) -> None:
        """Wait for the lock and take it.

        Raises
        ------
        InputError
            A holder on another host gave no sign of life for PATIENCE seconds.
        """
        seen = said = None
        while not self._create():
            found = _look(self.path)
            if found is None:
                continue
            text = found[0]
            if found != seen:
                seen, since = found, time.monotonic()
            local = _claim(text).get("host") == socket.gethostname()
            if local and not _alive(_claim(text)):
                print(f"{self.target}: its builder ({_named(text)}) is dead; taking over", file=sys.stderr)
                self._clear(text)
                self.waited = False
                continue
            if not local and time.monotonic() - since > PATIENCE:
                raise InputError(
                    f"{self.target}: locked by {_named(text)}, which gave no sign of life for "
                    f"{time.monotonic() - since:.0f} s. If nothing builds there any more: "
                    f"rm {shlex.quote(str(self.path))}"
                )
            if text != said:
                print(f"{self.target}: being built by {_named(text)}; waiting for it", file=sys.stderr)
                said = text
            self.waited = True
            time.sleep(POLL)

    def release(self) -> None:
        """Give the lock back, unless it is another's by now."""
        found = _look(self.path)
        if found and found[0] == self._text:
            self.path.unlink(missing_ok=True)

    def beat(self, stop: threading.Event) -> None:
        """Show waiters on other hosts that this process lives, until ``stop``."""
        while not stop.wait(BEAT):
            with suppress(OSError):  # a file server that is away for a moment
                found = _look(self.path)
                if not found or found[0] != self._text:
                    return
                os.utime(self.path)

    def _create(self) -> bool:
        """Take the lock if it is free. A link to a finished file puts it there whole or not at all."""
        if self.path.exists():
            return False
        whole = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            _write(whole, self._text)
            try:
                os.link(whole, self.path)
            except (FileExistsError, FileNotFoundError):  # the holder's sweep may have taken ours away
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
        locked anew, so it is moved away first and moved back if it is not the one that was seen."""
        away = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.tmp")
        with suppress(FileNotFoundError):
            os.rename(self.path, away)
            if away.read_text() == text:
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
        lock.check()  # files go missing when another builder, who got the lock, sweeps them away
        raise
    finally:
        stop.set()
        beats.join()
        lock.release()


def _write(path: Path, text: str) -> None:
    with open(path, "x") as file:
        file.write(text)


def _look(path: Path) -> tuple[str, int] | None:
    """The lock's text and time; None where there is no lock."""
    try:
        return path.read_text(), path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _claim(text: str) -> dict:
    """What a lock says; nothing if its holder was killed while writing it."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _named(text: str) -> str:
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
