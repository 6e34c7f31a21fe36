"""The folder and the window of each row's clip: of all that the row may mean, the one that is on disk."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from infusenet.databases.audit import MISSING_KEY_FRAME
from infusenet.databases.clip_table import Clip
from infusenet.databases.frames.clip_folders import ClipFolders, RootError
from infusenet.databases.frames.onset_apex_offset import Candidate, Pair
from infusenet.databases.read_options import Options
from infusenet.databases.row_problems import FILE, Notes, Problems, RowError
from infusenet.databases.rows import Row
from infusenet.errors import InputError
from infusenet.texts import first_few


def located(
    reader, pairs: Sequence[Pair], folders: ClipFolders, notes: Notes, problems: Problems, options: Options
) -> list[Clip]:
    """The clips with their folders: of each row's candidates the first whose key frames are all on disk.

    ``reader`` is a `database_reader.Reader`. Rows without any go to ``problems``, with what the first lacks.
    """

    def find(candidate: Candidate) -> Path | None:
        return next(filter(None, (folders.find(reader.folders(row)) for row in candidate.rows)), None)

    clips, nowhere = [], []
    astray: dict[str, list[str]] = {}
    tree = _tree(pairs, find, folders)
    for row, candidates in pairs:
        with problems.of(row.place, row.key):
            allowed = [candidate for candidate in candidates if not tree or candidate.tree in ("", tree)]
            if not tree:  # where nothing tells, the numbers of a long clip hold in a folder that has both
                allowed.sort(key=lambda candidate: candidate.tree != row.tree)
            try:
                match = _first_on_disk(allowed, find, folders, options)
            except RootError as error:
                astray.setdefault(str(error), []).append(row.key)
                continue
            if match is None:
                layouts = reader.folders(allowed[0].rows[0])
                expected = " or ".join(dict.fromkeys("/".join(spellings[0]) for spellings in layouts))
                text = f"clip {row.key}: no folder {expected} in {folders.root}{folders.hint(layouts)}"
                nowhere.append((row, text))
                continue
            candidate, clip, folder, gaps = match
            _note(row, candidate, clip, folder, candidates[0], notes)
            if gaps and not reader.gaps:
                text = f"clip {clip.key}: {folder} lacks {first_few(gaps, 5)}"
                notes.add("frames missing", row.place, text)
            clips.append(replace(clip, frames=folders.relative(folder)))
    for text, keys in astray.items():
        problems.add(None, f"{text} ({len(keys)} clips, the first is {keys[0]})")
    for text in folders.mixed(clips):
        problems.add(None, text)
    if len(nowhere) == len(pairs) > 1:  # one sentence for what is one mistake, and never a way to exclude
        row, text = nowhere[0]
        more = f"nor that of any other clip; is this the frames root of {reader.database}?"
        problems.add(row.place, f"{text}, {more}", FILE)
        return []
    for row, text in nowhere:
        problems.add(row.place, text, MISSING_KEY_FRAME, row.key)
    return clips


def _tree(pairs: Iterable[Pair], find: Callable[[Candidate], Path | None], folders: ClipFolders) -> str:
    """The kind of numbering that a frames root has, decided once for all rows; empty if nothing tells.

    A folder with a clip's name is on disk in each of them, but holds other frames, so it must not be
    decided clip by clip, but by counting those that lie at different numbers in each. A folder that holds both
    windows counts for the later: it is a long clip. Of two that hold as many it is the first: where clips
    were cut out, the folders that have the long ones' names may hold as many frames.
    """
    counts: Counter[str] = Counter()
    for _, candidates in pairs:
        trees = {
            candidate.tree: candidate for candidate in candidates if candidate.tree and not candidate.own
        }
        shifted = len({candidate.window for candidate in trees.values()}) > 1
        votes = {}
        for tree, candidate in trees.items() if shifted else ():
            counts.setdefault(tree, 0)
            # A folder that is in doubt or cannot be listed votes for nothing; `located` reports it.
            with suppress(InputError):
                folder = find(candidate)
                if folder is not None and not folders.missing_key_frames(folder, candidate.clip):
                    votes[folder] = tree
        counts.update(votes.values())
    return max(counts, key=counts.__getitem__) if counts.total() else ""


def _first_on_disk(
    candidates: Sequence[Candidate],
    find: Callable[[Candidate], Path | None],
    folders: ClipFolders,
    options: Options,
) -> tuple[Candidate, Clip, Path, list[int]] | None:
    """The first candidate whose key frames are on disk: its clip, folder, and missing frames.

    None if the first has no folder, RowError with what its folder lacks, where none is on disk.
    """
    errors: list[RowError | None] = []
    for candidate in candidates:
        if (folder := find(candidate)) is None:
            errors.append(None)
            continue
        clip = candidate.clip
        try:
            if options.nearest_apex:
                clip = replace(clip, apex=folders.nearest_apex(folder, clip))
            return candidate, clip, folder, folders.gaps(folder, clip)
        except InputError as error:
            errors.append(RowError(MISSING_KEY_FRAME, f"clip {clip.key}: {error}"))
    if errors[0]:
        raise errors[0]
    return None


def _note(row: Row, candidate: Candidate, clip: Clip, folder: Path, first: Candidate, notes: Notes) -> None:
    """Note in ``notes`` all that is to be reported about the chosen candidate."""
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
