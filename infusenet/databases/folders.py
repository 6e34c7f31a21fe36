"""Where each clip's frames lie under a database's frames root, and whether its key frames are there."""

from collections.abc import Sequence
from pathlib import Path

from infusenet.databases.frames import frame_index, resolve_folder
from infusenet.errors import InputError
from infusenet.manifest import Clip

# One folder below the root: its names, outermost first.
Parts = tuple[str, ...]


class ClipFolders:
    """One frames root; every folder in it is listed once."""

    def __init__(self, root: Path | str):
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(f"{root}: no such folder; expected the frames of a database")
        self._listed: dict[Path, dict] = {}
        self._indexes: dict[Path, dict[int, Path]] = {}

    def find(self, layouts: Sequence[Sequence[Parts]]) -> Path | None:
        """The folder of the first layout that is on disk; None where none is.

        ``layouts`` are in order of preference; each is a set of spellings of which one may exist.
        """
        for spellings in layouts:
            found = {resolve_folder(self.root, *parts, listed=self._listed) for parts in spellings} - {None}
            if len(found) > 1:
                raise InputError(f"{' and '.join(sorted(map(str, found)))} both match; expected one of them")
            if found:
                return found.pop()
        return None

    def relative(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def nearest_apex(self, folder: Path, clip: Clip) -> int:
        """The clip's frame on disk nearest to the apex, the earlier of two; the apex where there is none."""
        frames = (number for number in self._index(folder) if clip.onset <= number <= clip.offset)
        return min(frames, key=lambda number: (abs(number - clip.apex), number), default=clip.apex)

    def missing(self, folder: Path, clip: Clip) -> list[int]:
        """Numbers between onset and offset without a file; InputError if a key frame is among them."""
        index = self._index(folder)
        absent = [
            f"{name} {number}"
            for name, number in (("onset", clip.onset), ("apex", clip.apex), ("offset", clip.offset))
            if number not in index
        ]
        if absent:
            holds = f"frames {min(index)}..{max(index)}" if index else "no frames"
            raise InputError(f"{folder} lacks {', '.join(absent)}; it holds {holds}")
        return [number for number in range(clip.onset, clip.offset + 1) if number not in index]

    def _index(self, folder: Path) -> dict[int, Path]:
        if folder not in self._indexes:
            self._indexes[folder] = frame_index(folder)
        return self._indexes[folder]
