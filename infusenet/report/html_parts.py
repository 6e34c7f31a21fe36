"""Parts of HTML pages: head, tables, embedded pictures. Pages need no network and hold no scripts."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 14px/1.4 sans-serif; margin: 2em; max-width: 75em }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: 3px 10px; text-align: left }
td { border-top: 1px solid #ccc; vertical-align: top } td.number { text-align: right }
"""


def head(title: str, style: str = "") -> str:
    """The start of a page up to its body; ``style`` is CSS after the common one."""
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}{style}</style>'


def image(data: bytes, kind: str, alt: str = "") -> str:
    """An ``img`` element with the picture inside; ``kind`` is jpeg or png, ``alt`` its text."""
    text = base64.b64encode(data).decode()
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{text}">'


def cell(value) -> str:
    """A table's cell; numbers stand at its right."""
    number = ' class="number"' if isinstance(value, int) else ""
    return f"<td{number}>{escape(str(value))}</td>"


def table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of rows of cells (`cell`) below the names of its columns."""
    names = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f"<table><tr>{names}</tr>\n{lines}</table>"
