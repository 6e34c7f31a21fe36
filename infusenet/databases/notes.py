"""What a table's rows give cause to say: repairs as warnings, bad rows as one error that lists all."""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infusenet.errors import InputError, raise_all

SHOWN = 5
FILE = "file"  # the kind of what concerns more than a row, which is no finding: it always refuses


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
    """What is bad in one file, gathered so that all is reported at once; row None: the whole file."""

    def __init__(self, path: Path | str):
        self.path = path
        self._found: list[Refused] = []

    def add(self, row: int | None, text: str, kind: str = "unreadable", clip: str = "") -> None:
        kind = FILE if row is None else kind
        self._found.append(Refused(row or 0, clip or f"row {row}", kind, text))

    @contextmanager
    def of(self, row: int | None, clip: str = "") -> Iterator[None]:
        """Whatever is refused inside becomes an entry for ``row``."""
        try:
            yield
        except (ValueError, InputError) as error:
            self.add(row, str(error), getattr(error, "kind", "unreadable"), clip)

    def raise_all(self, exclude: Collection[str] = ()) -> list[Refused]:
        """Raise if there is any but those of the kinds in ``exclude``, which are returned."""
        found = sorted(self._found)
        lines = (f"row {p.row}: {p.text}" if p.row else p.text for p in found if p.kind not in exclude)
        raise_all(lines, f"{self.path} refused")
        return found
