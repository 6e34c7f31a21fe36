"""The folder of each clip under a database's frames root, and the frames that it lacks."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from infusenet.databases.clip_table import Clip, numbered
from infusenet.databases.frames.folder_listings import Listings, is_utf8, resolve_folder
from infusenet.databases.frames.frame_files import explain, frame_index
from infusenet.errors import InputError, Missing
from infusenet.texts import plain, visible

# One folder below the root: its names, outermost first.
Parts = tuple[str, ...]

# How far below the root the folder may lie in which a layout starts: three levels of unpacked archives.
LEVELS = 3
# Folders that hold other things than frames of micro-expressions, under the names of the clips.
OTHER_MATERIAL = frozenset(("depth", "macro_expression"))


class Unnamed(tuple):
    """Parts that do not say the subject, so that they are sure only for a clip's name that is unique."""


class RootError(InputError):
    """The fault concerns the frames root and not one clip."""


class ClipFolders:
    """One frames root; every folder in it is listed once.

    ``names`` are those of all clips of the table, unreadable rows included, for layouts that do not
    say the subject.
    """

    def __init__(self, root: Path | str, names: Iterable[str] = ()):
        self.root = Path(root)
        if not self.root.is_dir():
            raise Missing(f"{root}: no such folder; expected the frames of a database")
        self._names = Counter(name.lower() for name in names)
        self._listings = Listings()
        self._starts: dict[str, dict[str, Path]] = {}
        self._indexes: dict[Path, dict[int, Path]] = {}

    def find(self, layouts: Sequence[Sequence[Parts]]) -> Path | None:
        """The folder of the first layout that is on disk; None where none is.

        ``layouts`` are in order of preference; each is a set of spellings of which one may exist. All are
        first looked for in the root and in what was unpacked twice over; only then further down.

        Raises
        ------
        RootError
            Further down, several folders hold the clip; or the name of a folder on the way is no UTF-8.
        InputError
            Two spellings exist, or an `Unnamed` one that is not sure.
        """
        for search in (self._in_root, self._further_down):
            for spellings in layouts:
                matches = [(start, folder, parts) for parts in spellings for start, folder in search(parts)]
                if matches:
                    return self._only(matches)
        return None

    def _in_root(self, parts: Parts) -> Iterator[tuple[Path, Path]]:
        """The folder in which the layout starts, and the clip's."""
        if folder := resolve_folder(self.root, *parts, listings=self._listings):
            yield folder.parents[len(parts) - 1], folder

    def _further_down(self, parts: Parts) -> Iterator[tuple[Path, Path]]:
        """The same for every folder that has the first part and is not inside another folder that has it."""
        holders = self._holders(parts[0])
        for start in sorted(holders):
            if holders.isdisjoint(start.parents) and (folder := self._listings.below(start, parts)):
                yield start, folder

    def _holders(self, part: str) -> set[Path]:
        """Folders down to `LEVELS` with a sub-folder of that name."""
        if "*" not in part:
            return self._parents.get(part.lower(), set())
        return {
            path for name, paths in self._parents.items() if fnmatchcase(name, part.lower()) for path in paths
        }

    @cached_property
    def _parents(self) -> dict[str, set[Path]]:
        """Name of a folder in lower case -> the folders that hold one of that name."""
        parents: dict[str, set[Path]] = {}
        level = [self.root]
        for _ in range(LEVELS + 1):
            deeper = []
            for folder in level:
                for name, paths in self._listings.of(folder).items():
                    if name not in OTHER_MATERIAL:
                        parents.setdefault(name, set()).add(folder)
                        deeper += paths
            level = deeper
        return parents

    def _only(self, matches: list[tuple[Path, Path, Parts]]) -> Path:
        """The one folder among (start, folder, parts)."""
        starts = sorted({start for start, _, _ in matches})
        folders = sorted({folder for _, folder, _ in matches})
        # A link is no second folder. Looked up only in doubt: this runs for every clip.
        if len(folders) > 1 and len({os.path.realpath(folder) for folder in folders}) > 1:
            if len(starts) > 1:
                raise RootError(
                    f"{_names(starts)} hold the same clips; expected one folder of the database, so name one "
                    "of them as its frames root"
                )
            raise InputError(f"{_names(folders)} both match; expected one of them")
        folder = folders[0]
        names = folder.relative_to(self.root).parts
        for depth, name in enumerate(names, start=1):
            if not is_utf8(name):
                raise RootError(
                    f"{visible(str(self.root.joinpath(*names[:depth])))}: '{visible(name)}' is no UTF-8, so no "
                    "table can hold it; rename it"
                )
        for start, _, parts in matches:
            if isinstance(parts, Unnamed):
                self._refuse_namesakes(folder)
            if len(parts) > 1 and "*" not in parts[0]:
                self._starts.setdefault(self.relative(folder), {})[parts[0]] = start
        return folder

    def _refuse_namesakes(self, folder: Path) -> None:
        """A folder that does not say the subject is taken if no other row or folder has its name."""
        others = sorted(start / folder.name for start in self._holders(folder.name))
        if self._names[folder.name.lower()] != 1 or len(others) > 1:
            raise InputError(
                f"{visible(str(folder))} does not say the subject, and the name {folder.name} is that of "
                f"{self._names[folder.name.lower()]} rows and {len(others)} folders, so it may be another "
                "subject's; expected the owners' folders, a subject each"
            )

    def mixed(self, clips: Iterable[Clip]) -> Iterator[str]:
        """A sentence for every subject's (or emotion's) folder of which clips lie in more than one place."""
        places: dict[str, Counter[Path]] = {}
        for clip in clips:
            for part, start in self._starts.get(clip.frames, {}).items():
                places.setdefault(part, Counter())[start] += 1
        for part, starts in places.items():
            if len({os.path.realpath(start) for start in starts}) > 1:
                counts = (f"{visible(str(start))} ({starts[start]} clips)" for start in sorted(starts))
                yield (
                    f"clips of '{part}' were found in {' and '.join(counts)}; expected one folder of the "
                    "database, so name one of them as its frames root"
                )

    def hint(self, layouts: Sequence[Sequence[Parts]]) -> str:
        """A possible reason why `find` returned None: names that only look right, dead links, closed folders."""
        names = {part.lower() for spellings in layouts for parts in spellings for part in parts}
        alike = [name for part in sorted(names) for name in self._alike.get(part, ())]
        hints = [
            f"a folder '{visible(name)}' has other characters than it shows: rename it" for name in alike
        ]
        ways = dict.fromkeys(parts[:n] for s in layouts for parts in s for n in range(1, len(parts) + 1))
        paths = (os.path.join(self.root, *way) for way in ways)
        links = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
        hints += [f"{visible(path)} is a link without a folder behind it" for path in links]
        return "".join(f"; {text}" for text in (*hints, *self._listings.unreadable))

    @cached_property
    def _alike(self) -> dict[str, list[str]]:
        """A plain name -> names of folders that look like it and are not."""
        names: dict[str, list[str]] = {}
        for name in sorted(self._parents):
            if (plain_name := plain(name)) != name:
                names.setdefault(plain_name, []).append(name)
        return names

    def relative(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def nearest_apex(self, folder: Path, clip: Clip) -> int:
        """The clip's frame on disk nearest to the apex, the earlier of two; the apex where there is none."""
        frames = (number for number in self._index(folder) if clip.onset <= number <= clip.offset)
        return min(frames, key=lambda number: (abs(number - clip.apex), number), default=clip.apex)

    def missing_key_frames(self, folder: Path, clip: Clip) -> dict[str, int]:
        """Name -> number of those of onset, apex and offset that have no file."""
        return clip.missing_key_frames(self._index(folder))

    def gaps(self, folder: Path, clip: Clip) -> list[int]:
        """Numbers between the key frames without a file.

        Raises
        ------
        Missing
            A key frame has no file.
        InputError
            Like `frame_index`.
        """
        index = self._index(folder)
        if missing := clip.missing_key_frames(index):
            extent = f"; it holds frames {min(index)}..{max(index)}" if index else ""
            reason = explain(folder, missing.values())
            raise Missing(f"{visible(str(folder))} lacks {numbered(missing)}{extent}{reason}")
        return clip.gaps(index)

    def _index(self, folder: Path) -> dict[int, Path]:
        if folder not in self._indexes:
            self._indexes[folder] = frame_index(folder)
        return self._indexes[folder]


def _names(paths: Sequence[Path]) -> str:
    return " and ".join(visible(str(path)) for path in paths)
