"""Names of subjects, clips and emotions in the owners' forms, first frame numbers, and special clips."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Special:
    """A clip that a quirk of its workbook needs: AUs with sides, and the apex of an erratum."""

    aus: dict[int, str]
    apex: int = 0


# The errata repair exactly these clips, so the values of the errata are rendered.
SPECIAL = {
    "casme2": {("04", "EP12_01f"): Special({4: "LR"}, apex=279), ("05", "EP05_03"): Special({})},
    "samm": {
        ("007", "007_6_1"): Special({12: "R", 15: "R"}),
        ("011", "011_4_2"): Special({14: "L"}),
    },
}
# Other clips with an erratum: their real values would replace ours, so no stand-in has such a name.
RESERVED = {
    "casme": {("03", "EP07_1"), ("03", "EP09_3"), ("03", "EP09_4"), ("06", "EP02_7"), ("13", "EP13_5")},
    "samm": {
        ("007", "007_6_5"), ("013", "013_1_9"), ("014", "014_5_2"), ("028", "028_4_1"),
        ("032", "032_3_1"), ("032", "032_3_2"), ("035", "035_7_2"),
    },
    "fourd": {
        ("S49", "S49_001_01_1"), ("S49", "S49_001_01_2"), ("S14", "S14_001_01_5"), ("S25", "S25_002_02_1"),
        ("S42", "S42_003_01_1"), ("S50", "S50_002_06_1"), ("S61", "S61_003_03_5"), ("S65", "S65_003_06_2"),
    },
}  # fmt: skip
CASME2_FIRST_FREE = 20  # CASME II's errata are about episodes before EP20
MMEW_FIRST_FREE = 50  # MMEW's errata are about samples before 050

EMOTIONS = {
    "casme": ("tense", "disgust", "repression", "surprise", "happiness", "sadness", "fear", "comtempt"),
    "casme2": ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear"),
    "samm": ("Anger", "Other", "Happiness", "Surprise", "Contempt", "Disgust", "Fear", "Sadness"),
    "fourd": ("Negative", "Positive", "Others", "Surprise", "Surprise+Positive", "Repression"),
    "mmew": ("happiness", "surprise", "disgust", "others", "fear", "sadness", "anger"),
    "casme3a": ("disgust", "surprise", "others", "fear", "anger", "sad", "happy"),
}


def _spread(first: int, last: int, count: int) -> list[int]:
    return [int(n) for n in np.unique(np.linspace(first, last, count).round().astype(int))]


def _samm(count: int, demo: bool) -> list[str]:
    numbers = [n for n in range(6, 38) if n not in (8, 27, 29)]
    selection = [6, 7, 10, 11, 15, 20, 26, 33] if demo else numbers[:count]
    return [f"{n:03d}" for n in selection]


def _casme3a(count: int, demo: bool) -> list[str]:
    numbers = [n for n in range(1, 218) if n not in (40, 149, 214, 216)]
    selection = [numbers[i] for i in _spread(0, len(numbers) - 1, count)]
    return [f"spNO.{n}" for n in sorted(selection, key=str)]  # the workbook sorts them as text


SUBJECTS = {
    "casme": lambda count, demo: [
        f"{n:02d}" for n in ([1, 2, 4, 7, 8, 10, 12, 15] if demo else range(1, count + 1))
    ],
    "casme2": lambda count, demo: [f"{n:02d}" for n in range(1, count + 1)],
    "samm": _samm,
    "fourd": lambda count, demo: [f"S{n:02d}" for n in _spread(8, 65, count)],
    "mmew": lambda count, demo: [str(n) for n in range(1, count + 1)],
    "casme3a": _casme3a,
}


def special_clips(database: str) -> dict[tuple[str, str], Special]:
    """The special clips of a database by (subject, clip)."""
    return SPECIAL.get(database, {})


def name_clips(database: str, subjects: list[str], special, generator) -> list[tuple[str, str]]:
    """(subject, clip) for each row; ``subjects`` has the subject of each clip, in order."""
    special_names = {subject: [name for s, name in special if s == subject] for subject in set(subjects)}
    names_of: dict[str, list[str]] = {}
    rows = []
    for subject in subjects:
        names = names_of.setdefault(subject, [])
        if special_names[subject]:
            name = special_names[subject].pop(0)
        else:
            name = _name(database, subject, len(names), names, generator)
        names.append(name)
        rows.append((subject, name))
    return rows


def _name(database: str, subject: str, k: int, names: list[str], generator) -> str:
    """The next free name of a subject, in the owner's form."""
    reserved = RESERVED.get(database, set())
    for _ in range(10_000):
        name = _draw(database, subject, k, generator)
        if name not in names and (subject, name) not in reserved:
            return name
        k += 1
    raise AssertionError(f"no free clip name for {database} {subject}")


def _draw(database: str, subject: str, k: int, generator) -> str:
    episode = int(generator.integers(1, 20))
    match database:
        case "casme":
            forms = (f"EP{episode:02d}_{k + 1:02d}", f"EP{episode:02d}_{k + 1}", f"EP12_{k + 1}_1")
            return forms[k % 3]
        case "casme2":
            episode = CASME2_FIRST_FREE + episode
            return f"EP{episode}_{k + 1:02d}{'f' * (k % 3 == 0)}"
        case "samm":
            return f"{subject}_{1 + k % 7}_{1 + k // 7}"
        case "fourd":
            return f"{subject}_{1 + k % 11:03d}_{1 + k // 11:02d}_{1 + episode % 6}"
        case "mmew":
            first = MMEW_FIRST_FREE if subject in ("4", "13") else 1
            return f"S{int(subject):02d}-{1 + episode % 7:02d}-{first + k:03d}"
        case "casme3a":
            film, rank = "abcdefghijklm"[k // 3 % 13], k % 3 + k // 39 * 3
            return film if rank == 0 else f"{film}{rank + 1}"
    raise AssertionError(database)


def emotion(database: str, clip: str, generator) -> str:
    """The label of one clip; MMEW's follows from the name."""
    if database == "mmew":
        return EMOTIONS["mmew"][int(clip[4:6]) - 1]
    return str(generator.choice(EMOTIONS[database]))


def onset(database: str, generator) -> int:
    """First frame number, in the owner's range (MMEW counts every clip from 1)."""
    low, high = {
        "casme": (1, 381), "casme2": (4, 396), "samm": (83, 12256), "fourd": (23, 10392),
        "mmew": (1, 1), "casme3a": (1, 60),
    }[database]  # fmt: skip
    return int(generator.integers(low, high + 1))
