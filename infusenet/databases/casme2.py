"""CASME II (Yan et al., PLoS ONE 2014): ``CASME2-coding-20190701.xlsx`` and its relatives.

The official table has 255 rows; the joint table also has 24/EP02_02f. One apex is ``/`` and some AUs
are ``?``.
"""

from infusenet.databases.casme import folders
from infusenet.databases.core import Reader
from infusenet.databases.releases import Release, rows

READER = Reader(
    database="casme2",
    releases=[
        Release(
            "the updated coding (256 rows, with 24/EP02_02f)",
            lambda sheet: sheet.rows == 256 and ("24", "EP02_02f") in sheet.keys,
        ),
        Release("the official coding of 2014 or 2019", rows(255)),
    ],
    fps=200,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "au": ("Action Units",),
        "emotion": ("Estimated Emotion",),
    },
    subject=(r"([0-9]{1,2})", "{:02d}"),
    folders=folders,
)
