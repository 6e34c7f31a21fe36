"""The one table of a workbook: its sheet and header, recognised by the names of columns, and its numbered rows."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.databases.workbooks.sheets import Area, Sheet, read_sheets
from infusenet.errors import InputError, did_you_mean
from infusenet.texts import au_number, duplicate_headers, plain, plain_header, visible

__all__ = ["Line", "Table", "plain", "read_table"]

HEADER_ROWS = 30
# The words that pandas writes for a blank cell into a table of texts.
BLANK = frozenset(("nan", "nat", "<na>"))
# #REF!, #N/A, #NAME? and what they are in other languages; an equals sign starts a formula that is text.
NO_VALUE = re.compile(r"#[^\W\d_][\w/]*[!?]?|=.*")

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Line:
    """One data row: its number in the sheet, the named fields, every other column by plain header, and the
    number of the header's row.

    ``fault`` is empty, or says why the row cannot be read: a named cell holds a formula without result,
    an error, a date, a truth value, or is part of merged cells. Such a row is never to be used.
    """

    number: int
    fields: dict[str, str]
    extra: dict[str, str]
    header: int
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """The sheet that was read; ``others`` are the names of the workbook's other sheets."""

    path: Path
    sheet: str
    lines: list[Line]
    others: tuple[str, ...] = ()


def read_table(
    path: Path | str,
    columns: Columns,
    *,
    optional: Collection[str] = frozenset(),
    sheet: str | None = None,
    damage: Callable[[list[Line]], int] | None = None,
) -> Table:
    """The data rows of the one sheet with a header row that names all ``columns``.

    Hidden sheets are passed over unless ``sheet`` names one; hidden rows and columns are read.

    Parameters
    ----------
    path
        .xlsx, .xls, or .csv with comma, semicolon or tab.
    columns
        Field name -> header names that it may have; the header row is the first that has the first
        field. Headers match whatever their case, spaces, underscores and quotes. Columns without header
        are dropped, so are rows without any field.
    optional
        Fields that may have no column; their text is then empty in every row.
    sheet
        Name of the sheet to read.
    damage
        Number of damaged rows among some lines. Where several sheets match and it is 0 for exactly one,
        that one is read, unless another has more rows.

    Raises
    ------
    InputError
        What ``read_sheets`` raises; no such sheet; no header in the first 30 rows (with the missing
        columns), or in several sheets; two headers for one field or one AU; no data row.
    """
    path = Path(path)
    sheets = read_sheets(path)
    matches = []
    for candidate in _candidates(path, sheets, sheet):
        header = _header(candidate, columns, optional)
        if header is not None:
            matches.append((candidate, _lines(path, candidate, header, columns)))
    if not matches:
        raise InputError(_no_header(path, sheets, columns, optional, sheet))
    filled = [(candidate, lines) for candidate, lines in matches if lines]
    if not filled:
        raise InputError(
            f"{path}: sheet {matches[0][0].name}: no row below the header; expected one row a clip"
        )
    if len(filled) > 1 and damage:
        sound = [match for match in filled if not damage(match[1])]
        # A part of the table on a sheet of its own can be sound where the whole is not.
        most = max(len(lines) for _, lines in filled)
        if any(len(lines) == most for _, lines in sound):
            filled = sound
    if len(filled) > 1:
        names = ", ".join(f"'{candidate.name}' ({len(lines)} rows)" for candidate, lines in filled)
        raise InputError(
            f"{path}: several sheets have the columns: {names}; name the one to read, "
            "`sheet: NAME` in the database's block (`--sheet` of `infusenet read`)"
        )
    match, lines = filled[0]
    return Table(path, match.name, lines, tuple(other.name for other in sheets if other.name != match.name))


def _candidates(path: Path, sheets: Sequence[Sheet], name: str | None) -> list[Sheet]:
    if name is None:
        return [sheet for sheet in sheets if not sheet.hidden]
    # As in spreadsheet programs, case does not tell sheets apart.
    matches = [sheet for sheet in sheets if plain(sheet.name).lower() == plain(name).lower()]
    if not matches:
        raise InputError(f"{path}: no sheet '{name}' {did_you_mean(name, {sheet.name for sheet in sheets})}")
    return matches


def _header(sheet: Sheet, columns: Columns, optional: Collection[str]) -> int | None:
    """The index of the header row."""
    for index, row in enumerate(sheet.rows[:HEADER_ROWS]):
        if not _missing(row, columns, optional):
            return index
    return None


