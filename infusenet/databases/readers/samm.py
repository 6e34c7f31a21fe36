"""SAMM (Davison et al., TAFFC 2018): ``SAMM_Micro_FACS_Codes_v2.xlsx``.

Notes stand above the header, AU cells carry sides, intensities and wrapped tokens, and five rows
offered a choice of AUs, which the errata settle.
"""

from infusenet.databases.database_reader import Reader
from infusenet.databases.releases import Release, by_layout
from infusenet.databases.rows import Row


def folders(row: Row) -> list[list[tuple[str, ...]]]:
    return [[(row.subject, row.clip)]]


def problem(row: Row) -> str | None:
    """A clip's name starts with its subject: ``006_1_2``; the same holds in 4DME."""
    if row.clip.upper().startswith(f"{row.subject.upper()}_"):
        return None
    return f"clip '{row.clip}' of subject {row.subject}, expected a name that starts with '{row.subject}_'"


READER = Reader(
    database="samm",
    releases=[
        Release("v2", "SAMM_Micro_FACS_Codes_v2 (159 rows, header in row 14)", 159),
        Release("bare", "SAMM_Micro_FACS_Codes_v2 without the notes", 159, "no clip differs"),
    ],
    identify=by_layout(
        v2=lambda sheet: (sheet.header, sheet.count) == (14, 159),
        bare=lambda sheet: (sheet.header, sheet.count) == (1, 159),
    ),
    fps=200,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename", "Code"),
        "onset": ("Onset Frame", "Onset"),
        "apex": ("Apex Frame", "Apex"),
        "offset": ("Offset Frame", "Offset"),
        "au": ("Action Units", "AUs", "AU"),
        "emotion": ("Estimated Emotion", "Emotion"),
    },
    subject=(r"([0-9]{1,3})", "{:03d}"),
    folders=folders,
    problem=problem,
)
