"""The joint table of six databases, with a clip or two of each."""

import csv

from infusenet.databases.workbooks.au_strings import AU_NUMBERS, parse

JOINT = {
    "casme": [("01", "EP01_12", 73, 81, 91, "4", "tense"), ("02", "EP01_12", 1, 2, 9, "L12", "tense")],
    "casme2": [("01", "EP02_01f", 46, 59, 86, "12", "happiness")],
    "samm": [("006", "006_1_2", 5562, 5588, 5632, "4+7", "Anger")],
    "fourd": [("S08", "S08_002_01_1", 1831, 1847, 1855, "AU5+45", "Others")],
    "mmew": [("1", "S01-04-001", 1, 11, 28, "4", "repression")],
    "casme3a": [
        ("spNO.1", "e", 62, 68, 96, "R12", "others"),
        ("spNO.1", "e2", 96, 102, 106, "R12", "others"),
    ],
}


def joint_rows() -> list[dict]:
    return [
        {
            "subject": subject, "material": clip, "onset": onset, "apex": apex, "offset": offset,
            "apexf": apex - onset, "AU": au, "emotion": emotion, "n_frames": offset - onset + 1, "dataset": key,
            **{f"AU{n}": int(n in parse(au).active) for n in AU_NUMBERS},
        }
        for key, lines in JOINT.items()
        for subject, clip, onset, apex, offset, au, emotion in lines
    ]  # fmt: skip


def write_joint(path, rows, columns=None):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows([row | {"AU5": f"{row['AU5']}.0"} if row["AU5"] in (0, 1) else row for row in rows])
    return path
