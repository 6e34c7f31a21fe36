"""CASME's releases, made up: Section A/B, coded-20190721 and the table behind CD6ME.

Row numbers are those of the sheet of Section A and B in one file; Section B starts at row 98.
"""

from releases import EMOTIONS, Copy, Truth, made_up, numbers

HEADER = ["Subject", "Filename", "", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "", "Onset", "Total"]
HEADER += ["AU", "Emotion"]
SECTION_B = 98

# CD6ME's clip, its window; row and clip of Section A/B, how many frames its numbers are ahead.
RENAMED = [
    ("01/EP01_13", (63, 69, 77), 3, "EP01_12", 100),
    ("01/EP13_9", (58, 62, 69), 27, "EP13_2", 150),
    ("01/EP13_10", (47, 51, 69), 33, "EP13_7", 250),
    ("06/EP02_7", (27, 31, 40), 57, "EP02_5", 30),
    ("06/EP02_8", (3, 11, 20), 59, "EP02_5", 150),
    ("06/EP02_9", (7, 16, 39), 60, "EP02_5", 200),
    ("06/EP02_1", (31, 43, 90), 61, "EP02_5", 250),
    ("06/EP02_3", (36, 47, 69), 63, "EP02_6", 50),
    ("06/EP04_1", (67, 75, 100), 65, "EP04_2", 100),
    ("07/EP17_1", (41, 45, 59), 93, "EP171", 0),
    ("07/EP17_2", (61, 67, 76), 94, "EP172", 0),
    ("07/EP17_3", (81, 84, 90), 95, "EP173", 0),
    ("07/EP17_7", (90, 97, 107), 96, "EP177", 0),
    ("07/EP17_6", (31, 41, 59), 97, "EP177", 150),
    ("14/EP08_2", (1, 10, 26), 151, "EP08_1", 95),
    ("14/EP09_3", (4, 12, 19), 155, "EP09_2", 80),
    ("17/EP17_1", (248, 255, 260), 171, "EP17_2", 0),
    ("17/EP17_2", (3, 16, 29), 172, "EP17_2", 260),
    ("17/EP17_5", (67, 82, 100), 173, "EP17_2", 350),
    ("17/EP17_6", (4, 13, 25), 175, "EP17_3", 260),
    ("18/EP02_7", (13, 25, 35), 180, "EP02_5", 200),
]
SHIFTS = {key: shift for key, _, _, _, shift in RENAMED if shift}
RENAMED_AUS = {
    "14/EP08_2": ("R2", "surprise"),
    "14/EP09_3": ("9", "disgust"),
    "17/EP17_1": ("R9", "disgust"),
    "17/EP17_5": ("R9", "disgust"),
    "17/EP17_6": ("1+4", "sadness"),
    "18/EP02_7": ("4+9+25+26", "disgust"),
}
# Rows of Section A/B under CD6ME's name whose offset is `\`, with CD6ME's window.
WITHOUT_OFFSET = {
    22: ("01/EP11", (61, 69, 85)),
    32: ("01/EP13_7", (131, 142, 160)),
    35: ("01/EP14_1", (71, 77, 90)),
    43: ("03/EP09_2", (77, 80, 100)),
    52: ("05/EP03_1", (75, 79, 100)),
    53: ("05/EP05_3", (54, 61, 80)),
    54: ("06/EP02_10", (100, 109, 125)),
    70: ("06/EP13_4", (46, 59, 70)),
    73: ("07/EP01_5", (71, 78, 91)),
    75: ("07/EP02_2", (37, 41, 60)),
    82: ("07/EP09_3", (105, 119, 130)),
    83: ("07/EP09_4", (46, 51, 70)),
    85: ("07/EP11_2", (89, 96, 117)),
    90: ("07/EP16_1", (83, 96, 110)),
    128: ("09/EP17", (222, 228, 250)),
}
RENAMED_WITHOUT_OFFSET = {57, 172, 173, 175}
# Rows of Section A/B that are no clip of CD6ME.
OUTSIDE = [
    (46, 3, "EP10", 57, 61, 74, "24", "tense"),
    (58, 6, "EP02_5", 81, 87, "\\", "14", "repression"),
    (87, 7, "EP12_3", 59, 61, 74, "17", "repression"),
    (88, 7, "EP12_3", 140, 151, 165, "16+26", "tense"),
    (167, 17, "EP07_2", 106, 120, 130, "L9+L10", "disgust"),
    (168, 17, "EP07_2", 125, 133, 148, "1+2", "surprise"),
    (169, 17, "EP09_1", 75, 84, "\\", "R10", "disgust"),
    (170, 17, "EP09_1", 130, 135, 142, "L12", "happiness"),
]
# Rows under CD6ME's name beside which the same name stands for another clip.
NAMESAKES = {2: "01/EP01_12", 26: "01/EP13_2", 62: "06/EP02_6", 64: "06/EP04_2", 86: "07/EP12_3"}
NAMESAKES |= {150: "14/EP08_1", 154: "14/EP09_2", 174: "17/EP17_3", 179: "18/EP02_5"}
# CD6ME's windows and those of coded-20190721, of Section A/B where it differs from that.
OTHER_WINDOWS = {
    "03/EP07_1": ((100, 120, 149), (113, 128, 141)),
    "03/EP09_3": ((101, 110, 119), (81, 89, 102)),
    "03/EP09_4": ((57, 65, 74), (102, 109, 119)),
    "06/EP02_7": ((27, 31, 40), (27, 31, 50)),
    "13/EP13_5": ((120, 130, 142), (120, 130, 140)),
}
SECTION_WINDOWS = {"03/EP07_1": (83, 89, 96), "03/EP09_3": (81, 89, 102), "03/EP09_4": (102, 109, 119)}
NAMED_ROWS = {41: "03/EP07_1", 44: "03/EP09_3", 45: "03/EP09_4", 55: "06/EP02_2", 67: "06/EP09_5"}
NAMED_ROWS |= {79: "07/EP07_2", 81: "07/EP08_2", 101: "08/EP12_2_12", 145: "13/EP13_5"}
# CD6ME's emotion, that of coded-20190721.
OTHER_EMOTIONS = {
    "06/EP02_2": ("repression", "happiness"),
    "07/EP07_2": ("tense", "repression"),
    "07/EP08_2": ("tense", "repression"),
    "08/EP12_2_12": ("tense", "disgust"),
}
# Rows of coded-20190721, all of subject 07, that are no clip of CD6ME.
CODED_OUTSIDE = [
    ("EP03_2", 54, 65, 74, "repression"),
    ("EP04_5", 48, 59, 66, "disgust"),
    ("EP06_1", 33, 39, 45, "tense"),
    ("EP07_1", 74, 88, 94, "repression"),
    ("EP07_3", 66, 75, 84, "repression"),
    ("EP09_1", 61, 79, 89, "tense"),
    ("EP09_2", 54, 60, 71, "repression"),
    ("EP12_4", 39, 51, 68, "tense"),
    ("EP13_1", 71, 75, 83, "tense"),
    ("EP13_2", 79, 94, 106, "tense"),
]
FIRST_ROWS = (2, 36, 39, 47, 50, 54, 72, 98, 120, 129, 134, 138, 142, 149, 157, 160, 165, 177, 184)


