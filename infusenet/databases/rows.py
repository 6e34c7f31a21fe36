"""Between an owner's table and clips: ``Row``, an annotated row, and ``Reading``, the result for a table."""

import re
from dataclasses import dataclass, field

from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import Clip
from infusenet.databases.row_problems import Place, RefusedRow

WINDOW = ("onset", "apex", "offset")


def shortest(text: str) -> str:
    """A whole number without the zeros of ``063`` and ``63.0``; other texts as they are."""
    match = re.fullmatch(r"([0-9]{1,9})(?:\.0*)?", text)
    return str(int(match[1])) if match else text


@dataclass(frozen=True)
class Numbering:
    """One way in which a clip's frames may be named and numbered on disk.

    ``window`` {onset, apex, offset: text}; ``names`` of the clip's folder, empty: as the row has it;
    ``tree`` the kind of frames root that is numbered so, empty: any; ``corrected``: the errata are in
    this numbering; ``own``: the window is the owner's and not CD6ME's.
    """

    window: dict[str, str]
    names: tuple[str, ...] = ()
    tree: str = ""
    corrected: bool = True
    own: bool = False


@dataclass(frozen=True)
class Row:
    """One annotated clip before its values are trusted.

    ``fields`` holds the owner's subject, clip, onset, apex, offset, au and emotion as text;
    ``subject`` and ``clip`` the ids in the form of the joint table. ``tree`` is the kind of frames root in whose
    numbers the owner's window is, empty: not known. ``outside`` says why the row is
    known to be none of CD6ME's clips, ``remark`` what was settled about it; ``numberings`` are in order
    of preference, empty: frames are numbered as in the row. ``owner_onsets`` are those that the owner
    distributes for a row whose onset an erratum corrects.
    """

    place: Place
    fields: dict[str, str]
    subject: str
    clip: str
    extra: dict[str, str]
    outside: str = ""
    remark: str = ""
    numberings: tuple[Numbering, ...] = ()
    owner_onsets: tuple[str, ...] = ()
    tree: str = ""

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.clip}"

    @property
    def onset(self) -> str:
        """The owner's onset."""
        return shortest(self.fields["onset"])

    @property
    def window(self) -> dict[str, str]:
        return {name: self.fields[name] for name in WINDOW}


@dataclass(frozen=True)
class Reading:
    """The result of reading a table: clips in its order, refused rows, a sentence if its release is not the
    one that the reader was made for, and findings on clips that are kept.

    ``releases`` names those that the table can be, none if it is of no known one; ``corrected`` {subject/clip:
    the fields that an erratum sets}.
    """

    clips: list[Clip]
    refused: list[RefusedRow]
    release: str | None
    findings: list[Finding] = field(default_factory=list)
    releases: frozenset[str] = frozenset()
    corrected: dict[str, frozenset[str]] = field(default_factory=dict)
