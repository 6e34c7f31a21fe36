"""The tables of CAS(ME)^3 part A in circulation, made up, with an id table of their own.

An expression is known by its subject, film and onset as the owners distribute it.
"""

import hashlib
import random
from pathlib import Path
from typing import NamedTuple

from releases import Copy, Truth, made_up, numbers, write_csv

HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
FULL_HEADER = [*HEADER[:5], "Expression type", "AU", "Objective class"]
MICRO, MACRO = "Micro-expression", "Macro-expression"
MACRO_AUS = ("12+14+25+27+B22+16", "23+15+17+29+18", "6+12", "4")


class Key(NamedTuple):
    subject: str
    film: str
    onset: int

    @property
    def digest(self) -> str:
        text = f"{self.subject}/{self.film.lower()}/{self.onset}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# Row of label v2 -> key, window of label v2, of the full v2 and the mended label v2, of CD6ME.
NAMED = {
    130: (Key("spNO.149", "d", 112), (112, 83, 170), (112, 160, 170), (112, 123, 170)),
    710: (Key("spNO.214", "c", 5), (5, 15, 3460), (5, 15, 3460), (5, 15, 34)),
    751: (Key("spNO.216", "d", 3647), (3647, 2655, 2664), (2647, 2655, 2664), (2647, 2655, 2664)),
    752: (Key("spNO.216", "e", 0), (0, 0, 25), (0, 0, 25), (1, 1, 25)),
    753: (Key("spNO.216", "e", 463), (463, 470, 480), (463, 470, 480), (463, 470, 480)),
    796: (Key("spNO.40", "e", 300), (300, 310, 320), (300, 310, 320), (300, 310, 320)),
    797: (Key("spNO.40", "e", 900), (900, 910, 920), (900, 910, 920), (900, 910, 920)),
    798: (Key("spNO.40", "e", 1812), (1812, 1826, 0), (1812, 1826, 1845), (1812, 1826, 1845)),
    799: (Key("spNO.40", "e", 1970), (1970, 1972, 1985), (1970, 1972, 1985), (1970, 1972, 1985)),
    800: (Key("spNO.40", "e", 2327), (2327, 2360, 0), (2327, 2360, 2403), (2327, 2360, 2403)),
}
CORRECTED = {"spNO.149/d", "spNO.214/c", "spNO.216/d", "spNO.216/e", "spNO.40/e3", "spNO.40/e5"}
MENDED_ONSET = Key("spNO.216", "d", 2647)
# Expressions of label v2 that v1 lacks.
NOT_IN_V1 = {"spNO.149/d", "spNO.216/d", "spNO.40/e3", "spNO.40/e5"}
MACRO_IN_V2, OTHER_APEXES = 65, 15


class Expression(NamedTuple):
    """``v2`` and ``full`` are the windows as distributed."""

    key: Key
    clip: str
    v2: tuple[int, int, int]
    full: tuple[int, int, int]
    truth: Truth

    @property
    def name(self) -> str:
        return f"{self.key.subject}/{self.clip}"


def expressions() -> list[Expression]:
    """The 860 of label v2 in its order: films of one to four of them, CD6ME's ids by their order."""
    made, films, place = [], {}, 0
    for row in range(2, 862):
        clip = made_up(row)
        if row in NAMED:
            key, v2, full, cd6me = NAMED[row]
        else:
            film, rank = divmod(place, 4)
            place += 1 if rank < film % 4 else 4 - rank
            key = Key(f"spNO.{301 + film // 3}", "aBc"[film % 3], clip.onset + 400 * rank)
            v2 = full = cd6me = tuple(number + 400 * rank for number in clip.window)
        number = films[key[:2]] = films.get(key[:2], 0) + 1
        name = key.film + (str(number) if number > 1 else "")
        made.append(Expression(key, name, v2, full, Truth(*cd6me, clip.au, clip.emotion)))
    return made


EXPRESSIONS = expressions()


def truth() -> dict[str, Truth]:
    """CD6ME's 860 clips."""
    return {made.name: made.truth for made in EXPRESSIONS}


def write_ids(path: Path) -> Path:
    """861 keys for 860 ids: one onset was corrected."""
    rows = [(made.key.digest, made.name) for made in EXPRESSIONS]
    rows.append((MENDED_ONSET.digest, "spNO.216/d"))
    return write_csv(path, [("key", "clip"), *rows])


def _line(key: Key, window, au: str, emotion: str) -> list[str]:
    """Cells are text."""
    return [key.subject, key.film, *map(str, window), au, "1", emotion]


