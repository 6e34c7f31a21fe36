"""MMEW (Ben et al., TPAMI 2022), micro-expressions: ``MMEW_Micro_Exp.xlsx``.

A clip ``S04-02-001`` is person, emotion and sample. Folders are named by emotion, and what the
table calls ``others`` lies under ``repression``, so the folder follows from the clip's name.
"""

import re
from itertools import product

from infusenet.databases.database_reader import Reader
from infusenet.databases.releases import Release, by_layout
from infusenet.databases.rows import Row
from infusenet.databases.workbooks.labels import normalised

EMOTIONS = ("happiness", "surprise", "disgust", "repression", "fear", "sadness", "anger")
SPELLINGS = {"other": "repression", "others": "repression"}
CLIP = re.compile(r"S([0-9]{2})-0([1-7])-[0-9]{3}", re.IGNORECASE)


def emotion_of(row: Row) -> str:
    return EMOTIONS[int(CLIP.fullmatch(row.clip)[2]) - 1]


def spelling(clip: str) -> str:
    """``s04-02-001`` is ``S04-02-001``; the same in 4DME."""
    return clip[:1].upper() + clip[1:]


def folders(row: Row) -> list[list[tuple[str, ...]]]:
    """``disgust/S04-03-001``, the same below the subject, or all clips side by side; the top folder may hold
    macro-expressions too."""
    emotion = emotion_of(row)
    emotions = [emotion, "others"] if emotion == "repression" else [emotion]
    number = int(row.subject)
    above = [(), (str(number),), (f"{number:02d}",), (f"S{number:02d}",)]
    below = dict.fromkeys((*subject, name, row.clip) for subject, name in product(above, emotions))
    return [
        [*spellings, *(("Micro_Expression", *parts) for parts in spellings)]
        for spellings in (below, [(row.clip,)])
    ]


def problem(row: Row) -> str | None:
    """Person and emotion in the clip's name against the row's own."""
    match = CLIP.fullmatch(row.clip)
    if not match or int(match[1]) != int(row.subject):
        return f"clip '{row.clip}' of subject {row.subject}, expected a form like 'S{int(row.subject):02d}-02-001'"
    emotion = normalised(row.fields["emotion"], SPELLINGS)
    return _contradiction(row) if emotion in EMOTIONS and emotion != emotion_of(row) else None


def oddity(row: Row) -> str | None:
    """An emotion that is none of the seven cannot be checked."""
    return None if normalised(row.fields["emotion"], SPELLINGS) in EMOTIONS else _contradiction(row)


def _contradiction(row: Row) -> str:
    return f"emotion '{row.fields['emotion']}', but the clip's name {row.clip} says {emotion_of(row)}"


READER = Reader(
    database="mmew",
    releases=[Release("v1", "MMEW_Micro_Exp (300 rows)", 300)],
    identify=by_layout(v1=lambda sheet: sheet.count == 300),
    fps=90,
    columns={
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetFrame", "Onset"),
        "apex": ("ApexFrame", "Apex"),
        "offset": ("OffsetFrame", "Offset"),
        "au": ("Action Units", "AUs", "AU"),
        "emotion": ("Estimated Emotion", "Emotion"),
    },
    subject=(r"([0-9]{1,2})", "{}"),
    folders=folders,
    problem=problem,
    oddity=oddity,
    spelling=spelling,
    emotions=SPELLINGS,
)
