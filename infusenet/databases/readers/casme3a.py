"""CAS(ME)^3 part A (Li et al., TPAMI 2023): ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`` and relatives.

The tables name films by a letter that repeats for every micro-expression in the film. The joint table
keeps the first bare and counts on from 2: ``e``, ``e2``, ``e3``, in the order of 860 rows; in other
tables these ids are found by film and onset.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases.database_reader import Reader
from infusenet.databases.errata import Erratum, with_owner_onsets
from infusenet.databases.releases import Identity, Release, SheetTraits, Sign, vote
from infusenet.databases.row_problems import Place
from infusenet.databases.rows import Row
from infusenet.databases.workbooks.cells import frame_numbers
from infusenet.databases.workbooks.workbook import Line, plain, read_table
from infusenet.errors import raise_all

COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset", "OnsetFrame"),
    "apex": ("Apex", "ApexFrame"),
    "offset": ("Offset", "OffsetFrame"),
    "au": ("AU", "AUs", "Action Units"),
    "emotion": ("emotion", "Estimated Emotion"),
}

V2 = Release("label-v2", "part_A_ME_label_JpgIndex_v2 (860 rows)", 860)
SOUND = Release("label-v2-corrected", "part_A_ME_label_JpgIndex_v2 with the owner's slips corrected", 860)
V1 = Release("label-v1", "part_A_ME_label_JpgIndex_v1", 921, differs=frozenset({"apex"}))
FULL_V2 = Release(
    "full-v2", "CAS(ME)3_part_A_v2, which has macro rows too", 860, differs=frozenset({"emotion"})
)
FULL_V1 = Release(
    "full-v1", "CAS(ME)3_part_A_v1, which has macro rows too", 921, differs=frozenset({"apex", "emotion"})
)

# The part of CD6ME's expressions in a table of a known release.
LEAST_SHARE = 0.05

# Rows that v1 lacks; in v2 their slips are there or not.
SIGNS = [
    Sign("spNO.216", "d", "3647", "onset", {V2.name: "3647", SOUND.name: None}),
    Sign("spNO.216", "d", "2647", "onset", {V2.name: None, SOUND.name: "2647"}),
    Sign("spNO.149", "d", "112", "apex", {V2.name: "83", SOUND.name: "160"}),
    Sign("spNO.40", "e", "1812", "offset", {V2.name: "0", SOUND.name: "1845"}),
    Sign("spNO.40", "e", "2327", "offset", {V2.name: "0", SOUND.name: "2403"}),
]


@cache
def ids(folder: Path) -> dict[str, str]:
    """CD6ME's ``subject/clip`` by the key of an expression."""
    return {row["key"]: row["clip"] for row in csv_rows(folder / "casme3a_ids.csv")[1]}


def key_of(row: Row, onset: str) -> str:
    """Of an expression: the first 16 hexadecimal digits of sha256 of ``spNO.1/e/62``, the onset as the
    owners distribute it."""
    text = f"{row.subject}/{row.fields['clip'].lower()}/{onset}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cd6me_id(row: Row, folder: Path) -> str:
    """CD6ME's ``subject/clip`` of an expression, empty for none; a copy may have corrected its onset."""
    keys = (key_of(row, onset) for onset in _onsets(row))
    return next((ids(folder)[key] for key in keys if key in ids(folder)), "")


def identify(sheet: SheetTraits, releases: Sequence[Release], folder: Path) -> Identity:
    """A table is of a known release if two of its expressions, and one in twenty, are CD6ME's; or half of them.

    In a full table one in five is, also where no column marks its macro rows. In made-up tables one in
    thousands can be by chance.
    """
    shared = [clip for row in sheet.rows if (clip := cd6me_id(row, folder))]
    share = len(shared) / max(len(sheet.rows), 1)
    if share < (LEAST_SHARE if len(shared) > 1 else 0.5):
        return Identity()
    outside, absent = len(sheet.rows) - len(shared), len(set(ids(folder).values()) - set(shared))
    vote_result = vote(sheet.rows, (V2, SOUND), SIGNS)
    edits = vote_result.edits
    if vote_result.releases:
        release = vote_result.releases[0]
        edits += (f"{outside} expressions that it does not have",) * bool(outside)
    else:
        release = V1 if outside else V2
    if "expressiontype" in sheet.columns:
        release = FULL_V1 if release == V1 else FULL_V2
    parts = [
        f"{outside} of its expressions are none of CD6ME's" * bool(outside),
        f"{absent} of CD6ME's are absent" * bool(absent),
        "v2 has 15 other apexes" * (release in (V1, FULL_V1)),
    ]
    return Identity((release,), edits, ", ".join(filter(None, parts)) or "no clip differs")


