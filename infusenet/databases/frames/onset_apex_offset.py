"""The frame windows that a row may mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from infusenet.databases.clip_table import Clip
from infusenet.databases.rows import WINDOW, Numbering, Row
from infusenet.databases.workbooks.cells import frame_numbers, whole


@dataclass(frozen=True)
class Candidate:
    """A clip as one window and folder have it; ``row`` has the folder's name. ``notes`` are (kind,
    text) to be reported if it is taken."""

    clip: Clip
    rows: tuple[Row, ...]
    tree: str = ""
    own: bool = False
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def window(self) -> str:
        return f"{self.clip.onset}/{self.clip.apex}/{self.clip.offset}"


Pair = tuple[Row, Sequence[Candidate]]


def candidates(clip: Clip, row: Row, fix: Mapping[str, str], midpoint: bool) -> list[Candidate]:
    """The windows of a row in order of preference: CD6ME's, with the erratum ``fix``, then the owner's.

    Parameters
    ----------
    clip
        All but its frame numbers are taken from it.
    midpoint
        An apex without a number means the middle of onset and offset.

    Raises
    ------
    ValueError
        The first cannot be read; others that cannot are none.
    """
    fix = {name: fix[name] for name in WINDOW if name in fix}
    readable: list[Candidate] = []
    for numbering in row.numberings or (Numbering(row.window),):
        rows = tuple(_named(row, name) for name in numbering.names) or (row,)
        corrected = numbering.window | (fix if numbering.corrected else {})
        windows = [(corrected, numbering.own)]
        if corrected != numbering.window:
            windows.append((numbering.window, True))
        for window, own in windows:
            try:
                numbers, notes = _numbers(window, numbering.window, midpoint)
            except ValueError:
                if not readable:
                    raise
                continue
            readable.append(Candidate(replace(clip, **numbers), rows, numbering.tree, own, notes))
    return readable


def _named(row: Row, name: str) -> Row:
    return replace(row, clip=name, fields=row.fields | {"clip": name})


def _numbers(window: Mapping[str, str], before: Mapping[str, str], midpoint: bool):
    notes = [
        ("errata applied", f"{name} '{before[name]}' repaired to '{window[name]}' from the errata")
        for name in WINDOW
        if window[name] != before[name]
    ]
    if midpoint and not re.search("[0-9]", window["apex"]):
        ends = whole(window, "onset", "offset")
        middle = str((ends["onset"] + ends["offset"]) // 2)
        notes.append(("midpoint apex", f"apex '{window['apex']}' taken as {middle}, the middle"))
        window = {**window, "apex": middle}
    return frame_numbers(window), tuple(notes)