def _keys() -> dict[int, str]:
    """Row of Section A/B -> CD6ME's clip."""
    keys = {row: key for row, (key, _) in WITHOUT_OFFSET.items()} | NAMESAKES | NAMED_ROWS
    keys |= {row: key for key, _, row, _, _ in RENAMED}
    for row in set(range(2, 199)) - keys.keys() - {line[0] for line in OUTSIDE}:
        subject = sum(first <= row for first in FIRST_ROWS)
        keys[row] = f"{subject:02d}/EP40_{row}"
    return dict(sorted(keys.items()))


KEYS = _keys()


def truth() -> dict[str, Truth]:
    """CD6ME's 189 clips."""
    windows = dict(WITHOUT_OFFSET.values()) | {key: window for key, window, *_ in RENAMED}
    windows |= {key: window for key, (window, _) in OTHER_WINDOWS.items()}
    clips = {}
    for row, key in KEYS.items():
        clip = made_up(row)
        au, emotion = RENAMED_AUS.get(key, (clip.au, EMOTIONS[row % len(EMOTIONS)]))
        emotion = OTHER_EMOTIONS.get(key, (emotion,))[0]
        clips[key] = Truth(*windows.get(key, clip.window), au, emotion)
    clips["06/EP09_5"] = clips["06/EP09_5"]._replace(emotion="happiness")
    return clips


def _cells(subject, name, onset, apex, offset, au, emotion, second="") -> list:
    known = str(offset).isdigit()
    total = round((offset - onset + 1) * 1000 / 60) if known else "\\"
    return [int(subject), name, "", onset, apex, second, offset, "", total, total, au, emotion]


