"""CASME (Yan et al., FG 2013): ``CASME.xls``.

``ApexF1`` is the apex; ``ApexF2``, a second one, is not used, nor are ``Onset`` and ``Total``, which
are no frame numbers. Frame names pad to three digits for some subjects only.
"""

from infusenet.databases.core import Reader
from infusenet.databases.emotions import normalised
from infusenet.databases.folders import Parts, Unnamed
from infusenet.databases.releases import Release, rows
from infusenet.databases.rows import Row


def folders(row: Row) -> list[list[Parts]]:
    """``sub01/EP01_12``, in some copies ``sub1``; others re-sorted it by emotion. The same in CASME II."""
    clip, emotion = row.fields.get("clip", row.clip), row.fields["emotion"].lower()
    owners = [(f"sub{row.subject}", clip), (f"sub{int(row.subject)}", clip)]
    emotions = [Unnamed((text, clip)) for text in dict.fromkeys((emotion, normalised(emotion, {})))]
    return [owners, emotions] if emotion.isalpha() else [owners]


READER = Reader(
    database="casme",
    releases=[Release("CASME.xls (189 rows)", rows(189))],
    fps=60,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetF",),
        "apex": ("ApexF1",),
        "offset": ("OffsetF",),
        "au": ("AU",),
        "emotion": ("Emotion",),
    },
    subject=(r"([0-9]{1,2})", "{:02d}"),
    folders=folders,
)
