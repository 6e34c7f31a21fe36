"""4DME (Li et al., TAFFC 2022), gray modality: ``4DME_Labelling_Micro_release v1.xlsx``.

The workbook has 0/1 columns beside the AU string, and ``(k)`` in the string marks an AU that was
there before the clip and is not active.
"""

from infusenet.databases.database_reader import Reader
from infusenet.databases.frames.clip_folders import Parts
from infusenet.databases.readers.mmew import spelling
from infusenet.databases.readers.samm import problem
from infusenet.databases.releases import Release, by_layout
from infusenet.databases.rows import WINDOW, Row


def folders(row: Row) -> list[list[Parts]]:
    """``S08/S08_002_01_1``, the long video that the clip was cut from, the pre-release without subjects.

    ``S08_002_01_1`` is the first expression in long video ``S08_002_01``, whose numbers it keeps. Folders
    of the pre-release say the session too (``S13_1st_001_01_1``), and some end in a hyphen.
    """
    subject, *numbers = row.clip.split("_")
    long = ["_".join((subject, *numbers[:count])) for count in range(len(numbers) - 1, 0, -1)]
    owner = row.fields.get("clip", row.clip)
    flat = dict.fromkeys((owner, row.clip, f"{row.clip}-", "_".join((subject, "*", *numbers))))
    return [
        [(row.subject, row.clip)],
        [(row.subject, name) for name in long],
        [(name,) for name in flat],
    ]


READER = Reader(
    database="fourd",
    releases=[
        Release("v1", "release v1 (267 rows)", 267),
        Release("pre-release", "the pre-release of 2022", 0, differs=frozenset({*WINDOW, "au", "emotion"})),
    ],
    identify=by_layout(
        **{
            "v1": lambda sheet: sheet.count == 267 and "videonumber" not in sheet.columns,
            "pre-release": lambda sheet: "videonumber" in sheet.columns,
        }
    ),
    fps=60,
    columns={
        "subject": ("sub_ID", "SubID", "Subject"),
        "clip": ("fold_name", "Filename"),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "au": ("AUs", "AU"),
        "emotion": ("Emotion",),
    },
    subject=(r"S?([0-9]{1,2})", "S{:02d}"),
    folders=folders,
    problem=problem,
    spelling=spelling,
    au_columns=True,
    contradictions=frozenset({("S57", "S57_002_01_1")}),
)