def section_rows() -> list[list]:
    """The 197 rows of Section A and B, in their order."""
    clips, renamed = truth(), {row: (name, shift) for _, _, row, name, shift in RENAMED}
    rows = {row: _cells(*cells) for row, *cells in OUTSIDE}
    for row, key in KEYS.items():
        subject, clip = key.split("/")
        name, shift = renamed.get(row, (clip, 0))
        window = SECTION_WINDOWS.get(key, [number + shift for number in clips[key].window])
        onset, apex, offset = window
        emotion = "comtempt" if key == "06/EP09_5" else clips[key].emotion
        if row in WITHOUT_OFFSET or row in RENAMED_WITHOUT_OFFSET:
            offset = "\\"
        second = "remake" if row == 100 else "\\" if row % 3 else apex + 1
        rows[row] = _cells(subject, name, onset, apex, offset, clips[key].au, emotion, second)
    return [cells for _, cells in sorted(rows.items())]


def section_frames(raw: bool, owners_windows: bool) -> dict[str, set[int]]:
    """Folder below the root of Section A or B -> frames of the raw clips or of those cut again.

    Long clips hold every number, so those of CD6ME's windows too. ``owners_windows``: the three clips
    whose windows CD6ME changed hold the owners' windows only, else CD6ME's only.
    """
    clips, frames = truth(), {}
    for row, cells in enumerate(section_rows(), start=2):
        subject, name, window = cells[0], cells[1], (*cells[3:5], cells[6])
        key = KEYS.get(row)
        own = key in SECTION_WINDOWS and owners_windows
        if raw and key:
            shift = SHIFTS.get(key, 0)
            window = window if own else [number + shift for number in clips[key].window]
        elif key:
            name, window = key.split("/")[1], window if own else clips[key].window
        found = frames.setdefault(f"sub{subject:02d}/{name}", set())
        found |= numbers(window) | ({100} if window[2] == "\\" else set())
    if raw:
        frames["sub17/EP17_2"] |= numbers(clips["17/EP17_2"].window)
    return frames


def section(raw: bool = True, owners_windows: bool = True) -> Copy:
    """Both sections in one table, ``sub01/...`` of both below one root."""
    name = "{folder}-{:03d}.jpg" if raw else "reg_{folder}-{}.jpg"
    return Copy("casme", HEADER, section_rows(), section_frames(raw, owners_windows), name)


def coded(owners_windows: bool = False) -> Copy:
    """coded-20190721, 193 rows; its frames have CD6ME's windows, or those of its own rows."""
    clips = truth()
    missing = {"17/EP17_1", "17/EP17_5", "17/EP17_6", "14/EP08_2", "14/EP09_3", "18/EP02_7"}
    rows, frames = [], {}
    for index, (key, clip) in enumerate(clips.items()):
        if key in missing:
            continue
        subject, name = key.split("/")
        own = OTHER_WINDOWS.get(key, (None, clip.window))[1]
        emotion = OTHER_EMOTIONS.get(key, (None, clip.emotion))[1]
        second = clip.apex + 1 if index < 125 else ""
        rows.append(_cells(subject, name, *own, clip.au, emotion, second))
        frames[f"sub{subject}/{name}"] = numbers(own if owners_windows else clip.window)
    for name, *window, emotion in CODED_OUTSIDE:
        rows.append(_cells(7, name, *window, "4", emotion))
        frames[f"sub07/{name}"] = numbers(window)
    return Copy("casme", HEADER, sorted(rows, key=lambda row: row[0]), frames, "reg_{folder}-{}.jpg")


def updated() -> Copy:
    """The table behind CD6ME, 189 rows: coded-20190721's windows where CD6ME corrects them in code."""
    rows, frames = [], {}
    for key, clip in truth().items():
        subject, name = key.split("/")
        rows.append(_cells(subject, name, *OTHER_WINDOWS.get(key, (0, clip.window))[1], *clip[3:]))
        frames[f"sub{subject}/{name}"] = numbers(clip.window)
    return Copy("casme", HEADER, rows, frames, "reg_{folder}-{}.jpg")


def in_two(frames):
    """The folders below Section A and Section B."""
    return {
        f"{'CASME_A/Section A' if int(folder[3:5]) < 8 else 'CASME_B/Section B'}/{folder}": numbers
        for folder, numbers in frames.items()
    }
