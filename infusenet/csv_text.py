"""CSV as spreadsheet programs of all countries write it: its encoding and its delimiter. Standard library only."""

import codecs
import csv
import io
import re
from pathlib import Path

from infusenet.errors import InputError

DELIMITERS = (",", ";", "\t")


def readings(path: Path) -> list[list[list[str]]]:
    """The rows of cells under each delimiter that the file may have; one reading if it names its own.

    A first line ``sep=;`` names the delimiter and is no row. Which reading is right only the header
    tells, so the caller chooses.

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
        raise InputError(f"{path}: no CSV in UTF-8 ({error}); save it again as such") from None
