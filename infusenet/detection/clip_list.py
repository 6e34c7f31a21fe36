"""The clips of a command: their footage, key frames where they are given, and their names in outputs."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.errors import did_you_mean, raise_all
from infusenet.texts import visible

COLUMNS = ("path", "onset", "apex", "offset")
LONGEST = 150  # bytes of a file's stem; most file systems take names of 255 bytes
INDEX = "index"


@dataclass(frozen=True)
class ClipRequest:
    """Footage and the frame numbers of an expression in it.

    ``onset`` and ``apex`` are None where they are to be spotted; ``offset`` is None for the last frame.
    """

    path: Path
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None

    @property
    def key_frames(self) -> tuple[int | None, ...]:
        return self.onset, self.apex, self.offset

    @property
    def is_spotted(self) -> bool:
        return self.onset is None


def read_clips(path: Path, spot: bool = False) -> list[ClipRequest]:
    """The clips of a CSV with the columns path, onset, apex and, where it likes, offset.

    Paths are relative to the CSV's folder. With ``spot``, onset and apex may be empty or lack their columns.

    Raises
    ------
    InputError
        No such file or no CSV (`infusenet.csv_tables.csv_rows`), columns that are missing or unknown, no row, and
        bad cells: all at once.
    """
    columns, rows = csv_rows(path)
    needed = COLUMNS[:1] if spot else COLUMNS[:3]
    problems = [
        f"column '{visible(name)}' {did_you_mean(name, COLUMNS)}" for name in columns if name not in COLUMNS
    ]
    problems += [f"no column '{name}'" for name in needed if name not in columns]
    raise_all(problems, f"{path}: columns refused; expected path, onset, apex and, where you like, offset")
    requests = []
    for number, row in enumerate(rows, start=2):
        request, texts = _request(path.parent, row, spot)
        requests.append(request)
        problems += [f"row {number}: {text}" for text in texts]
    if not rows:
        problems.append("no row; expected one per clip")
    raise_all(problems, f"{path} refused")
    return requests


def _request(folder: Path, row: dict[str, str], spot: bool) -> tuple[ClipRequest, list[str]]:
    """A row's clip and the faults of its cells."""
    problems = [] if row["path"].strip() else ["path is empty, expected a folder of frames or a video file"]
    numbers = {}
    for name in COLUMNS[1:]:
        if text := row.get(name, "").strip():
            if re.fullmatch(r"[0-9]+", text, re.ASCII):
                numbers[name] = int(text)
            else:
                problems.append(f"{name} is '{visible(text)}', expected a frame number")
    if not problems:
        problems += window_problems(list(numbers), spot, "write both, or give --spot")
    return ClipRequest(folder / row["path"].strip(), **numbers), problems


def window_problems(names: Sequence[str], spot: bool, remedy: str) -> list[str]:
    """A sentence where an onset or apex is missing; ``names`` of the key frames that are given."""
    missing = [name for name in ("onset", "apex") if name not in names]
    if not missing or (spot and not names):
        return []
    return [f"no {' and no '.join(missing)}{f', but an {names[-1]}' if names else ''}; {remedy}"]


def clip_names(paths: Sequence[Path]) -> list[str]:
    """Names of footage in outputs, no two of them equal.

    The folder's name or the video's stem; where two are equal, as much of the end of their paths as tells them apart.
    ``paths`` are absolute, without duplicates.
    """
    lengths = [0] * len(paths)
    while True:
        names = [
            "/".join(path.parts[-length:]) if length else path.name if path.is_dir() else path.stem
            for path, length in zip(paths, lengths, strict=True)
        ]
        counts = Counter(names)
        if len(counts) == len(names):
            return names
        lengths = [length + (counts[name] > 1) for length, name in zip(lengths, names, strict=True)]


def file_stems(names: Iterable[str]) -> list[str]:
    """Names without what a file's name, an address or a command line may not hold, and none twice.

    Letters and digits of all scripts, ``.``, ``_`` and ``-`` stay; of equal results, whatever their case, the later
    ones get a number. None is ``index``.
    """
    stems, taken = [], {INDEX}
    for name in names:
        text = re.sub(r"[^\w.-]+", "_", name).lstrip(".-") or "clip"
        text = text.encode()[:LONGEST].decode(errors="ignore")
        stem, number = text, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{text}-{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems
