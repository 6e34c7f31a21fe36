"""CASME (Yan et al., FG 2013): the workbooks of Section A and B, or one that was made of them later.

``ApexF1`` is the first frame of the apex phase and taken as the apex; ``ApexF2``, the last, is not used,
nor are ``Onset`` and ``Total``, which are milliseconds. Frame names pad to three digits for some subjects
only. The sections' rows name a long clip and number its frames; CD6ME's clips were cut out of these and
begin anew, under other names where a long clip holds several.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from infusenet.csv_tables import csv_rows
from infusenet.databases.database_reader import Reader
from infusenet.databases.frames.clip_folders import Parts, Unnamed
from infusenet.databases.releases import Identity, Release, Sign, by_signs
from infusenet.databases.rows import Numbering, Row
from infusenet.databases.workbooks.labels import normalised

SECTIONS, CODED, MEB = "section-ab", "coded-20190721", "meb"
# Frames numbered as in a section's long clips, or as in CD6ME's.
LONG, CUT = "long", "cut"


@dataclass(frozen=True)
class Entry:
    """A row of ``release`` and CD6ME's clip, either of which may be blank; ``window`` is the row's,
    ``shift`` its numbering less CD6ME's, None where that is not known."""

    release: str
    subject: str
    row_clip: str
    window: dict[str, str]
    clip: str
    shift: int | None

    @property
    def renamed(self) -> bool:
        """Whether CD6ME has the row under another name, or the name for another row."""
        return (underscored(self.row_clip), self.shift) != (self.clip, 0) and self.shift is not None


@cache
def entries(folder: Path) -> list[Entry]:
    """The reviewed table of the rows whose clip or offset in CD6ME differs from the row itself."""
    return [
        Entry(
            row["release"],
            row["subject"],
            row["row_clip"],
            {"onset": row["row_onset"], "apex": row["row_apex"], "offset": row["offset"]},
            row["clip"],
            int(row["shift"]) if row["shift"] else None,
        )
        for row in csv_rows(folder / "casme_rows.csv")[1]
    ]


def underscored(clip: str) -> str:
    """``EP171``, as one copy has it, is ``EP17_1``."""
    return re.sub(r"\A(EP[0-9]{2})([0-9])\Z", r"\1_\2", clip, flags=re.IGNORECASE)


def spelling(clip: str) -> str:
    """``ep12_01F`` is ``EP12_01f``. The same in CASME II."""
    match = re.fullmatch("(ep[0-9_]+)(f?)", clip, re.IGNORECASE)
    return match[1].upper() + match[2].lower() if match else clip


def signs(folder: Path) -> Iterator[Sign]:
    """Rows that are in some releases only."""
    lacking = {(entry.subject, entry.clip) for entry in entries(folder) if not entry.row_clip}
    nowhere = dict.fromkeys((SECTIONS, CODED, MEB))
    for entry in entries(folder):
        onset, apex = entry.window["onset"], entry.window["apex"]
        if entry.renamed or entry.row_clip and not entry.clip:
            yield Sign(entry.subject, entry.row_clip, onset, "apex", nowhere | {entry.release: apex})
        if entry.renamed:
            cut = _less(entry.window, entry.shift)
            having = dict.fromkeys(
                [MEB, *[CODED] * ((entry.subject, entry.clip) not in lacking)], cut["apex"]
            )
            yield Sign(entry.subject, entry.clip, cut["onset"], "apex", nowhere | having)


def assign(rows: list[Row], identity: Identity, folder: Path) -> list[Row]:
    """CD6ME's ids and both numberings for the rows of a known release; in other tables names in CD6ME's spelling."""
    rows = [_renamed(row) for row in rows]
    if not identity.releases:
        return rows
    table = [entry for entry in entries(folder) if entry.row_clip]
    return [_assigned(row, identity.names, table) for row in rows]


def _renamed(row: Row) -> Row:
    """The row under CD6ME's spelling; its folder may have the row's own."""
    clip = underscored(row.clip)
    names = (row.clip, clip)
    return row if clip == row.clip else replace(row, clip=clip, numberings=(Numbering(row.window, names),))


def _assigned(row: Row, releases: frozenset[str], table: list[Entry]) -> Row:
    name = (row.subject, row.clip)
    # A row that is no clip of CD6ME is none in an edited copy of another release either.
    same = [
        e
        for e in table
        if (e.release in releases or not e.clip) and (e.subject, underscored(e.row_clip)) == name
    ]
    # A name whose shift is not known is that of one row.
    own = [e for e in same if e.window["onset"] == row.onset or e.clip and e.shift is None]
    if own and not own[0].clip:
        text = f"{row.clip}, onset {row.onset}: a row of the owners' that is no clip of CD6ME"
        return replace(_beside(row) if len(same) > 1 else row, outside=text)
    if SECTIONS in releases:
        if own:
            return _of_section(row, own[0])
        # An edited onset: the name is that of another row.
        return _beside(row) if len(same) > 1 and row.clip in {e.clip for e in same} else row
    theirs = [entry for entry in table if (entry.subject, entry.clip) == (row.subject, row.clip)]
    return _renumbered(row, theirs[0], row.window, theirs[0].window) if theirs else row


