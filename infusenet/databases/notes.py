"""What a table's rows give cause to say: repairs as warnings, bad rows as one error that lists all."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


class RowError(ValueError):
    """A bad row whose kind of finding is known (a key of ``audit.FINDINGS``)."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, order=True)
class Refused:
    """A row that is no clip: its number, its clip's name as far as it has one, and why."""

    row: int
    clip: str
    kind: str
    text: str


class Problems:
    """Bad rows of one file, gathered so that all are reported at once."""

    def __init__(self, path: Path | str):
        self.path = path
        self._found: list[Refused] = []

    def add(self, row: int, text: str, kind: str = "unreadable", clip: str = "") -> None:
        self._found.append(Refused(row, clip or f"row {row}", kind, text))

    @contextmanager
    def of(self, row: int, clip: str = "") -> Iterator[None]:
        """Whatever is refused inside becomes an entry for ``row``."""
        try:
            yield
        except (ValueError, InputError) as error:
            self.add(row, str(error), getattr(error, "kind", "unreadable"), clip)

    def raise_all(self, exclude: Collection[str] = ()) -> list[Refused]:
        """Raise if there is any but those of the kinds in ``exclude``, which are returned."""
        found = sorted(self._found)
        raise_all(
            (f"row {entry.row}: {entry.text}" for entry in found if entry.kind not in exclude),
            f"{self.path} refused",
        )
        return found
