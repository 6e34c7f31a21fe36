"""The owners' layouts: folders, frame names and annotation tables with their quirks."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import openpyxl

from infusenet.errors import InputError
from infusenet.protocol import AUS
from infusenet.standins.clip_plans import ClipPlan

EPOCH = datetime(2020, 1, 1)


@dataclass(frozen=True)
class Layout:
    """``table`` and ``frames``: paths below the database's folder; ``folder`` and ``name`` of a clip's
    frames below ``frames``; ``rows`` makes the table, header included."""

    table: str
    sheet: str
    frames: str
    folder: Callable[[ClipPlan], str]
    name: Callable[[ClipPlan, int], str]
    rows: Callable[[list[ClipPlan]], list[list]]


def au_text(clip: ClipPlan, suffix: bool = False, levels: str = "") -> str | int:
    """The AU cell: ``L1+R2+4``; a single AU without side is a number, as spreadsheets store it."""
    tokens = []
    for au, sides in clip.aus.items():
        level = levels[(clip.number + au) % len(levels)] if levels else ""
        side = "" if sides == "LR" else sides
        tokens.append(f"{au}{level}{side}" if suffix else f"{side}{au}{level}")
    if not tokens:
        return "45"  # a blink: an AU, but none of the 12
    return int(tokens[0]) if len(tokens) == 1 and tokens[0].isdigit() else "+".join(tokens)


def _casme(clips):
    head = [
        "Subject",
        "Filename",
        "",
        "OnsetF",
        "ApexF1",
        "ApexF2",
        "OffsetF",
        "",
        "Onset",
        "Total",
        "AU",
        "Emotion",
    ]
    rows = [
        [int(c.subject), c.clip, "", c.onset, c.apex, c.apex + c.number % 2, c.offset, "",
         c.apex - c.onset, c.offset - c.onset + 1, au_text(c) if c.aus else 20, c.emotion]
        for c in clips
    ]  # fmt: skip
    return [head, *rows]


def _casme_name(clip, number):
    # Class A (subjects 01 to 07) does not pad, class B pads to three digits.
    return f"{clip.clip}-{number}.jpg" if int(clip.subject) <= 7 else f"{clip.clip}-{number:03d}.jpg"


def _casme2(clips):
    head = [
        "Subject",
        "Filename",
        "",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "",
        "Action Units",
        "Estimated Emotion",
    ]
    rows = []
    for c in clips:
        apex = "/" if (c.subject, c.clip) == ("04", "EP12_01f") else c.apex
        aus = "?" if (c.subject, c.clip) == ("05", "EP05_03") else au_text(c) if c.aus else 20
        rows.append([c.subject, c.clip, "", c.onset, apex, c.offset, "", aus, c.emotion])
    return [head, *rows]


def _samm(clips):
    notes = [["SAMM stand-in: micro-movement FACS codes"], [""], ["AUs are coded with intensity A to E."]]
    notes += [[f"Note {n}"] for n in range(4, 14)]
    head = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration",
            "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]  # fmt: skip
    choices = {"007_6_1": "R12 or R15", "011_4_2": "L14A or R14A"}
    rows = []
    for c in clips:
        aus = choices.get(c.clip) or (au_text(c, levels=("A", "B", "C", "", "")) if c.aus else "43")
        length = c.offset - c.onset + 1
        rows.append([c.subject, c.clip, 1 + c.number % 7, c.onset, c.apex, c.offset, length,
                     "Micro - 1/2", aus, c.emotion, 1 + c.number % 7, ""])  # fmt: skip
    return [*notes, head, *rows]


def _samm_name(clip, number):
    return f"{clip.subject}_{number:0{4 + clip.number % 3}d}.jpg"


def _fourd(clips):
    head = ["fold", "sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion", "Positive", "Negative",
            "Surprise", "Repression", "Others", "eye blink", *(f"AU{n}" for n in (*AUS, 24, 45))]  # fmt: skip
    rows = []
    for c in clips:
        kept_au = next((au for au in (12, 4, 6) if au not in c.aus), None) if c.number % 5 == 2 else None
        text = "AU" + (str(au_text(c)) if c.aus else "45") + (f"+{kept_au}(k)" if kept_au else "")
        feelings = [
            int(word in c.emotion) for word in ("Positive", "Negative", "Surprise", "Repression", "Others")
        ]
        # The columns of the AUs count a kept AU as present, but it is not active in the clip.
        present = [int(au in c.aus or au == kept_au) for au in AUS]
        rows.append([1, c.subject, c.clip, float(c.onset), float(c.apex), float(c.offset), text, c.emotion,
                     *feelings, 0, *present, 0, int(not c.aus)])  # fmt: skip
    return [head, *rows]


def _mmew(clips):
    head = [
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "Action Units",
        "Estimated Emotion",
        "remarks",
    ]
    rows = [
        [int(c.subject), c.clip, c.onset, c.apex, c.offset,
         au_text(c, suffix=c.number % 2 == 0) if c.aus else 24, c.emotion, ""]
        for c in clips
    ]  # fmt: skip
    return [head, *rows]


def _casme3a(clips):
    head = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
    rows = [
        [c.subject, c.film, c.onset, c.apex, c.offset, au_text(c) if c.aus else 24, "", c.emotion]
        for c in clips
    ]
    return [head, *rows]


def _plain(clip, number):
    return f"{number}.jpg"


LAYOUTS = {
    "casme": Layout("CASME.xls", "Sheet1", "CASME_raw_selected",
                    lambda c: f"sub{c.subject}/{c.clip}", _casme_name, _casme),
    "casme2": Layout("CASME2-coding-20190701.xlsx", "Sheet1", "CASME2_RAW_selected",
                     lambda c: f"sub{c.subject}/{c.clip}", lambda c, n: f"img{n}.jpg", _casme2),
    "samm": Layout("SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY", "SAMM",
                   lambda c: f"{c.subject}/{c.clip}", _samm_name, _samm),
    "fourd": Layout("4DME_Labelling_Micro_release v1.xlsx", "Sheet1", "gray_micro",
                    lambda c: f"{c.subject}/{c.clip}", lambda c, n: f"Frame_{n:09d}.jpg", _fourd),
    "mmew": Layout("MMEW_Micro_Exp.xlsx", "Sheet1", "Micro_Expression",
                   lambda c: f"{'repression' if c.emotion == 'others' else c.emotion}/{c.clip}", _plain, _mmew),
    "casme3a": Layout("cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "label", "part_A_split/part_A",
                      lambda c: f"{c.subject}/{c.film}/color", _plain, _casme3a),
}  # fmt: skip


def frame_paths(clip: ClipPlan, root: Path) -> dict[int, Path]:
    """Frame number -> file of one clip, below the database's folder."""
    layout = LAYOUTS[clip.database]
    folder = root / layout.frames / layout.folder(clip)
    return {number: folder / layout.name(clip, number) for number in clip.frames}


