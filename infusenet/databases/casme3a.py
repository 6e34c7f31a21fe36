"""CAS(ME)^3 part A (Li et al., TPAMI 2023): ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx``.

The table names films by a letter that repeats for every micro-expression in the film. The joint
table keeps the first bare and counts on from 2 in the order of the rows: ``e``, ``e2``, ``e3``.
"""

from dataclasses import replace

from infusenet.databases.core import Reader
from infusenet.databases.releases import Release
from infusenet.databases.rows import Row
from infusenet.databases.workbook import Line

# The workbook's onsets of clips whose onset the joint table corrects: the owners' clips are named by
# them. That of the second is not published.
OWN_ONSETS = {("spNO.216", "e"): "0", ("spNO.216", "d"): "*"}


def folders(row: Row) -> list[list[tuple[str, ...]]]:
    """MEB's extraction, the whole films, the owners' clips (named by the table's own onset)."""
    film = row.clip.rstrip("0123456789")
    onsets = dict.fromkeys(
        (row.fields["onset"], OWN_ONSETS.get((row.subject, row.clip), row.fields["onset"]))
    )
    clips = [f"{row.subject}_{film}_{onset}" for onset in onsets]
    extracted, long = (row.subject, row.clip, "color"), (row.subject, film, "color")
    crops = [[parts[:-1]] for parts in (extracted, long)]  # some crop tools leave out ``color``
    return [[extracted], [long], *([(clip,), ("frame", clip)] for clip in clips), *crops]


def keep(line: Line) -> bool:
    """A table of micro and macro rows says which is which; the label table has micro rows only."""
    said = line.extra.get("expressiontype", "Micro-expression")
    kind = "".join(filter(str.isalnum, said.lower()))
    if kind not in ("microexpression", "macroexpression"):
        raise ValueError(f"Expression type '{said}', expected Micro-expression or Macro-expression")
    return kind == "microexpression"


def rename(rows: list[Row]) -> list[Row]:
    """Ids by the order of rows; a second row with the same film and onset gets the first one's id."""
    films: dict[tuple[str, str], dict[str, str]] = {}
    renamed = []
    for row in rows:
        clips = films.setdefault((row.subject, row.clip.lower()), {})
        rank = str(len(clips) + 1) if clips else ""
        renamed.append(replace(row, clip=clips.setdefault(row.fields["onset"], row.clip + rank)))
    return renamed


READER = Reader(
    database="casme3a",
    releases=[
        Release(
            "part_A_ME_label_JpgIndex_v2 (860 rows)",
            lambda sheet: sheet.rows == 860 and "expressiontype" not in sheet.columns,
        ),
        Release("CAS(ME)3_part_A, which has macro rows too", lambda sheet: "expressiontype" in sheet.columns),
    ],
    fps=30,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "au": ("AU",),
        "emotion": ("emotion",),
    },
    subject=(r"spNO\.([0-9]{1,3})", "spNO.{}"),
    folders=folders,
    keep=keep,
    rename=rename,
    comma=True,
    gaps=True,
)