def _beside(row: Row) -> Row:
    """A row that shares its name with others, under a name of its own; its folder has the shared one."""
    return replace(row, clip=f"{row.clip}_{row.onset}", numberings=(Numbering(row.window, (row.clip,)),))


def _of_section(row: Row, entry: Entry) -> Row:
    offset = row.fields["offset"]
    if not re.search("[0-9]", offset):
        remark = f"offset '{offset}' is {entry.window['offset']} by CD6ME"
        row = replace(row, fields=row.fields | {"offset": entry.window["offset"]}, remark=remark)
    row = replace(row, clip=entry.clip, tree=LONG)
    return _renumbered(row, entry, _less(row.window, entry.shift or 0), row.window)


def _renumbered(row: Row, entry: Entry, cut: dict[str, str], long: dict[str, str]) -> Row:
    """With both numberings, where the folder or the numbers differ."""
    if entry.shift == 0 and entry.row_clip == entry.clip == row.fields["clip"]:
        return row
    names = tuple(dict.fromkeys((entry.row_clip, underscored(entry.row_clip))))
    cut_names = dict.fromkeys((entry.clip, *names) if entry.clip in names else (entry.clip,))
    ways = [Numbering(cut, tuple(cut_names), CUT)]
    if entry.shift is None:  # a folder that has CD6ME's window alone is one of clips that were cut out
        ways += [Numbering(long, names, LONG, corrected=False, own=True), Numbering(cut, names, LONG)]
    else:
        ways.append(Numbering(long, names, LONG, corrected=False))
    return replace(row, numberings=tuple(ways))


def _less(window: dict[str, str], shift: int) -> dict[str, str]:
    """Frame numbers less ``shift``; other texts stay as they are, to be refused when they are read."""
    return {name: str(int(text) - shift) if text.isdecimal() else text for name, text in window.items()}


def folders(row: Row) -> list[list[Parts]]:
    """``sub01/EP01_12``, in some copies ``sub1``; others re-sorted it by emotion. The same in CASME II."""
    clip, emotion = row.fields.get("clip", row.clip), row.fields["emotion"].lower()
    owners = [(f"sub{row.subject}", clip), (f"sub{int(row.subject)}", clip)]
    emotions = [Unnamed((text, clip)) for text in dict.fromkeys((emotion, normalised(emotion, {})))]
    return [owners, emotions] if emotion.isalpha() else [owners]


READER = Reader(
    database="casme",
    releases=[
        Release(MEB, "MEB's casme.xlsx (189 rows)", 189),
        Release(
            SECTIONS, "the workbooks of Section A and B", 197,
            "21 rows are CD6ME's clips under other names, 16 of them in another numbering, which the frames "
            "on disk decide; of 03/EP07_1, 03/EP09_3 and 03/EP09_4 CD6ME's windows hold for clips that were "
            "cut out only; 19 offsets are CD6ME's; 8 rows are no clips of CD6ME; the emotion of 06/EP09_5 "
            "differs",
            frozenset({"emotion"}),
        ),
        Release(
            CODED, "CASME-coded-20190721", 193,
            "6 of CD6ME's clips are absent (14/EP08_2, 14/EP09_3, 17/EP17_1, 17/EP17_5, 17/EP17_6, "
            "18/EP02_7), 10 rows of subject 07 are no clips of CD6ME, the emotions of 06/EP02_2, 07/EP07_2, "
            "07/EP08_2 and 08/EP12_2_12 differ; the workbooks of Section A and B have all 189",
            frozenset({"emotion"}),
        ),
    ],
    identify=by_signs(signs),
    fps=60,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename", "Code"),
        # "Onset" is none of them: here it is a duration.
        "onset": ("OnsetF", "OnsetFrame"),
        "apex": ("ApexF1", "ApexF", "ApexFrame"),
        "offset": ("OffsetF", "OffsetFrame"),
        "au": ("AU", "AUs", "Action Units"),
        "emotion": ("Emotion", "Estimated Emotion"),
    },
    subject=(r"([0-9]{1,2})", "{:02d}"),
    folders=folders,
    assign=assign,
    spelling=spelling,
)  # fmt: skip
