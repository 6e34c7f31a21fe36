"""The streams of a command: a log beside stderr, text that a terminal cannot show, readers that are gone."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READER_GONE = 128 + signal.SIGPIPE  # as a shell reports a program that this signal ended


class Tee:
    """stderr that also writes a log file; progress bars (which return the carriage) stay out of it."""

    def __init__(self, stream, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.stream, self.file = stream, open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115

    def write(self, text: str) -> int:
        if "\r" not in text:
            self.file.write(text)
            self.file.flush()
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


@contextmanager
def quiet_pipes() -> Iterator[None]:
    """Exit with `READER_GONE`, without a word, where nobody reads stdout or stderr any more (``| head``).

    All output is flushed inside: in the interpreter's own last flush an error cannot be caught.
    """
    try:
        try:
            yield
        except SystemExit:  # its message is printed by now
            _flush()
            raise
        _flush()
    except BrokenPipeError:
        closed = [stream for stream in (sys.stdout, sys.stderr) if _has_no_reader(stream)]
        if not closed:  # another pipe, such as a worker process's
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in closed:
            os.dup2(nowhere, stream.fileno())
        sys.exit(READER_GONE)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _has_no_reader(stream) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
