"""The joint table of MEB and InfuseNet (``cross_dataset_seq.csv``): one table in, six manifests out."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases import READERS, errata, reader
from infusenet.databases.clip_table import Clip, check, problems_of, to_csv
from infusenet.databases.errata import with_owner_onsets
from infusenet.databases.frames.clip_folders import ClipFolders
from infusenet.databases.frames.onset_apex_offset import Candidate
from infusenet.databases.read_options import Options
from infusenet.databases.row_problems import Notes, Place, Problems
from infusenet.databases.rows import Row
from infusenet.databases.workbooks.cells import au_columns, frame_numbers, whole
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.files import write_if_changed
from infusenet.protocol import AUS
from infusenet.texts import is_invisible, visible

COLUMNS = ("subject", "material", "onset", "apex", "offset", "apexf", "AU", "emotion", "n_frames", "dataset")


def import_table(table: Path, output: Path, frames: Mapping[str, Path]) -> list[tuple[Path, int]]:
    """Write ``output/{database}.csv`` for every database in ``table``.

    The table's values are CD6ME's, errata included, and are taken as they are. A clip's folder
    comes from what is on disk where ``frames`` has the database's root, and its key frames are
    looked up there; otherwise it is the folder that MEB's layout gives.

    Returns
    -------
    list of (Path, int)
        Each manifest and its number of clips.

    Raises
    ------
    InputError
        Missing columns, unknown databases, AU values other than 0 and 1, numbers that contradict
        each other, bad or repeated ids, frames that are not on disk; every bad row at once.
    """
    for key in frames:
        if key not in READERS:
            raise InputError(f"--frames {key}: unknown database {did_you_mean(key, READERS)}")
    problems = Problems(table)
    pairs = _pairs(table, problems)
    clips = {
        key: _located(key, rows, frames[key], problems, table)
        if key in frames
        else [clip for _, clip in rows]
        for key, rows in pairs.items()
    }
    problems.raise_all()
    for key in clips:
        check(clips[key], str(table))
    written = []
    for key in clips:
        path = Path(output) / f"{key}.csv"
        write_if_changed(path, to_csv(clips[key]))
        written.append((path, len(clips[key])))
    return written


def read_table(table: Path) -> dict[str, list[Clip]]:
    """{database: clips} of the table alone, refused like `import_table`; folders are those of MEB's layout."""
    problems = Problems(table)
    pairs = _pairs(table, problems)
    problems.raise_all()
    clips = {key: [clip for _, clip in rows] for key, rows in pairs.items()}
    for key in clips:
        check(clips[key], str(table))
    return clips


def _pairs(table: Path, problems: Problems) -> dict[str, list[tuple[Row, Clip]]]:
    """Every row with its clip, by database; bad rows go to ``problems``."""
    columns, lines = csv_rows(table)
    missing = [name for name in (*COLUMNS, *(f"AU{n}" for n in AUS)) if name not in columns]
    raise_all(missing, f"{table}: columns missing")
    if not lines:
        raise InputError(f"{table}: no row below the header; expected one row a clip")
    pairs: dict[str, list[tuple[Row, Clip]]] = {}
    for number, line in enumerate(lines, start=2):
        with problems.of(Place(number)):
            row, clip = _clip(number, line)
            pairs.setdefault(clip.database, []).append((row, clip))
    return pairs


def _clip(number: int, line: Mapping[str, str]) -> tuple[Row, Clip]:
    hidden = [f"{name} '{visible(text)}'" for name, text in line.items() if any(map(is_invisible, text))]
    if hidden:
        raise ValueError(f"{', '.join(hidden)}: characters that cannot be seen; delete them")
    key = line["dataset"]
    if key not in READERS:
        raise ValueError(f"dataset '{key}' is unknown {did_you_mean(key, READERS)}")
    owner = reader(key)
    fields = {name: line[name] for name in ("subject", "onset", "apex", "offset", "emotion")}
    row = Row(Place(number), fields, owner.subject_id(line["subject"]), line["material"], {})
    (row,) = with_owner_onsets([row], _errata(key))
    if problem := owner.problem(row):
        raise ValueError(problem)
    labels = {n: int(value) for n, value in au_columns(line).items()}
    clip = Clip(
        key, row.subject, row.clip, **frame_numbers(line),
        frames="/".join(owner.folders(row)[0][0]), emotion=line["emotion"], au=line["AU"], labels=labels,
    )  # fmt: skip
    if faults := problems_of(clip):
        raise ValueError("; ".join(faults))
    numbers = whole(line, "apexf", "n_frames")
    for name, expected in (("apexf", clip.apex - clip.onset), ("n_frames", clip.n_frames)):
        if numbers[name] != expected:
            raise ValueError(
                f"clip {clip.key}: {name} is {numbers[name]}, but onset, apex and offset give {expected}"
            )
    return row, clip


_errata = cache(errata.load)


def _located(
    key: str, pairs: list[tuple[Row, Clip]], root: Path, problems: Problems, table: Path
) -> list[Clip]:
    notes = Notes(f"{key}: {table}")
    candidates = [(row, [Candidate(clip, (row,))]) for row, clip in pairs]
    folders = ClipFolders(root, (row.clip for row, _ in pairs))
    clips = reader(key).located(candidates, folders, notes, problems, Options())
    notes.show()
    return clips
