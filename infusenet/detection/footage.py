"""Footage: the numbered frames of a folder or of a video, upright RGB, read whole or one at a time."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from infusenet.databases.frames.folder_listings import trouble
from infusenet.databases.frames.frame_files import explain, frame_index
from infusenet.databases.frames.frame_names import IMAGE_SUFFIXES
from infusenet.errors import InputError, Missing
from infusenet.files import check_readable
from infusenet.preprocess.images import read_frames, read_in_order
from infusenet.texts import first_few


class Footage(ABC):
    """Frames by number, from a place that ``path`` names in messages.

    ``name``: the file's stem or the folder's name, as outputs show it; no number depends on it. ``rate``: frames
    per second, None where nothing tells.
    """

    def __init__(self, path: Path, name: str, rate: float | None = None):
        self.path, self.name, self.rate = path, name, rate

    @property
    @abstractmethod
    def numbers(self) -> Sequence[int]:
        """The frame numbers in ascending order."""

    @abstractmethod
    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """Every frame in order, one at a time: its number, and uint8 (H, W, 3), RGB, upright.

        Raises
        ------
        InputError
            A frame cannot be read, or differs from the first one in size or orientation.
        """

    def read(self, numbers: Iterable[int]) -> dict[int, np.ndarray]:
        """Some frames by number, each uint8 (H, W, 3), RGB, upright.

        Raises
        ------
        InputError
            No such frame, one that cannot be read, or frames of different sizes.
        """
        wanted = sorted(set(numbers))
        present = set(self.numbers)
        if missing := [str(number) for number in wanted if number not in present]:
            raise InputError(f"{self.path}: no frame {first_few(missing, 5)}; its frames are {self.span}")
        return self._read(wanted)

    @property
    def span(self) -> str:
        """The first and the last frame number, for a message."""
        return f"{self.numbers[0]}..{self.numbers[-1]}"

    @abstractmethod
    def _read(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        """Some frames that are there, their numbers ascending."""


class FrameFolder(Footage):
    """A folder of JPEG, PNG or BMP files, numbered as their names say (`infusenet.databases.frames.frame_files`)."""

    def __init__(self, path: Path):
        super().__init__(path, Path(os.path.abspath(path)).name)
        self._index = frame_index(path)
        if not self._index:
            raise InputError(
                f"{path}: {explain(path, ()).removeprefix('; ')}; expected JPEG, PNG or BMP files with the frame's "
                "number in the name, or the path of a video file"
            )

    @property
    def numbers(self) -> Sequence[int]:
        return list(self._index)

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        return read_in_order(self._index)

    def _read(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        return read_frames({number: self._index[number] for number in numbers})


def open_footage(path: Path | str) -> Footage:
    """The footage of a folder of frames or of a video file.

    Raises
    ------
    InputError
        Nothing at ``path``, a folder without frames, a file that is no video, or PyAV is not installed.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return FrameFolder(path)
        if not path.is_file():
            found = "neither a file nor a folder" if path.exists() else "no such file or folder"
            raise Missing(f"{path}: {found}; expected a folder of frames or a video file")
        check_readable(path)
    except OSError as error:
        raise InputError(trouble(path, error)) from None
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(
            f"{path}: a single picture; expected the folder of the clip's frames, or a video file"
        )
    if not path.stat().st_size:
        raise InputError(f"{path}: an empty file; copy the video again")
    from infusenet.detection.video import Video  # imported here alone: PyAV is an extra

    return Video(path)
