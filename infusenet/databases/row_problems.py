"""Reports on a table's rows: repairs as warnings, bad rows as one error that lists them all."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from infusenet.databases.audit import Finding
from infusenet.errors import InputError, report
from infusenet.texts import first_few

SHOWN = 5
FILE = "file"  # a problem of more than one row: no finding with a policy, it always refuses the source


class Place(NamedTuple):
    """The place of a row in its sheet. ``file`` is the table's name, empty where only one table is read."""

    row: int
    file: str = ""

    def __str__(self) -> str:
        return f"{self.file} row {self.row}".lstrip()


class Notes:
    """Repairs and oddities in one source; ``show`` prints a few lines of each kind.

    ``findings`` are those on clips that are kept, for the audit; ``corrected`` {subject/clip: the fields
    that an erratum sets}.
    """

    def __init__(self, origin: str):
        self.origin = origin
        self.findings: list[Finding] = []
        self.corrected: dict[str, frozenset[str]] = {}
        self._kinds: dict[str, list[tuple[Place, str]]] = {}

    def add(self, kind: str, place: Place, text: str) -> None:
        self._kinds.setdefault(kind, []).append((place, text))

    def find(self, clip: str, kind: str, detail: str) -> None:
        """Keep for the audit that ``clip`` (subject/clip) has a finding; ``kind`` is one of its kinds."""
        self.findings.append(Finding(clip, kind, detail))

    def show(self) -> None:
        for kind, entries in self._kinds.items():
            for place, text in entries[:SHOWN]:
                self.say(f"{place}: {text}")
            if more := [str(place).removeprefix("row ") for place, _ in entries[SHOWN:]]:
                self.say(f"{kind} in {len(more)} more rows: {first_few(more, 20)}")

    def say(self, text: str, level: str = "warning") -> None:
        print(f"{level}: {self.origin}: {text}", file=sys.stderr)


class RowError(ValueError):
    """A bad row with its kind of finding, a key of ``audit.FINDINGS``."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, order=True)
class RefusedRow:
    """A row that is no clip: its place, its clip's name as far as it has one, kind of finding, reason."""

    file: str
    row: int
    clip: str
    kind: str
    text: str


class Refusal(InputError):
    """A source is refused. Without the rows named in ``clips`` it would be read; none where that would not help."""

    def __init__(self, text: str, clips: Sequence[str]):
        super().__init__(text)
        self.clips = list(clips)


class Problems:
    """The problems of one source, gathered so that all are reported at once.

    A problem without a place concerns the whole source.
    """

    def __init__(self, path: Path | str):
        self.path = path
        self._refused: list[RefusedRow] = []

    def add(self, place: Place | None, text: str, kind: str = "unreadable", clip: str = "") -> None:
        if place is None:
            self._refused.append(RefusedRow("", 0, "", FILE, text))
        else:
            self._refused.append(RefusedRow(place.file, place.row, clip or str(place), kind, text))

    @contextmanager
    def of(self, place: Place | None, clip: str = "") -> Iterator[None]:
        """An error raised inside becomes an entry for the row at ``place``."""
        try:
            yield
        except (ValueError, InputError) as error:
            self.add(place, str(error), getattr(error, "kind", "unreadable"), clip)

    def raise_all(self, exclude: Collection[str] = ()) -> list[RefusedRow]:
        """Return the refused rows; raise `Refusal` if one is of no kind and no clip in ``exclude``."""
        refused = sorted(self._refused)
        bad = [r for r in refused if r.kind == FILE or not {r.kind, r.clip} & set(exclude)]
        if bad:
            texts = (f"{Place(r.row, r.file)}: {r.text}" if r.row else r.text for r in bad)
            clips = [] if FILE in {r.kind for r in bad} else [r.clip for r in bad]
            raise Refusal(report(texts, f"{self.path} refused"), clips)
        return refused