def label_v2(mended: bool = False) -> list[list[str]]:
    """The 860 rows as distributed, or with four of their slips corrected."""
    return [_line(m.key, m.full if mended else m.v2, *m.truth[3:]) for m in EXPRESSIONS]


def other_apexes() -> dict[str, int]:
    """Apexes of v1 that v2 changed: 15 of the made-up ones."""
    plain = [m for m in EXPRESSIONS if m.v2 == m.full == m.truth.window and int(m.key.subject[5:]) > 300]
    return {m.name: m.truth.apex + 1 for m in plain[:: len(plain) // OTHER_APEXES][:OTHER_APEXES]}


def macro_in_v2() -> list[Key]:
    """65 expressions of v1 that are none in v2, most of them first of a film that has others."""
    firsts = [
        m.key for m in EXPRESSIONS if m.clip == m.key.film and m.key.onset > 40 and m.key.subject > "spNO.3"
    ]
    return [key._replace(onset=key.onset - 30) for key in firsts[: MACRO_IN_V2 - 1]] + [
        Key("spNO.40", "e", 500)
    ]


def label_v1() -> list[list[str]]:
    """The 921 rows in the order of their films, with two numbers that no header names."""
    apexes, rows = other_apexes(), []
    extra = [(key, (key.onset, key.onset + 5, key.onset + 9)) for key in macro_in_v2()]
    lines = [(m.key, (m.v2[0], apexes.get(m.name, m.v2[1]), m.v2[2]), *m.truth[3:])
             for m in EXPRESSIONS if m.name not in NOT_IN_V1]  # fmt: skip
    lines += [(key, window, "4", "others") for key, window in extra]
    for number, line in enumerate(sorted(lines)):
        rows.append([*_line(*line), str(number), str(number % 7)])
    return rows


V1_HEADER = [*HEADER, "", ""]


def full(micro: list[list[str]], count: int) -> list[list[str]]:
    """The table of ``micro`` rows and macro rows, ``count`` in all, before, between and after them."""
    rows = [[*row[:5], MICRO, row[5], row[6]] for row in micro]
    for number in range(count - len(micro)):
        subject, film = micro[number * 7 % len(micro)][:2]
        onset = 5001 + number
        cells = (onset, onset + 20 * (number % 2), onset + 40)
        au = MACRO_AUS[number % len(MACRO_AUS)]
        rows.append([subject, film, *map(str, cells), MACRO, au, "1"])
    random.Random(0).shuffle(rows)
    return rows


def full_v2() -> list[list[str]]:
    """4,206 rows, 860 of them micro; no emotions."""
    return full(label_v2(mended=True), 4206)


def full_v1() -> tuple[list[list[str]], list[list[str]]]:
    """The sound sheet, 921 of 4,206 rows micro, and the damaged one: 918 rows with emotions, 21 of them
    with an apex outside their window."""
    micro = [row[:8] for row in label_v1()]
    damaged = [[*row[:3], str(int(row[4]) + 50), *row[4:]] if n % 43 == 20 else row
               for n, row in enumerate(micro[:918])]  # fmt: skip
    return full(micro, 4206), damaged


def cut() -> list[list[str]]:
    """687 rows of label v2 with five columns more; films lost their first expressions."""
    rows = list(zip(EXPRESSIONS, label_v2(), strict=True))
    first = [m for m, _ in rows if m.clip == m.key.film and m.name not in CORRECTED]
    gone = {"spNO.216/e", *(m.name for m in random.Random(0).sample(first, 172))}
    return [[*row, "0", "1", "2", "3", "4"] for m, row in rows if m.name not in gone]


CUT_HEADER = [*HEADER, "index", "flow", "imagename", "label", "loso"]


def films() -> dict[str, set[int]]:
    """Whole films with the frames of every release's windows that lie in them, but for slips."""
    apexes, folders = other_apexes(), {}
    for made in EXPRESSIONS:
        held = folders.setdefault(f"part_A/{made.key.subject}/{made.key.film}/color", set())
        held |= numbers(made.truth.window, [apexes.get(made.name, "")])
    for key in macro_in_v2():
        folders[f"part_A/{key.subject}/{key.film}/color"] |= {key.onset, key.onset + 5, key.onset + 9}
    return folders


def clips() -> dict[str, set[int]]:
    """The owners' own clips, named by their onset: those whose window is none in the table hold nothing."""
    return {
        f"Part_A_ME_clip/frame/spNo.{made.key.subject[5:]}_{made.key.film}_{made.key.onset}":
            numbers(made.truth.window)
        for made in EXPRESSIONS if made.v2[0] <= made.v2[2]
    }  # fmt: skip


def copy() -> Copy:
    return Copy("casme3a", HEADER, label_v2(), films())
