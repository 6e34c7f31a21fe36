"""The labels of a row: its AU cell, an erratum, 0/1 columns, and another coding than CD6ME's."""

from collections.abc import Collection, Mapping

from infusenet.databases.read_options import CD6ME_LABELS, Options
from infusenet.databases.row_problems import Notes, RowError
from infusenet.databases.rows import Row, shortest
from infusenet.databases.workbooks.au_strings import AU_NUMBERS, parse
from infusenet.databases.workbooks.cells import au_columns
from infusenet.protocol import AUS

FIELDS = ("au", "emotion")
# Spellings of emotions in the owners' tables -> the usual one.
SPELLINGS = {"comtempt": "contempt", "happy": "happiness", "other": "others", "sad": "sadness"}


def settled(
    row: Row, fix: Mapping[str, str], cd6me: Mapping[str, str], notes: Notes, options: Options
) -> dict[str, str]:
    """{au, emotion} of a row: the owner's, corrected by an erratum, or CD6ME's where that is asked for.

    ``cd6me`` are CD6ME's values of the cells in which another coding differs from it.
    """
    own = {name: row.fields[name] for name in FIELDS}
    values = own | {name: fix[name] for name in FIELDS if name in fix}
    for name in FIELDS:
        if values[name] != own[name]:
            text = f"{name} '{own[name]}' repaired to '{values[name]}' from the errata"
            notes.add("errata applied", row.place, text)
    takes_cd6me = options.labels == CD6ME_LABELS
    differs = _differs_in_text if takes_cd6me else _differs
    differing = {name: text for name, text in cd6me.items() if differs(name, values[name], text)}
    if not differing:
        return values
    if takes_cd6me:
        texts = [f"{name} '{values[name]}' replaced by CD6ME's '{text}'" for name, text in differing.items()]
    else:
        texts = [f"{name} '{values[name]}', CD6ME's is '{text}'" for name, text in differing.items()]
    notes.add("labels of another coding", row.place, f"clip {row.key}: {'; '.join(texts)}")
    notes.find(row.key, "cd6me_labels" if takes_cd6me else "other_labels", "; ".join(texts))
    return values | differing if takes_cd6me else values


def _differs_in_text(name: str, own: str, cd6me: str) -> bool:
    """Whether two emotions or AU cells differ beyond blanks and the zeros of a number (``14.0``)."""
    return shortest(own.replace(" ", "")) != cd6me


def _differs(name: str, own: str, cd6me: str) -> bool:
    """Whether two emotions, or the twelve of two AU cells, differ."""
    if name != "au":
        return normalised(own, {}) != normalised(cd6me, {})
    try:
        return bool((parse(own).active ^ parse(cd6me).active) & set(AUS))
    except ValueError:  # which is reported where the cell is read
        return True


def active_aus(
    row: Row,
    text: str,
    corrected: bool,
    notes: Notes,
    options: Options,
    *,
    comma: bool = False,
    columns_count: bool = False,
    contradictions: Collection[tuple[str, str]] = (),
) -> dict[int, int]:
    """AU number -> 0 or 1, for all of ``AU_NUMBERS``, from the AU cell ``text`` and the 0/1 columns.

    Parameters
    ----------
    corrected
        ``text`` is another than the owner's, because the row's AUs were wrong, columns included.
    comma
        Commas may stand between AUs.
    columns_count
        The workbook has 0/1 columns ``AU<n>``, which beat the string.
    contradictions
        (subject, clip) whose columns are known to contradict the string.

    Raises
    ------
    ValueError
        The cell or a column is not understood, or in strict mode they contradict each other.
    """
    if options.blank_au and not text:
        notes.add("blank AU", row.place, "AU cell is blank; taken as no AU")
        text = "?"
    try:
        aus = parse(text, comma)
    except ValueError as error:
        raise RowError("unknown_au", str(error)) from None
    if "," in text:
        notes.add("comma", row.place, f"AU '{text}': comma read as '+'")
    if both := aus.plain & aus.kept:
        notes.add("kept AU", row.place, f"AU '{text}': {_names(both)} plain and (k); taken as not active")
    active = aus.active
    if columns_count and not corrected and (columns := au_columns(row.extra)):
        marked = {n for n, value in columns.items() if value}
        if unknown := marked - set(AU_NUMBERS):
            raise RowError("unknown_au", f"column {_names(unknown)} is 1, which is none of the known AUs")
        if marked - aus.kept != {n for n in active if n in columns}:
            contradiction = f"AU '{text}' but its 0/1 columns say {_names(marked) or 'none'}"
            if options.strict and (row.subject, row.clip) not in contradictions:
                raise ValueError(f"strict: {contradiction}")
            notes.add("AU columns differ", row.place, f"{contradiction}; columns taken")
        active = (marked | {n for n in active if n not in columns}) - aus.kept
    return {n: int(n in active) for n in AU_NUMBERS}


def _names(aus: Collection[int]) -> str:
    return "+".join(f"AU{n}" for n in sorted(aus))


def normalised(text: str, spellings: Mapping[str, str]) -> str:
    """Lower case, each part of ``Surprise+Positive`` in its usual spelling; ``spellings`` come first."""
    usual = SPELLINGS | spellings
    parts = (part.strip() for part in text.lower().split("+"))
    return "+".join(usual.get(part, part) for part in parts)