def write_table(database: str, clips: list[ClipPlan], root: Path) -> None:
    """Write the annotation table, .xls or .xlsx as the owner does; same clips, same bytes.

    Raises
    ------
    InputError
        xlwt, which .xls needs, is not installed.
    """
    layout = LAYOUTS[database]
    path = root / layout.table
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = layout.rows(clips)
    if path.suffix == ".xls":
        try:
            import xlwt
        except ModuleNotFoundError:
            raise InputError(
                f"{path.name} cannot be written: xlwt is not installed; it is in the project's extra `standins`: "
                "pip install xlwt"
            ) from None
        book = xlwt.Workbook()
        sheet = book.add_sheet(layout.sheet)
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if value != "":
                    sheet.write(y, x, value)
        book.save(str(path))
        return
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = EPOCH
    sheet = book.active
    sheet.title = layout.sheet
    for row in rows:
        sheet.append([None if value == "" else value for value in row])
    buffer = io.BytesIO()
    book.save(buffer)
    _write_without_times(buffer, path)


def _write_without_times(book: io.BytesIO, path: Path) -> None:
    """Write a workbook with a fixed time: an .xlsx notes the time in its properties and in every zip member."""
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                stamp = EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
                head, _, rest = content.partition(b"<dcterms:modified")
                start, end = rest.index(b">") + 1, rest.index(b"<")
                content = head + b"<dcterms:modified" + rest[:start] + stamp + rest[end:]
            target.writestr(zipfile.ZipInfo(name, EPOCH.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
