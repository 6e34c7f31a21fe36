"""Sheets of a workbook: the one that is read, and its cells that are no values."""

import zipfile
from datetime import date

import openpyxl
import pytest
import xlwt
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.worksheet.formula import ArrayFormula
from owners import RELEASES
from test_malformed import read_argv, refusal

from infusenet import cli, databases
from infusenet.databases import Options
from infusenet.databases.workbooks.workbook import read_table
from infusenet.errors import InputError

COLUMNS = {"subject": ("Subject",), "clip": ("Filename",), "au": ("AU", "AUs")}
HEADER = ["Subject", "Filename", "AU"]
ROWS = [HEADER, [1, "a", "4"], [2, "b", "12+14"]]


def xlsx(path, sheets, hidden=()):
    """A workbook of {name: rows}; ``hidden`` maps names to their states."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = dict(hidden).get(name, "visible")
    book.save(path)
    return path


def xls(path, sheets, hidden=()):
    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        sheet.visibility = {"visible": 0, "hidden": 1, "veryHidden": 2}[dict(hidden).get(name, "visible")]
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                sheet.write(y, x, cell)
    book.save(str(path))
    return path


WRITERS = pytest.mark.parametrize("write", [xlsx, xls])


def names(table):
    return [line.fields["clip"] for line in table.lines]


def refused(path, columns=COLUMNS, **options):
    with pytest.raises(InputError) as caught:
        read_table(path, columns, **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


# --- sheets ---


@WRITERS
@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheets_are_passed_over(write, state, tmp_path):
    old = [HEADER, [9, "old", "1"]]
    path = write(tmp_path / "t", {"old": old, "about": [["Subject", "of this"]], "now": ROWS}, {"old": state})
    table = read_table(path, COLUMNS)
    assert (table.sheet, table.others, names(table)) == ("now", ("old", "about"), ["a", "b"])
    assert names(read_table(path, COLUMNS, sheet="old")) == ["old"]


def test_a_hidden_sheet_that_alone_has_the_columns_is_named(tmp_path):
    path = xlsx(tmp_path / "t", {"about": [["x"]], "label": ROWS}, {"label": "hidden"})
    assert "hidden sheets that have them: label" in refused(path)


@WRITERS
@pytest.mark.parametrize("first", ["backup", "part 1", "now"])
def test_several_sheets_are_refused_with_their_names(write, first, tmp_path):
    path = write(tmp_path / "t", {first: ROWS[:2], "label": [HEADER, ROWS[2]]})
    text = refused(path)
    assert f"'{first}' (1 rows), 'label' (1 rows)" in text
    assert "`sheet: NAME` in" in text, "none is proposed: the first one may be the old one"
    assert names(read_table(path, COLUMNS, sheet=" LABEL")) == ["b"]
    assert "no sheet 'lable' (did you mean 'label'?" in refused(path, sheet="lable")


def test_a_sheet_without_rows_is_no_rival(tmp_path):
    path = xlsx(tmp_path / "t", {"template": [HEADER], "label": ROWS})
    assert read_table(path, COLUMNS).sheet == "label"
    assert "no row below the header" in refused(path, sheet="template")


def test_damage_decides_where_one_sheet_alone_is_sound(tmp_path):
    def damage(lines):
        return sum(line.fields["au"] == "?" for line in lines)

    bad = [HEADER, [1, "a", "?"]]
    path = xlsx(tmp_path / "t", {"Sheet1": bad, "AU": ROWS})
    assert read_table(path, COLUMNS, damage=damage).sheet == "AU"
    assert read_table(path, COLUMNS, damage=damage, sheet="Sheet1").sheet == "Sheet1"
    for sheets in ({"A": bad, "B": bad}, {"A": ROWS, "B": ROWS}):
        assert "several sheets" in refused(xlsx(path, sheets), damage=damage)
    whole = [*bad, [1, "b", "4"], [1, "c", "4"]]
    assert "'label' (3 rows), 'part' (2 rows)" in refused(
        xlsx(path, {"label": whole, "part": ROWS}), damage=damage
    )
    assert read_table(xlsx(path, {"label": bad, "sound": ROWS[:2]}), COLUMNS, damage=damage).sheet == "sound"


def test_sheet_is_a_setting_and_is_named_on_stderr(tmp_path, capsys):
    release = RELEASES["mmew"]()
    annotations, frames = release.write(tmp_path)
    book = openpyxl.load_workbook(annotations)
    book.active.title = "label"
    book.copy_worksheet(book.active).title = "backup"
    book.save(annotations)
    argv = read_argv("mmew", annotations, frames, tmp_path)
    assert "'label' (3 rows), 'backup' (3 rows)" in refusal(argv, capsys)
    assert cli.main([*map(str, argv), "--sheet", "backup"]) == 0
    assert "note: mmew: " in (told := capsys.readouterr().err)
    assert "sheet 'backup' read; others: label" in told
    assert len(databases.read("mmew", annotations, frames, options=Options.of({"sheet": "label"}))) == 3


def test_optional_columns_and_hidden_rows(tmp_path):
    path = xlsx(tmp_path / "t.xlsx", {"s": [row[:2] for row in ROWS]})
    assert [line.fields["au"] for line in read_table(path, COLUMNS, optional={"au"}).lines] == ["", ""]
    assert "columns missing: AU" in refused(path)
    book = openpyxl.load_workbook(path)
    book.active.row_dimensions[2].hidden = True  # by a filter that was left on
    book.save(path)
    assert names(read_table(path, COLUMNS, optional={"au"})) == ["a", "b"]


# --- cells that are no values ---


def with_cell(tmp_path, cell):
    return xlsx(tmp_path / "t.xlsx", {"label": [HEADER, [1, "a", "4"], [2, "b", cell]]})


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=A1&B1", "formula without a saved result"),
        (ArrayFormula("C3:C3", "=A1:A2"), "formula without a saved result"),
        ("#REF!", "'#REF!' is no value"),
        ("#N/A", "'#N/A' is no value"),
        (date(2026, 4, 12), "date or time (2026-04-12 00:00:00)"),
        (True, "truth value (1)"),
    ],
)
def test_cells_without_a_value_are_named(cell, expected, tmp_path):
    first, second = read_table(with_cell(tmp_path, cell), COLUMNS).lines
    assert not first.fault
    assert second.fault.startswith(f"sheet label, cell C3 (au): {expected}")


def test_cells_that_an_array_formula_fills(tmp_path):
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row[:2])
    book.active["C1"], book.active["C2"] = "AU", ArrayFormula("C2:C3", "=E2:E3")
    book.save(tmp_path / "t")
    first, second = read_table(tmp_path / "t", COLUMNS).lines
    assert "cell C2 (au): formula" in first.fault
    assert "cell C3 (au): formula" in second.fault


def resaved(path, cell, calculated):
    """The workbook with C3 as spreadsheet programs save it, which openpyxl cannot write."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    if calculated:
        parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace('fullCalcOnLoad="1"', "")
    sheet = parts["xl/worksheets/sheet1.xml"]
    start = sheet.index('<c r="C3"')
    parts["xl/worksheets/sheet1.xml"] = sheet[:start] + cell + sheet[sheet.index("</c>", start) + 4 :]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return read_table(path, COLUMNS).lines[1]


