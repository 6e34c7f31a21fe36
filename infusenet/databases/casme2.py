"""CASME II (Yan et al., PLoS ONE 2014): ``CASME2-coding-20190701.xlsx`` and its relatives.

The official table has 255 rows; the joint table also has 24/EP02_02f. One apex is ``/`` and some AUs
are ``?``.
"""

from infusenet.databases.casme import folders
from infusenet.databases.core import Reader

READER = Reader(
    database="casme2",
    release_rows=256,
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
    unofficial=frozenset({("24", "EP02_02f")}),
    folders=folders,
)
