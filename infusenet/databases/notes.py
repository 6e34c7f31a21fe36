"""What a table's rows give cause to say: repairs as warnings, bad rows as one error that lists all."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infusenet.errors import InputError, raise_all

SHOWN = 5


class Notes:
    """What was repaired or looks odd in one file; ``show`` prints it, a few lines for each kind."""

    def __init__(self, origin: str):
        self.origin = origin
        self._kinds: dict[str, list[tuple[int, str]]] = {}

    def add(self, kind: str, row: int, text: str) -> None:
        self._kinds.setdefault(kind, []).append((row, text))

    def show(self) -> None:
        for kind, entries in self._kinds.items():
            for row, text in entries[:SHOWN]:
                self.say(f"row {row}: {text}")
            if more := [str(row) for row, _ in entries[SHOWN:]]:
                rows = ", ".join(more[:20]) + (", ..." if len(more) > 20 else "")
                self.say(f"{kind} in {len(more)} more rows: {rows}")

    def say(self, text: str, level: str = "warning") -> None:
        print(f"{level}: {self.origin}: {text}", file=sys.stderr)


class Problems:
    """What is bad in one file, gathered so that all is reported at once; row None: the whole file."""

    def __init__(self, path: Path | str):
        self.path = path
        self._found: list[tuple[int | None, str]] = []

    def add(self, row: int | None, text: str) -> None:
        self._found.append((row, text))

    @contextmanager
    def of(self, row: int | None) -> Iterator[None]:
        """Whatever is refused inside becomes an entry for ``row``."""
        try:
            yield
        except (ValueError, InputError) as error:
            self.add(row, str(error))

    def raise_all(self) -> None:
        found = sorted(self._found, key=lambda entry: entry[0] or 0)
        lines = (text if row is None else f"row {row}: {text}" for row, text in found)
        raise_all(lines, f"{self.path} refused")
