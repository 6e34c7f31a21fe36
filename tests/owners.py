"""Six tiny releases in the owners' own layouts: what the readers' tests read, and then break.

Frames hold their own path: the readers look at names only.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import xlwt

from infusenet import databases


@dataclass
class Release:
    """``rows`` are {header: cell}; ``folders`` {folder below the frames root: [file name]}."""

    key: str
    workbook: str
    header: list[str]
    rows: list[dict]
    folders: dict[str, list[str]]
    preamble: list[list] = field(default_factory=list)

    def write(self, root: Path) -> tuple[Path, Path]:
        """Write all of it below ``root``; the workbook's path and the frames' root."""
        annotations, frames = root / self.workbook, root / "frames"
        frames.mkdir(parents=True, exist_ok=True)
        for folder, names in self.folders.items():
            (frames / folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                (frames / folder / name).write_bytes(os.fsencode(f"{folder}/{name}"))
        table = [*self.preamble, self.header, *([row.get(h) for h in self.header] for row in self.rows)]
        write_xls(annotations, table) if annotations.suffix == ".xls" else write_xlsx(annotations, table)
        return annotations, frames

    def row(self, index: int) -> int:
        """The number in the sheet of ``rows[index]``."""
        return len(self.preamble) + 2 + index


def write_xlsx(path: Path, table: list[list]) -> None:
    book = openpyxl.Workbook()
    for line in table:
        book.active.append(line)
    book.save(path)


def write_xls(path: Path, table: list[list]) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet1")
    for y, line in enumerate(table):
        for x, cell in enumerate(line):
            if cell is not None:
                sheet.write(y, x, cell)
    book.save(str(path))


def numbered(form: str, first: int, last: int) -> list[str]:
    return [form.format(n) for n in range(first, last + 1)]


def rows(header: list[str], *lines: tuple) -> list[dict]:
    """Cells in the order of the headers that are not blank."""
    named = [name for name in header if name]
    return [dict(zip(named, line, strict=True)) for line in lines]


def casme() -> Release:
    header = ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "Onset", "Total"]
    header += ["AU", "Emotion"]
    return Release(
        "casme", "CASME.xls", header,
        rows(
            header,
            (1, "EP01_12", 63, 69, 0, 77, 133, 250, 4, "tense"),
            (8, "EP12_11_1", 66, 69.0, 71, 77, 133, 250, "R1+R2", "comtempt"),
            (3, "EP09_3", 101, "", 0, 119, 133, 250, "L12", "happiness"),
        ),
        {
            "sub01/EP01_12": numbered("EP01_12-{}.jpg", 60, 80),
            "sub08/EP12_11_1": numbered("reg_EP12_11_1-{:03d}.jpg", 66, 77),
            "sub3/EP09_3": numbered("EP09_3-{}.JPG", 100, 120),
        },
    )  # fmt: skip


def casme2() -> Release:
    header = ["Subject", "Filename", None, "OnsetFrame", " ApexFrame", "OffsetFrame", None]
    header += ["Action Units", "Estimated Emotion"]
    return Release(
        "casme2", "CASME2-coding-20190701.xlsx", header,
        rows(
            header,
            ("01", "EP02_01f", 46, 59, 61, "12", "happiness"),
            ("04", "EP12_01f", 270, "/", 285, "4+R10", "disgust"),
            ("05", "EP05_03", 1, 4, 9, "?", "others"),
        ),
        {
            "CASME2-RAW/sub01/EP02_01f": [*numbered("img{}.jpg", 40, 70), "Thumbs.db", "._img46.jpg"],
            "CASME2-RAW/sub04/EP12_01f": numbered("reg_img{}.jpg", 270, 285),
            "CASME2-RAW/sub05/EP05_03": [*numbered("img{}.jpg", 1, 9), "Desktop - Shortcut.lnk"],
        },
    )  # fmt: skip


def samm() -> Release:
    header = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame"]
    header += ["Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]
    return Release(
        "samm", "SAMM_Micro_FACS_Codes_v2.xlsx", header,
        rows(
            header,
            ("006", "006_1_2", 1, 5562, 5588, 5600, 39, "Micro - 1/2", "A/L12+15A ", "Anger", 3, ""),
            ("007", "007_6_1", 6, 83, 90, 95, 13, "Micro - 1/2", "R12 or R15", "Other", 7, ""),
            (13, "013_2_1", 2, 12250, 12251, 12256, 7, "Micro - 1/2", "ref(7B)+43C+soft focus", "Fear", 6, ""),
        ),
        {
            "006/006_1_2": numbered("006_{:05d}.jpg", 5562, 5600),
            "007/007_6_1": numbered("007_{:04d}.jpg", 83, 95),
            "013/013_2_1": numbered("{}.jpg", 12250, 12256),
        },
        [["Notes on the coding"], *([f"line {n}"] for n in range(2, 14))],
    )  # fmt: skip


def fourd() -> Release:
    aus = ["AU1", "AU2", "AU4", "AU5", "AU7", "AU12", "AU24", "AU45"]
    header = ["fold", "sub_ID'", "fold_name'", "Onset", "Apex", "Offset", "AUs", "Emotion", "eye blink", *aus]

    def line(subject, clip, onset, apex, offset, text, emotion, active):
        return (1, subject, clip, onset, apex, offset, text, emotion, 0, *(int(a in active) for a in aus))

    return Release(
        "fourd", "4DME_Labelling_Micro_release v1.xlsx", header,
        rows(
            header,
            line("S08", "S08_008_01_1", 65.0, 70.0, 75.0, "AUL1+2+12+45", "Surprise", {"AU1", "AU2", "AU12", "AU45"}),
            line("S24", "S24_009_01_1", 90, 95, 99, "AU4(k)+7(k)+4+24+45", "Negative+Repression",
                 {"AU4", "AU7", "AU24", "AU45"}),
            line("S57", "S57_002_01_1", 1826, 1830, 1835, "AU5+12", "Negative", {"AU5", "AU7", "AU12"}),
        ),
        {
            f"micro_short_gray_video/micro short gray video/{subject}/{clip}":
                numbered("Frame_{:09d}.jpg", first, last)
            for subject, clip, first, last in (
                ("S08", "S08_008_01_1", 65, 75), ("S24", "S24_009_01_1", 88, 99),
                ("S57", "S57_002_01_1", 1826, 1835),
            )
        },
    )  # fmt: skip


def mmew() -> Release:
    header = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"]
    header += ["Estimated Emotion", "remarks"]
    return Release(
        "mmew", "MMEW_Micro_Exp.xlsx", header,
        rows(
            header,
            (1, "S01-01-001", 1, 5, 11, "6+12L", "happiness", ""),
            (4, "S04-04-002", 1, 30, 90, "R4+7", "others", ""),
            (30, "S30-05-001", 1, 5, 11, 20, "fear", ""),
        ),
        {
            "Micro_Expression/happiness/S01-01-001": numbered("{}.jpg", 1, 11),
            "Micro_Expression/repression/S04-04-002": numbered("{}.jpg", 1, 61),
            "Micro_Expression/fear/S30-05-001": numbered("{}.jpg", 1, 11),
            "Macro_Expression/happiness": numbered("{}.jpg", 1, 2),
        },
    )  # fmt: skip


def casme3a() -> Release:
    """Of no known release: the onsets are not those of CD6ME's expressions."""
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
    return Release(
        "casme3a", "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", header,
        rows(
            header,
            ("spNO.1", "e", 63, 68, 75, "R12", 1, "others"),
            ("spNO.1", "e", 97, 97, 106, "2+1", 2, "surprise"),
            ("spNO.14", "J", 8, 10, 12, 4, 1, "disgust"),
            ("spNO.216", "e", 0, 0, 9, "24+T18，16", 1, "others"),
        ),
        {
            "part_A/spNo.1/e/color": [f"{n}.jpg" for n in range(1, 107) if n != 65],
            "part_A/spNo.1/e/depth": numbered("{}.png", 1, 106),
            "part_A/spNo.14/j/color": numbered("{}.jpg", 1, 12),
            "part_A/spNo.216/e/color": numbered("{}.jpg", 1, 9),
        },
    )  # fmt: skip


RELEASES = {make.__name__: make for make in (casme, casme2, samm, fourd, mmew, casme3a)}


def mixed(*kinds: str) -> Release:
    """CAS(ME)^3's table of micro- and macro-expressions, with these in its rows."""
    release = casme3a()
    release.header.append("Expression type")
    for row, kind in zip(release.rows, kinds, strict=True):
        row["Expression type"] = kind
    return release


def active(labels: dict[int, int]) -> set[int]:
    return {n for n, value in labels.items() if value}


def read(release, root):
    """Clips by key of a release written to ``root``."""
    return {clip.key: clip for clip in databases.read(release.key, *release.write(root))}