def _missing(row: Sequence[str], columns: Columns, optional: Collection[str]) -> list[str]:
    headers = {plain_header(text) for text in row}
    return [
        names[0]
        for field, names in columns.items()
        if field not in optional and headers.isdisjoint(map(plain_header, names))
    ]


def _no_header(
    path: Path, sheets: Sequence[Sheet], columns: Columns, optional: Collection[str], name: str | None
) -> str:
    """The reason why no sheet matches: the row with most of the columns, or a hidden sheet with all of them."""
    lead = next(iter(columns.values()))
    needed = [names[0] for field, names in columns.items() if field not in optional]
    best, fewest = "", len(needed)
    for sheet in _candidates(path, sheets, name):
        for index, row in enumerate(sheet.rows[:HEADER_ROWS]):
            missing = _missing(row, columns, optional)
            if lead[0] not in missing and len(missing) < fewest:
                headers = ", ".join(visible(text) for text in row if text)
                best = f"sheet {sheet.name}, row {index + 1}: columns missing: {', '.join(missing)}; found: {headers}"
                fewest = len(missing)
    text = best or (
        f"no header row with '{lead[0]}' in the first {HEADER_ROWS} rows; "
        f"expected the columns {', '.join(needed)}"
    )
    hidden = [s.name for s in sheets if s.hidden and _header(s, columns, optional) is not None]
    if hidden:
        text += (
            f"; hidden sheets that have them: {', '.join(hidden)}: show or name one (`sheet: {hidden[0]}`)"
        )
    return f"{path}: {text}"


def _lines(path: Path, sheet: Sheet, header: int, columns: Columns) -> list[Line]:
    place, others = _places(f"{path}: sheet {sheet.name}, row {header + 1}", sheet.rows[header], columns)
    width = len(sheet.rows[header])
    lines, merged = [], None
    for y, cells in enumerate(sheet.rows[header + 1 :], start=header + 1):
        cells = cells + [""] * (width - len(cells))
        texts = {field: "" if x is None else cells[x] for field, x in place.items()}
        fields = {field: "" if text.lower() in BLANK else text for field, text in texts.items()}
        if not any(plain(text) for text in fields.values()):
            continue
        if merged is None and not all(fields[field] for field, x in place.items() if x is not None):
            merged = sheet.merged()
        faults = [
            f"sheet {sheet.name}, cell {_cell(y, x)} ({field}): {fault}"
            for field, x in place.items()
            if x is not None and (fault := _fault(sheet, y, x, fields[field], merged or []))
        ]
        extra = {
            name: " | ".join(dict.fromkeys(plain(cells[x]) for x in places))
            for name, places in others.items()
        }
        lines.append(Line(y + 1, fields, extra, header + 1, "; ".join(faults)))
    return lines


def _places(
    origin: str, headers: Sequence[str], columns: Columns
) -> tuple[dict[str, int | None], dict[str, list[int]]]:
    """Field -> its column; plain header of the others -> their columns, more than one if it is repeated.

    Of repeated other columns a row gets all texts that differ, so that none passes for the only one.
    """
    names = [plain_header(text) for text in headers]
    place: dict[str, int | None] = {}
    for field, accepted in columns.items():
        places = [x for x, name in enumerate(names) if name in set(map(plain_header, accepted))]
        if len(places) > 1:
            duplicates = ", ".join(f"'{visible(headers[x])}'" for x in places)
            raise InputError(f"{origin}: {duplicates} all name the {field}; expected one column")
        place[field] = places[0] if places else None
    for group in duplicate_headers(headers):
        if (number := au_number(group[0])) is not None:
            duplicates = ", ".join(f"'{visible(header)}'" for header in group)
            raise InputError(f"{origin}: {duplicates} all name AU{number}; expected one column")
    others: dict[str, list[int]] = {}
    for x, name in enumerate(names):
        if name and x not in place.values():
            others.setdefault(name, []).append(x)
    return place, others


def _fault(sheet: Sheet, y: int, x: int, text: str, merged: Sequence[Area]) -> str | None:
    """The reason why a named cell holds no readable text or number, or None."""
    if fault := sheet.faults.get((y, x)):
        return f"{fault}{f' ({text})' if text and text != fault else ''}; write its value into the cell"
    if NO_VALUE.fullmatch(text):
        return f"'{text}' is no value; write its value into the cell"
    if not text:
        for top, bottom, left, right in merged:
            if top <= y < bottom and left <= x < right:
                area = f"{_cell(top, left)}:{_cell(bottom - 1, right - 1)}"
                return f"part of the merged cells {area}; split them and fill each cell"
    return None


def _cell(y: int, x: int) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(x + 1)}{y + 1}"
