"""The sheets of a workbook as text, with the cells that hold no plain value.

Every cell comes as text, and a whole number loses its ``.0``: some spreadsheets store ``4`` as a number
and others as text, and the difference has no meaning.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from infusenet.csv_tables import readings
from infusenet.errors import InputError, Missing

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
TEXTS = (".csv", ".tsv", ".txt")
SAVE = "save it as Excel Workbook (.xlsx)"
NO_RESULT = "formula without a saved result"
# Types of cells in openpyxl whose values would pass for numbers or text.
KINDS = {"d": "date or time", "b": "truth value"}

# (rows from, to, columns from, to), counted from 0, the ends excluded.
Area = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sheet:
    """``faults``: (row, column), counted from 0 -> the kind of cell that is neither text nor number.

    ``merged`` gives the merged areas; it may read the file again.
    """

    name: str
    rows: list[list[str]]
    hidden: bool = False
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    merged: Callable[[], list[Area]] = list


def read_sheets(path: Path) -> list[Sheet]:
    """All sheets with cells, also hidden ones. The format is told from the file's content, not its suffix.

    A CSV is a sheet ``csv`` for each delimiter that it may have. Hidden rows and columns are read like
    the others: a filter that somebody left on hides rows, and they are clips all the same.

    Raises
    ------
    Missing
        No such file.
    InputError
        Another format, with its name, or it cannot be read: damaged, or protected by a password.
    """
    if not path.is_file():
        raise Missing(f"{path}: no such file; expected the annotation workbook")
    try:
        data = path.read_bytes()
        if data.startswith((ZIP, OLE)) and (other := _other_format(data)):
            raise InputError(f"{path}: {other}, which is not read; {SAVE}")
        if data.startswith(ZIP):
            return list(_xlsx(data))
        if data.startswith(OLE):
            return list(_xls(data))
        if path.suffix.lower() in TEXTS:
            return [Sheet("csv", [[_text(cell) for cell in row] for row in rows]) for rows in readings(path)]
    except InputError:
        raise
    # A damaged workbook can fail anywhere inside the libraries that read it.
    except Exception as error:
        raise InputError(
            f"{path}: damaged or protected, cannot be read ({type(error).__name__}: {error}); "
            "open it in a spreadsheet program and save it again"
        ) from error
    raise InputError(f"{path}: {_no_workbook(data)}neither .xlsx nor .xls nor .csv by its content; {SAVE}")


def _no_workbook(data: bytes) -> str:
    """The kind of file that stands in a workbook's place, as the start of a sentence."""
    start = data[:100].lstrip()
    if not start.strip(b"\0"):
        return "empty, so "
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS (fetch what it points to), so "
    return "a web page or other text in tags, so " if start.startswith((b"<", b"\xef\xbb\xbf<")) else ""


def _other_format(data: bytes) -> str | None:
    """The format of a file that looks like a workbook and is not supported; None if it is supported."""
    if data.startswith(OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in data
        return "a workbook protected by a password" if locked else None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        relations = archive.read("_rels/.rels") if "_rels/.rels" in names else b""
        kind = archive.read("mimetype")[:100] if "mimetype" in names else b""
    if b"purl.oclc.org/ooxml" in relations:
        return "a workbook in Strict Open XML"
    if "xl/workbook.bin" in names:
        return "an Excel Binary Workbook (.xlsb)"
    if kind:
        return f"an OpenDocument file (.ods; {kind.decode('ascii', 'replace')})"
    if any(name.endswith(".iwa") or name == "Index.zip" for name in names):
        return "a document of Apple Numbers"
    return None if "[Content_Types].xml" in names else "a ZIP archive and no workbook"


def _xlsx(data: bytes) -> Iterator[Sheet]:
    from openpyxl import load_workbook

    def merged_in(title: str) -> list[Area]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            areas = load_workbook(io.BytesIO(data))[title].merged_cells.ranges
        return [(a.min_row - 1, a.max_row, a.min_col - 1, a.max_col) for a in areas]

    def cells_of(sheet) -> list[list]:
        sheet.reset_dimensions()  # some programs write a wrong size, which would cut the table
        return [list(row) for row in sheet.iter_rows()]

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [archive.read(name) for name in archive.namelist() if name.endswith("workbook.xml")]
    # Programs that write formulas without calculating them put 0 as their results, and this beside it.
    stale = any(re.search(rb'fullCalcOnLoad="(1|true)"', part) for part in parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and drop-down lists
        for sheet in load_workbook(io.BytesIO(data), read_only=True).worksheets:
            rows = cells_of(sheet)
            # With data_only, openpyxl gives results and hides which cells are formulas.
            if formulas := set(_formulas(rows)):
                rows = cells_of(load_workbook(io.BytesIO(data), read_only=True, data_only=True)[sheet.title])
            texts = [[_text(cell.value) for cell in row] for row in rows]
            faults = {
                (y, x): KINDS[cell.data_type]
                for y, row in enumerate(rows)
                for x, cell in enumerate(row)
                if cell.data_type in KINDS and cell.value is not None
            }
            for y, x in formulas:
                if y < len(rows) and (stale or not _has_result(rows[y], x)):
                    texts[y] += [""] * (x + 1 - len(texts[y]))
                    texts[y][x] = faults[y, x] = NO_RESULT
            hidden = sheet.sheet_state != "visible"
            yield Sheet(sheet.title, texts, hidden, faults, partial(merged_in, sheet.title))


def _has_result(row: list, column: int) -> bool:
    """An empty text is a result, and of another type than no result."""
    return column < len(row) and (row[column].value is not None or row[column].data_type == "str")


def _formulas(rows: Iterable[Iterable]) -> Iterator[tuple[int, int]]:
    """(row, column) of every formula, those that an array formula of another cell fills among them."""
    from openpyxl.utils import range_boundaries

    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if cell.data_type == "f":
                yield y, x
                if area := getattr(cell.value, "ref", None):
                    left, top, right, bottom = range_boundaries(area)
                    yield from ((j, i) for j in range(top - 1, bottom) for i in range(left - 1, right))


def _xls(data: bytes) -> Iterator[Sheet]:
    import xlrd

    # xlrd does not say which cells are formulas, only gives an empty text for one without a result.
    kinds = {xlrd.XL_CELL_DATE: KINDS["d"], xlrd.XL_CELL_BOOLEAN: KINDS["b"]}

    def opened(**options):
        return xlrd.open_workbook(file_contents=data, logfile=io.StringIO(), **options)

    def merged_in(index: int) -> list[Area]:
        with opened(formatting_info=True) as book:
            return book.sheet_by_index(index).merged_cells

    try:
        book = opened()
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise ValueError("protected by a password; remove it") from None
        raise
    with book:
        for index, sheet in enumerate(book.sheets()):
            texts, faults = [], {}
            for y in range(sheet.nrows):
                texts.append([])
                for x, (kind, value) in enumerate(zip(sheet.row_types(y), sheet.row_values(y), strict=True)):
                    error = kind == xlrd.XL_CELL_ERROR
                    texts[y].append(xlrd.error_text_from_code[value] if error else _text(value))
                    if kind == xlrd.XL_CELL_TEXT and not value:
                        faults[y, x] = f"{NO_RESULT}, or with an empty one"
                    elif kind in kinds:
                        faults[y, x] = kinds[kind]
            yield Sheet(sheet.name, texts, sheet.visibility != 0, faults, partial(merged_in, index))


def _text(cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(int(cell)) if isinstance(cell, bool) else " ".join(str(cell).split())
