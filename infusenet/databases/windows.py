"""The frame windows that a row may mean, and which of them is on disk."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from infusenet.databases.cells import frame_numbers, whole
from infusenet.databases.folders import ClipFolders, RootError
from infusenet.databases.notes import FILE, Notes, Problems, RowError
from infusenet.databases.options import Options
from infusenet.databases.rows import WINDOW, Numbering, Row
from infusenet.errors import InputError
from infusenet.manifest import Clip


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
    found: list[Candidate] = []
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
                if not found:
                    raise
                continue
            found.append(Candidate(replace(clip, **numbers), rows, numbering.tree, own, notes))
    return found


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


def tree_of(pairs: Iterable[Pair], find: Callable[[Candidate], Path | None], folders: ClipFolders) -> str:
    """The kind of numbering that a frames root has, decided once for all rows; empty if nothing tells.

    A folder with a clip's name is on disk in each of them, but holds other frames, so it must not be
    decided clip by clip. Of two that hold as many clips it is the later: only long clips hold both.
    """
    counts: Counter[str] = Counter()
    for _, found in pairs:
        trees = {candidate.tree: candidate for candidate in found if candidate.tree and not candidate.own}
        for tree, candidate in trees.items() if len(trees) > 1 else ():
            counts.setdefault(tree, 0)
            with suppress(InputError):
                folder = find(candidate)
                counts[tree] += folder is not None and not _absent(folders, folder, candidate.clip)
    if not counts.total():
        return ""
    return max(reversed(counts), key=counts.__getitem__)


def _absent(folders: ClipFolders, folder: Path, clip: Clip) -> bool:
    try:
        folders.missing(folder, clip)
    except InputError:
        return True
    return False


def located(
    reader, pairs: Sequence[Pair], folders: ClipFolders, notes: Notes, problems: Problems, options: Options
) -> list[Clip]:
    """The clips with their folders: of each row's candidates the first whose key frames are all on disk.

    ``reader`` is a `core.Reader`. Rows without any go to ``problems``, with what the first lacks.
    """

    def find(candidate: Candidate) -> Path | None:
        return next(filter(None, (folders.find(reader.folders(row)) for row in candidate.rows)), None)

    clips, lost = [], []
    astray: dict[str, list[str]] = {}
    tree = tree_of(pairs, find, folders)
    for row, found in pairs:
        with problems.of(row.place, row.key):
            allowed = [candidate for candidate in found if not tree or candidate.tree in ("", tree)]
            try:
                match = _first_on_disk(allowed, find, folders, options)
            except RootError as error:
                astray.setdefault(str(error), []).append(row.key)
                continue
            if match is None:
                layouts = reader.folders(allowed[0].rows[0])
                expected = " or ".join("/".join(spellings[0]) for spellings in layouts)
                text = f"clip {row.key}: no folder {expected} in {folders.root}{folders.hint(layouts)}"
                lost.append((row, text))
                continue
            candidate, clip, folder, gaps = match
            _note(row, candidate, clip, folder, found[0], notes)
            if gaps and not reader.gaps:
                shown = ", ".join(map(str, gaps[:5])) + (", ..." if len(gaps) > 5 else "")
                notes.add("frames missing", row.place, f"clip {clip.key}: {folder} lacks {shown}")
            clips.append(replace(clip, frames=folders.relative(folder)))
    for text, keys in astray.items():
        problems.add(None, f"{text} ({len(keys)} clips, the first is {keys[0]})")
    for text in folders.mixed():
        problems.add(None, text)
    if len(lost) == len(pairs) > 1:  # one sentence for what is one mistake, and never a way to exclude
        row, text = lost[0]
        more = f"nor that of any other clip; is this the frames root of {reader.database}?"
        problems.add(row.place, f"{text}, {more}", FILE)
        return []
    for row, text in lost:
        problems.add(row.place, text, "missing_key_frame", row.key)
    return clips


def _note(row: Row, candidate: Candidate, clip: Clip, folder: Path, first: Candidate, notes: Notes) -> None:
    """What is to be reported about the candidate that was taken."""
    for kind, text in candidate.notes:
        notes.add(kind, row.place, text)
    if clip.apex != candidate.clip.apex:
        text = f"lacks apex {candidate.clip.apex}; {clip.apex} taken, the nearest"
        notes.add("nearest apex", row.place, f"clip {clip.key}: {folder} {text}")
    if candidate.own:
        where = "not on disk" if first.tree == candidate.tree else "in another numbering than the frames"
        text = f"CD6ME's window {first.window} is {where}; the owner's own {candidate.window} taken"
        notes.add("owner's window", row.place, f"clip {clip.key}: {text}")
        notes.find(clip.key, "owner_window", text)
