"""CSV tables: read as spreadsheet programs of all countries write them, written in one form.

Standard library only.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from infusenet.errors import InputError, Missing, raise_all
from infusenet.texts import duplicate_headers, is_invisible, visible

DELIMITERS = (",", ";", "\t")


def readings(path: Path) -> list[list[list[str]]]:
    """The rows of cells under each delimiter that the file may have; one reading if it names its own.

    A first line ``sep=;`` names the delimiter and is no row. The caller, who knows the header, chooses
    the right reading.

    Raises
    ------
    InputError
        Neither UTF-8 nor UTF-16 with a byte order mark, or no CSV.
    """
    data = path.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds zero bytes")
        own = re.match(r'"?sep=(.)"?(?:\r\n|\r|\n|\Z)', text, re.IGNORECASE)
        text = text[own.end() :] if own else text
        delimiters = own[1] if own else DELIMITERS
        return [list(csv.reader(io.StringIO(text, newline=""), delimiter=sign)) for sign in delimiters]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: no CSV in UTF-8 ({error}); save it again as 'CSV UTF-8'") from None


def csv_rows(path: Path | str) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV with a header line; every row has every column.

    The delimiter is the one of comma, semicolon and tab that gives the header most columns.

    Raises
    ------
    Missing
        No such file.
    InputError
        Neither UTF-8 nor UTF-16, headers that mean one column (``AU1`` and ``AU01``) or hold characters
        that cannot be seen, rows with too few or too many cells.
    """
    path = Path(path)
    if not path.is_file():
        raise Missing(f"{path}: no such file; expected a CSV table")
    columns, *lines = max((rows or [[]] for rows in readings(path)), key=lambda rows: len(rows[0]))
    while lines and not lines[-1]:
        lines.pop()
    hidden = [visible(name) for name in columns if any(map(is_invisible, name))]
    raise_all(hidden, f"{path}: columns whose names hold characters that cannot be seen; delete them")
    duplicates = (dict.fromkeys(group) for group in duplicate_headers(columns))
    texts = (
        " and ".join(f"'{name}'" for name in names) if len(names) > 1 else min(names) for names in duplicates
    )
    raise_all(sorted(texts), f"{path}: duplicate columns")
    raise_all(
        (
            f"{path}: row {number}: {len(line)} cells, expected {len(columns)}"
            for number, line in enumerate(lines, start=2)
            if len(line) != len(columns)
        ),
        f"{path} refused",
    )
    return columns, [dict(zip(columns, line, strict=True)) for line in lines]


def csv_text(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    """``rows`` of cells below ``head`` as CSV text; floats with all digits, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
