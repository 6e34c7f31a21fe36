"""Columns that mean one thing twice, CSV of all countries, files that are no workbooks, invisible characters."""

import io
import zipfile

import pytest
from joint_tables import joint_rows, write_joint
from owners import RELEASES, mixed, write_xls, write_xlsx
from test_malformed import read_argv, refusal

from infusenet import cli, csv_tables
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.databases.joint_table import import_table
from infusenet.databases.workbooks.workbook import read_table
from infusenet.errors import InputError
from infusenet.protocol import AUS
from infusenet.texts import plain, visible

COLUMNS = {"subject": ("Subject",), "clip": ("Filename",), "au": ("AU",)}
HEADER = ["Subject", "Filename", "AU"]
LABELS = dict.fromkeys(AUS, 0)


# --- columns that mean one thing twice ---


@pytest.mark.parametrize("other", ["AU4", "AU04", "au4", "AU 4", "AU_4", "AU\u200b4", "AU4.1"])
def test_an_au_twice_in_a_workbook(other, tmp_path, capsys):
    release = RELEASES["fourd"]()
    annotations, frames = release.write(tmp_path)
    write_xlsx(
        annotations,
        [[*release.header, other], *([row[h] for h in release.header] + [0] for row in release.rows)],
    )
    told = refusal(read_argv("fourd", annotations, frames, tmp_path), capsys)
    assert "row 1: 'AU4', '" in told
    assert "name AU4; expected one column" in told
    assert "AU\\u200b4" in told or "\u200b" not in told


@pytest.mark.parametrize("other", ["AU01", "au1", "AU 1", " AU1", "AU1.1", "AU1.2"])
def test_an_au_twice_in_csv_tables(other, tmp_path):
    labels = dict.fromkeys(AUS, 0)
    clip = Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", "", "", labels)
    path = tmp_path / "t.csv"
    path.write_text(clip_table.to_csv([clip]).replace("AU17,", f"AU17,{other},").replace(",0,s1", ",0,1,s1"))
    with pytest.raises(InputError, match=f"t.csv: duplicate columns: 'AU1' and '{other}'"):
        clip_table.read_manifest(path)
    write_joint(path, [row | {other: 1} for row in joint_rows()])
    with pytest.raises(InputError, match=f"t.csv: duplicate columns: 'AU1' and '{other}'"):
        import_table(path, tmp_path / "out", {})


