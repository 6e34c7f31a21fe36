"""Which release of its owners' workbook a table looks like, by header, columns and rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infusenet.databases.workbook import Line


@dataclass(frozen=True)
class Sheet:
    """What tells releases apart: the row of the header, the other columns' names (lower case,
    letters and digits only), the number of annotated rows and their (subject, clip)."""

    header: int
    columns: frozenset[str]
    rows: int
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Release:
    """``holds`` recognises it. The first of a database's is the one behind CD6ME."""

    title: str
    holds: Callable[[Sheet], bool]


def rows(count: int) -> Callable[[Sheet], bool]:
    """A release that its number of rows tells."""
    return lambda sheet: sheet.rows == count


def sheet_of(lines: Sequence[Line], keys: Sequence[tuple[str, str]]) -> Sheet:
    """``lines`` are those of the annotated micro-expressions, ``keys`` their names where they have one."""
    if not lines:
        return Sheet(0, frozenset(), 0, frozenset())
    return Sheet(lines[0].number - 1, frozenset(lines[0].extra), len(lines), frozenset(keys))


def unexpected(releases: Sequence[Release], sheet: Sheet) -> str | None:
    """None for the release behind CD6ME; otherwise a sentence that says what it looks like."""
    title = next((release.title for release in releases if release.holds(sheet)), None)
    if title == releases[0].title:
        return None
    found = f"looks like {title}" if title else "none of the known releases"
    return f"{sheet.rows} rows, header in row {sheet.header}: {found}; CD6ME was made of {releases[0].title}"