def assign(rows: list[Row], identity: Identity, folder: Path) -> list[Row]:
    """CD6ME's ids by film and onset; in a table of no known release ids by the order of rows."""
    if not identity.releases:
        return ranked(rows)
    return [_assigned(row, cd6me_id(row, folder)) for row in rows]


def _assigned(row: Row, key: str) -> Row:
    film = row.fields["clip"].lower()
    if key:
        return replace(row, clip=key.removeprefix(f"{row.subject}/"))
    text = f"film {film}, onset {row.onset}: an expression that is no clip of CD6ME"
    return replace(row, clip=f"{film}_{row.onset}", outside=text)


def ranked(rows: list[Row]) -> list[Row]:
    """Ids by the order of rows; a second row with the same film and onset gets the first one's id."""
    films: dict[tuple[str, str], dict[str, str]] = {}
    ranked_rows = []
    for row in rows:
        clips = films.setdefault((row.subject, row.clip.lower()), {})
        rank = str(len(clips) + 1) if clips else ""
        ranked_rows.append(replace(row, clip=clips.setdefault(row.fields["onset"], row.clip + rank)))
    return ranked_rows


def emotions_of(rows: list[Row], path: Path, errata: Sequence[Erratum], folder: Path) -> list[Row]:
    """Blank emotions from a label table, joined by subject, film and onset.

    Raises
    ------
    InputError
        No such table, cells that cannot be read, or two emotions for one expression.
    """
    columns = {name: COLUMNS[name] for name in ("subject", "clip", "onset", "emotion")}
    emotions: dict[str, str] = {}
    problems = []
    for line in read_table(path, columns).lines:
        try:
            key, emotion = _emotion(line, errata, folder)
            if (other := emotions.setdefault(key, emotion)) != emotion:
                raise ValueError(f"'{other}' and '{emotion}' for one expression; expected one emotion")
        except ValueError as error:
            problems.append(f"row {line.number}: {error}")
    raise_all(problems, str(path))
    return [
        row
        if row.fields["emotion"]
        else replace(row, fields=row.fields | {"emotion": emotions.get(_joined(row, folder), "")})
        for row in rows
    ]


def _emotion(line: Line, errata: Sequence[Erratum], folder: Path) -> tuple[str, str]:
    """An expression's name and emotion; ValueError where a cell cannot be read."""
    if line.fault:
        raise ValueError(line.fault)
    fields = {name: plain(text) for name, text in line.fields.items()}
    row = Row(Place(line.number), fields, READER.subject_id(fields["subject"]), fields["clip"], {})
    return _joined(*with_owner_onsets([row], errata), folder), fields["emotion"]


def _joined(row: Row, folder: Path) -> str:
    """One name of an expression for all releases: its onset was corrected in some."""
    return cd6me_id(row, folder) or key_of(row, row.onset)


def folders(row: Row) -> list[list[tuple[str, ...]]]:
    """MEB's extraction, the whole films, the owners' clips (named by the onset that they distribute)."""
    film = row.clip.rstrip("0123456789")
    if "clip" in row.fields:
        film = row.fields["clip"]
    clips = [f"{row.subject}_{film}_{onset}" for onset in _onsets(row)]
    extracted, long = (row.subject, row.clip, "color"), (row.subject, film, "color")
    crops = [[parts[:-1]] for parts in (extracted, long)]  # some crop tools leave out ``color``
    return [[extracted], [long], *([(clip,), ("frame", clip)] for clip in clips), *crops]


def _onsets(row: Row) -> list[str]:
    """The row's onset, and the owners' where an erratum replaced it."""
    return list(dict.fromkeys([row.onset, *row.owner_onsets]))


def keep(line: Line) -> bool:
    """A table of micro and macro rows says which is which; the label table has micro rows only."""
    kind_text = line.extra.get("expressiontype", "Micro-expression")
    kind = "".join(filter(str.isalnum, kind_text.lower()))
    if kind not in ("microexpression", "macroexpression"):
        raise ValueError(f"Expression type '{kind_text}', expected Micro-expression or Macro-expression")
    return kind == "microexpression"


def damage(lines: list[Line]) -> int:
    """The number of micro-expressions whose window cannot be one."""
    return sum(map(_is_damaged, lines))


def _is_damaged(line: Line) -> bool:
    try:
        if keep(line):
            frame_numbers({name: plain(text) for name, text in line.fields.items()})
    except ValueError:
        return True
    return False


READER = Reader(
    database="casme3a",
    releases=[V2, SOUND, V1, FULL_V2, FULL_V1],
    identify=identify,
    fps=30,
    columns=COLUMNS,
    subject=(r"spNO\.([0-9]{1,3})", "spNO.{}"),
    folders=folders,
    optional=frozenset({"emotion"}),
    damage=damage,
    keep=keep,
    assign=assign,
    emotions_of=emotions_of,
    comma=True,
    gaps=True,
)