@pytest.mark.parametrize("other", ["Onset", "CLIP", "n frames"])
def test_any_column_twice_in_a_clip_list(other, tmp_path):
    path = tmp_path / "t.csv"
    text = clip_table.to_csv([Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1")], labels=False).replace("\n", ",x\n")
    path.write_text(text.replace("digest,x", f"digest,{other}"))
    with pytest.raises(InputError, match="duplicate columns: '"):
        clip_table.read_manifest(path)


def test_a_column_twice_that_decides_which_rows_count(tmp_path, capsys):
    release = mixed(*["Micro-expression"] * 4)
    release.header.append("expression_type")
    release.rows[2]["expression_type"] = "Macro-expression"
    for row in release.rows:
        row.setdefault("expression_type", "Micro-expression")
    told = refusal(read_argv("casme3a", *release.write(tmp_path), tmp_path), capsys)
    assert "row 4: Expression type 'Micro-expression | Macro-expression'" in told


# --- CSV and other files ---

TEXTS = {
    "semicolons": (";", "", "utf-8"),
    "tabs": ("\t", "", "utf-8"),
    "sep": ("|", "sep=|\r\n", "utf-8-sig"),
    "UTF-16": ("\t", "", "utf-16"),
    "UTF-16 that names its delimiter": (";", "sep=;\n", "utf-16"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_csv_of_all_countries(name, tmp_path):
    sign, first, encoding = TEXTS[name]
    notes = [["Notes, with a comma; and more"], HEADER, [1, "a", '"4,7"'], [2, "b", "12+14"]]
    path = tmp_path / "t.csv"
    path.write_text(
        first + "\r\n".join(sign.join(map(str, row)) for row in notes), encoding=encoding, newline=""
    )
    table = read_table(path, COLUMNS)
    assert [line.fields["au"] for line in table.lines] == ["4,7", "12+14"]
    assert [line.number for line in table.lines] == [3, 4]
    clip = Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", "a", "4", LABELS)
    path.write_text(first + clip_table.to_csv([clip]).replace(",", sign), encoding=encoding)
    assert clip_table.read_manifest(path) == [clip]


# --- files that are no workbooks ---


def archive(parts):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for name, text in parts.items():
            out.writestr(name, text)
    return data.getvalue()


def strict(path):
    write_xlsx(path, [HEADER])
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    transitional, iso = (
        b"http://schemas.openxmlformats.org/officeDocument/2006",
        b"http://purl.oclc.org/ooxml/officeDocument",
    )
    return archive({name: text.replace(transitional, iso) for name, text in parts.items()})


def locked_xls(path):
    """BIFF's record FILEPASS in the place of one of the same length."""
    write_xls(path, [HEADER])
    return path.read_bytes().replace(b"\x19\0\x02\0", b"\x2f\0\x02\0", 1)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
CONTENT = {"[Content_Types].xml": "<Types/>"}
FILES = {
    "strict.xlsx": (strict, "a workbook in Strict Open XML"),
    "t.ods": (
        archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        "an OpenDocument file (.ods",
    ),
    "t.xlsb": (archive(CONTENT | {"xl/workbook.bin": ""}), "an Excel Binary Workbook (.xlsb)"),
    "t.numbers": (archive({"Index/Document.iwa": ""}), "a document of Apple Numbers"),
    "renamed.xlsx": (archive({"Index.zip": ""}), "a document of Apple Numbers"),
    "t.zip": (archive({"t.xlsx": ""}), "a ZIP archive and no workbook"),
    "empty.xlsx": (b"", "empty, so neither .xlsx"),
    "zeros.xlsx": (bytes(200), "empty, so neither .xlsx"),
    "lfs.xlsx": (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
    "page.xls": (b"\n<html><table>", "a web page"),
    "locked.xlsx": (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    "locked.xls": (locked_xls, "protected by a password"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_workbook_says_what_it_is(name, tmp_path, capsys):
    made, expected = FILES[name]
    data = made(tmp_path / "made") if callable(made) else made
    (tmp_path / name).write_bytes(data)
    told = refusal(read_argv("mmew", tmp_path / name, tmp_path, tmp_path), capsys)
    assert name in told
    assert expected in told
    assert "save it" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "data", ["Subject,Filename".encode("utf-16-le"), "Subject,Überschrift".encode("latin-1")]
)
def test_csv_in_another_encoding(data, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    for reader in (lambda: read_table(path, COLUMNS), lambda: csv_tables.csv_rows(path)):
        with pytest.raises(InputError, match="t.csv: no CSV in UTF-8"):
            reader()


# --- characters that nobody sees ---

INVISIBLE = ["\u200b", "\ufeff", "\u00ad", "\u202e", "\u2060", "\ufe0f"]


@pytest.mark.parametrize("sign", INVISIBLE)
def test_invisible_characters_of_a_workbook_are_removed_with_a_note(sign, tmp_path, capsys):
    release = RELEASES["mmew"]()
    release.rows[0]["Filename"] = f"S01-{sign}01-001{sign}"
    release.rows[1]["OffsetFrame"] = f"60{sign}"
    annotations, frames = release.write(tmp_path)
    table = [
        [f"{sign}{name}" for name in release.header],
        *([row[h] for h in release.header] for row in release.rows),
    ]
    write_xlsx(annotations, table)
    assert cli.main([str(word) for word in read_argv("mmew", annotations, frames, tmp_path)]) == 0
    escape = visible(sign)
    assert escape != sign
    told = capsys.readouterr().err
    assert f"row 2: clip 'S01-{escape}01-001{escape}' read as 'S01-01-001'" in told
    assert f"row 3: offset '60{escape}' read as '60'" in told


@pytest.mark.parametrize("sign", INVISIBLE)
@pytest.mark.parametrize(
    ("old", "new"), [("s1,c1", "s1,{}c1"), (",1,2,3", ",1{},2,3"), ("AU4,", "A{}U4,"), (",0,s1", ",{}0,s1")]
)
def test_invisible_characters_of_a_manifest_are_refused_visibly(sign, old, new, tmp_path):
    path = tmp_path / "t.csv"
    text = clip_table.to_csv([Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", "", "", LABELS)])
    path.write_text(text.replace(old, new.format(sign), 1))
    with pytest.raises(InputError) as caught:
        clip_table.read_manifest(path)
    assert visible(sign) in str(caught.value)
    assert sign not in str(caught.value)


@pytest.mark.parametrize("column", ["dataset", "subject", "material", "AU4", "n_frames"])
def test_invisible_characters_of_the_joint_table_are_refused_visibly(column, tmp_path):
    rows = joint_rows()
    rows[0][column] = f"{rows[0][column]}\u200b"
    table = write_joint(tmp_path / "t.csv", rows)
    with pytest.raises(InputError, match=rf"row 2: {column} '.*\\u200b': characters that cannot be seen"):
        import_table(table, tmp_path / "out", {})


def test_spaces_and_accents_stay():
    assert plain("\u200e Vergnügen\u00a0 e\u0301 \u200f") == "Vergnügen  é"
