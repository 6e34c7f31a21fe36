"""Annotation tables as text: .xls, .xlsx and .csv alike, header found by its names, rows numbered.

Every cell comes as text and a whole number loses its ``.0``, because spreadsheets store ``4`` as a
float and a subject ``006`` as text, and which of the two they did tells nothing.
"""

import csv
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.errors import InputError

HEADER_ROWS = 30
XLSX, XLS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Line:
    """One data row: its number in the sheet, the named fields, every other column by plain header."""

    number: int
    fields: dict[str, str]
    extra: dict[str, str]


def read_lines(path: Path | str, columns: Mapping[str, Sequence[str]]) -> list[Line]:
    """The data rows of the first sheet with a header row that names all ``columns``.

    Parameters
    ----------
    columns
        Field name -> header names that it may have. Headers match whatever their case, spaces,
        underscores and quotes; columns without header are dropped, so are rows without any field.

    Raises
    ------
    InputError
        No such file, no workbook, no header in the first 30 rows (with the missing columns), a
        header name that stands twice, or no data row.
    """
    path = Path(path)
    known = {field: {_plain_header(name) for name in names} for field, names in columns.items()}
    best: tuple[int, str] | None = None
    for sheet, rows in _sheets(path):
        for index, cells in enumerate(rows[:HEADER_ROWS]):
            headers = [_plain_header(text) for text in cells]
            if known["subject"].isdisjoint(headers):
                continue
            missing = [columns[field][0] for field, names in known.items() if names.isdisjoint(headers)]
            if not missing:
                return _lines(f"{path}: sheet {sheet}", rows, index, known)
            if best is None or len(missing) < best[0]:
                best = (
                    len(missing),
                    (
                        f"{path}: sheet {sheet}, row {index + 1}: columns missing: {', '.join(missing)}; "
                        f"found: {', '.join(text for text in cells if text)}"
                    ),
                )
    raise InputError(
        best[1]
        if best
        else f"{path}: no header row with '{columns['subject'][0]}' in the first {HEADER_ROWS} rows; "
        f"expected the columns {', '.join(names[0] for names in columns.values())}"
    )


def plain(text: str) -> str:
    """``text`` in compatibility form (full-width signs and hard spaces become ASCII), unquoted, trimmed."""
    return unicodedata.normalize("NFKC", text).strip(" \t\r\n'\"`‘’“”")


def _plain_header(text: str) -> str:
    return "".join(filter(str.isalnum, plain(text).lower()))


def _lines(origin: str, rows: list[list[str]], header: int, known: Mapping[str, set[str]]) -> list[Line]:
    names = [_plain_header(text) for text in rows[header]]
    place = {}
    for field, accepted in known.items():
        places = [i for i, name in enumerate(names) if name in accepted]
        if len(places) > 1:
            twice = ", ".join(f"'{rows[header][i]}'" for i in places)
            raise InputError(f"{origin}, row {header + 1}: {twice} all name the {field}; expected one column")
        place[field] = places[0]
    others = {name: i for i, name in enumerate(names) if name and i not in place.values()}
    lines = []
    for number, cells in enumerate(rows[header + 1 :], start=header + 2):
        cells = cells + [""] * (len(names) - len(cells))
        fields = {field: cells[i] for field, i in place.items()}
        if any(plain(text) for text in fields.values()):
            lines.append(Line(number, fields, {name: plain(cells[i]) for name, i in others.items()}))
    if not lines:
        raise InputError(f"{origin}: no row below the header; expected one row a clip")
    return lines


def _sheets(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """(name, rows of cell texts) for every sheet, by what the file holds, not by its suffix."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the annotation workbook")
    with open(path, "rb") as file:
        start = file.read(4)
    if start == XLSX:
        reader = _xlsx
    elif start == XLS:
        reader = _xls
    elif path.suffix.lower() == ".csv":
        reader = _csv
    else:
        raise InputError(f"{path}: neither .xlsx nor .xls nor .csv by its content; save it again as .xlsx")
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
    # A damaged workbook can fail anywhere inside the libraries that read it.
    except Exception as error:
        raise InputError(
            f"{path}: damaged or protected, cannot be read ({type(error).__name__}: {error}); "
            "open it in a spreadsheet program and save it again"
        ) from error


def _xlsx(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    from openpyxl import load_workbook

    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and drop-down lists
        book = load_workbook(file, read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some programs write a wrong size, which would cut the table
            yield sheet.title, [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]


def _xls(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    import xlrd

    # A date or an error code is stored as a number, and must not pass for one.
    words = {xlrd.XL_CELL_DATE: "date", xlrd.XL_CELL_ERROR: "error"}
    with xlrd.open_workbook(file_contents=path.read_bytes(), logfile=io.StringIO()) as book:
        for sheet in book.sheets():
            rows = [sheet.row(i) for i in range(sheet.nrows)]
            yield sheet.name, [[words.get(c.ctype) or _text(c.value) for c in row] for row in rows]


def _csv(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        yield "csv", [[_text(cell) for cell in row] for row in csv.reader(file)]


def _text(cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(int(cell)) if isinstance(cell, bool) else re.sub(r"\s+", " ", str(cell)).strip(" ")