@pytest.mark.parametrize(("kind", "result"), [("str", "4+7"), ("str", ""), ("n", "12")])
def test_saved_results_are_read_and_an_empty_one_is_blank(kind, result, tmp_path):
    path, cell = with_cell(tmp_path, "=A1"), f'<c r="C3" t="{kind}"><f>A1</f><v>{result}</v></c>'
    line = resaved(path, cell, calculated=True)
    assert (line.fields["au"], line.fault) == (result, "")


def test_the_zero_of_a_formula_that_was_not_calculated(tmp_path):
    line = resaved(with_cell(tmp_path, "=A1"), '<c r="C3"><f>A1</f><v>0</v></c>', calculated=False)
    assert "cell C3 (au): formula without a saved result" in line.fault


def test_rich_text_is_read_whole(tmp_path):
    rich = CellRichText("4+", TextBlock(InlineFont(b=True), "R12"), "+17")
    assert read_table(with_cell(tmp_path, rich), COLUMNS).lines[1].fields["au"] == "4+R12+17"


def test_cells_without_a_value_in_xls(tmp_path):
    style = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    book = xlwt.Workbook()
    sheet = book.add_sheet("label")
    for x, header in enumerate(HEADER):
        sheet.write(0, x, header)
    for y, cell in enumerate([xlwt.Formula("A1"), True, date(2026, 4, 12)], start=1):
        sheet.write(y, 0, y)
        sheet.write(y, 1, "a")
        sheet.write(y, 2, cell, style)
    sheet.row(4).set_cell_error(2, "#REF!")
    sheet.write(4, 0, 4)
    book.save(str(tmp_path / "t.xls"))
    faults = [line.fault for line in read_table(tmp_path / "t.xls", COLUMNS).lines]
    expected = ["formula without a saved result", "truth value", "date or time", "'#REF!' is no value"]
    assert [
        f"cell C{n} (au)" in fault and text in fault
        for n, (fault, text) in enumerate(zip(faults, expected, strict=True), start=2)
    ] == [True] * 4


def test_truth_values_in_au_columns(tmp_path):
    path = xlsx(tmp_path / "t", {"s": [[*HEADER, "AU4"], [1, "a", "4", True]]})
    assert read_table(path, COLUMNS).lines[0].extra == {"au4": "1"}


@pytest.mark.parametrize("area", ["A2:A3", "B3:C3", "C2:C3"])
def test_merged_cells_are_no_blanks(area, tmp_path):
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.active.merge_cells(area)
    book.save(tmp_path / "t.xlsx")
    assert f"part of the merged cells {area}" in read_table(tmp_path / "t.xlsx", COLUMNS).lines[1].fault


def test_merged_cells_in_xls(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("label")
    for y, row in enumerate(ROWS):
        for x, cell in enumerate(row[:2]):
            sheet.write(y, x, cell)
    sheet.write(0, 2, "AU")
    sheet.write_merge(1, 2, 2, 2, "4")
    book.save(str(tmp_path / "t.xls"))
    assert "part of the merged cells C2:C3" in read_table(tmp_path / "t.xls", COLUMNS).lines[1].fault


@pytest.mark.parametrize("cell", ["=1+1", "#N/A", date(2026, 4, 12), True])
def test_no_option_makes_a_cell_without_a_value_a_blank(cell, tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.rows[1]["Action Units"] = cell
    argv = [*read_argv("mmew", *release.write(tmp_path), tmp_path), "--blank-au", "--midpoint-apex"]
    told = refusal(argv, capsys)
    assert f"{release.workbook} refused: row 3: sheet Sheet, cell F3 (au): " in told
    assert told.count("\n") == 1
