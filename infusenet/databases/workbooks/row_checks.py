"""From the lines of annotation tables to rows with checked ids."""

from collections.abc import Sequence
from pathlib import Path

from infusenet.databases.clip_table import SAFE_ID
from infusenet.databases.row_problems import Notes, Place, Problems, RowError
from infusenet.databases.rows import WINDOW, Row, shortest
from infusenet.databases.workbooks.workbook import Line, Table, plain
from infusenet.texts import visible


def annotated_rows(
    tables: Sequence[Table], reader, notes: Notes, problems: Problems
) -> tuple[list[Row], list[Line]]:
    """The rows with a subject, and all lines that annotate a micro-expression, or may.

    ``reader`` is a `database_reader.Reader`. What cannot be read goes to ``problems``.
    """
    rows, annotated = [], []
    for table, file in zip(tables, _files([table.path for table in tables]), strict=True):
        for line in table.lines:
            place = Place(line.number, file)
            with problems.of(place):
                annotated.append(line)
                if not reader.keep(line):
                    annotated.pop()
                    continue
                if line.fault:
                    raise ValueError(line.fault)
                fields = {name: plain(text) for name, text in line.fields.items()}
                fields["clip"] = reader.spelling(fields["clip"])
                for name, text in line.fields.items():
                    if fields[name] != text:
                        notes.add("spelling", place, f"{name} '{visible(text)}' read as '{fields[name]}'")
                fields |= {name: shortest(fields[name]) for name in WINDOW}
                rows.append(
                    Row(place, fields, reader.subject_id(fields["subject"]), fields["clip"], line.extra)
                )
    return rows, annotated


def _files(paths: Sequence[Path]) -> list[str]:
    """Names of tables in the places of rows: empty for the only table, else the file's name if it is unique."""
    if len(paths) == 1:
        return [""]
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def named_rows(rows: Sequence[Row], reader, notes: Notes, problems: Problems) -> list[Row]:
    """The rows whose ids are in order, each once; the others go to ``problems``."""
    accepted: list[Row] = []
    first: dict[tuple[str, str], Place] = {}
    for row in rows:
        with problems.of(row.place):
            if not SAFE_ID.match(row.clip) or ".." in row.clip:
                raise ValueError(f"clip '{row.clip}', expected only A-Z a-z 0-9 _ . - in a clip's name")
            key = (row.subject.lower(), row.clip.lower())
            if first.setdefault(key, row.place) != row.place:
                raise RowError("duplicate", f"clip {row.key} stands in {first[key]} already")
            if problem := reader.problem(row):
                raise ValueError(problem)
            if oddity := reader.oddity(row):
                notes.add("oddity", row.place, oddity)
            accepted.append(row)
    return accepted
