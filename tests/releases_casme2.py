"""CASME II's releases, made up: the official tables of 2014 and 2019, and the updated one behind CD6ME."""

from releases import Copy, Truth, made_up, numbers

HEADER = ["Subject", "Filename", "", "OnsetFrame", " ApexFrame", "OffsetFrame", ""]
HEADER += ["Action Units", "Estimated Emotion"]
COUNT, SUBJECTS = 256, 26

# Windows of the official tables, of the updated one, of CD6ME.
WINDOWS = {
    "04/EP12_01f": ((261, "/", 321), (261, "/", 321), (261, 279, 321)),
    "05/EP03_01": ((41, 81, 101), (41, 194, 101), (41, 68, 101)),
    "05/EP07_01": ((49, 66, 106), (49, 139, 106), (49, 77, 106)),
    "05/EP09_05f": ((69, 69, 123), (69, 69, 123), (69, 81, 123)),
    "05/EP16_04f": ((141, 181, 181), (141, 206, 181), (141, 166, 181)),
    "06/EP01_01": ((81, 111, 136), (81, 151, 136), (81, 100, 136)),
    "07/EP06_01": ((15, 49, 68), (56, 49, 116), (56, 78, 91)),
    "12/EP09_02": ((16, 59, 101), (161, 59, 206), (161, 187, 206)),
    "12/EP09_06": ((66, 111, 111), (66, 116, 106), (66, 89, 106)),
    "13/EP09_10": ((51, 76, 126), (51, 131, 126), (51, 80, 126)),
    "16/EP01_08": ((73, 94, 110), (73, 151, 96), (73, 88, 96)),
    "17/EP03_09": ((96, 132, 161), (96, 366, 161), (96, 134, 161)),
    "17/EP06_07": ((216, 225, 246), (216, 166, 246), (216, 231, 246)),
    "17/EP13_09": ((6, 46, 101), (6, 186, 101), (6, 53, 101)),
    "17/EP15_03": ((319, 338, 356), (319, 391, 356), (319, 329, 356)),
    "18/EP19_01": ((95, 121, 140), (95, 249, 140), (95, 111, 140)),
    "20/EP16_01": ((71, 111, 111), (71, 119, 106), (71, 91, 106)),
    "20/EP16_04": ((81, 106, 121), (81, 144, 121), (81, 103, 121)),
    "24/EP02_07": (None, (61, 91, 106), (61, 91, 106)),
    "25/EP09_02": ((76, 101, 111), (76, 124, 111), (76, 98, 111)),
    "25/EP12_01": ((131, 151, 186), (131, 116, 186), (131, 153, 186)),
    "25/EP18_04f": ((76, 116, 116), (76, 121, 116), (76, 98, 116)),
}
# CD6ME's windows that the owners' cropped release does not hold: it has the owners' own.
NOT_CROPPED = {"07/EP06_01", "12/EP09_02"}
# AUs of 2014 and of 2019 where a label of CD6ME's twelve differs.
LABELS = {
    "01/EP19_05f": ("4+L10", "4+7+L10"),
    "01/EP19_06f": ("4+5+L10", "4+7+L10"),
    "02/EP06_01f": ("14", "15"),
    "02/EP06_02f": ("14", "15"),
    "03/EP08_1": ("4", "4+17"),
    "03/EP09_03": ("4+9", "4+17"),
    "03/EP19_08": ("4+7+9", "4+7"),
    "04/EP12_01f": ("4+7", "4+7+L10"),
    "04/EP12_02f": ("4+L9+14", "4+9+L10+14"),
    "05/EP04_05": ("1", "1+2"),
    "05/EP05_09": ("15", "16+24"),
    "05/EP07_01": ("?", "6"),
    "05/EP13_04f": ("?", "12+16"),
    "06/EP01_01": ("L14+L15", "L14"),
    "08/EP12_07f": ("4", "4+7"),
    "09/EP09f": ("15", "12+15"),
    "11/EP13_02f": ("4+9", "4+7+9+10"),
    "12/EP01_02": ("4+10", "4+10"),
    "12/EP02_05": ("1+2", "1+2+5+7"),
    "12/EP03_02": ("14", "12"),
    "12/EP04_16": ("4", "1+4+7"),
    "12/EP08_07": ("R6+R12", "R12"),
    "12/EP09_02": ("4+7", "4+7+L2"),
    "13/EP08_01": ("4", "4+5"),
    "13/EP12_01": ("4", "4+5"),
    "14/EP09_06": ("6+12", "12"),
    "17/EP01_13": ("2", "2+5"),
    "17/EP02_01": ("4+6+7+9", "4+6+7"),
    "17/EP03_02": ("4+7", "6+7"),
    "17/EP03_09": ("6+12", "12"),
    "17/EP05_03": ("12+L14", "12"),
    "17/EP05_09": ("17", "4+17"),
    "17/EP06_04": ("4+7", "6+7"),
    "19/EP01_02f": ("6+12", "12"),
    "19/EP06_02f": ("6+7+12", "6+12"),
    "19/EP08_02": ("6+7+12", "12"),
    "19/EP11_01f": ("?", "14"),
    "19/EP13_01": ("4+7+6", "6"),
    "19/EP16_01": ("4+9+10", "9"),
    "19/EP16_02": ("4+9+10", "9"),
    "20/EP10_02": ("14", "12"),
    "21/EP05_02": ("12+14+17", "12+15+17"),
    "23/EP02_01": ("6+12+17", "12+17"),
    "23/EP04_03f": ("14+15", "12+15"),
    "23/EP05_25f": ("4+7+10", "4+10"),
    "23/EP12_02f": ("4+7+10", "4+10"),
    "24/EP07_04f": ("1", "1+2"),
    "24/EP10_03": ("1", "1+2"),
    "24/EP12_01": ("L6+L7", "L6"),
    "25/EP10_10": ("R2", "R1+R2"),
    "26/EP13_01": ("?", "14+24"),
    "26/EP13_11": ("4+9", "4"),
    "26/EP18_46": ("17", "16"),
}
# AUs of 2014 and of 2019 with the same twelve labels.
SAME_LABELS = {
    "05/EP05_03": ("?", "16+24"),
    "10/EP13_01": ("L16", "L20"),
    "17/EP16_01f": ("4+7+9", "4+7+L9"),
    "26/EP07_37": ("14", "14+24"),
    "26/EP18_51": ("4", "4+16"),
}
# AUs of CD6ME where those of 2014 differ.
CORRECTED = {"05/EP05_09": "R2+15", "12/EP01_02": "4"}
SADNESS = {"24/EP07_01", "24/EP07_04f", "24/EP10_03"}  # surprise in 2019
ABSENT = "24/EP02_07"  # from the official tables
NAMED = {ABSENT: ("4+7", "disgust"), "24/EP02_02f": ("12", "happiness")}


def truth() -> dict[str, Truth]:
    """CD6ME's 256 clips."""
    au = {key: strings[0] for key, strings in (LABELS | SAME_LABELS).items()} | CORRECTED
    au |= {key: text for key, (text, _) in NAMED.items()}
    keys = dict.fromkeys((*WINDOWS, *au, *SADNESS))
    keys |= dict.fromkeys(f"{1 + n % SUBJECTS:02d}/EP40_{n:02d}" for n in range(COUNT - len(keys)))
    clips = {}
    for index, key in enumerate(sorted(keys)):
        clip = made_up(index)
        window = WINDOWS[key][2] if key in WINDOWS else clip.window
        emotion = "sadness" if key in SADNESS else NAMED.get(key, (0, clip.emotion))[1]
        clips[key] = Truth(*window, au.get(key, clip.au), emotion)
    return clips


def line(key: str, window, au: str, emotion: str) -> list:
    """One row, with the blank columns of the owners' tables."""
    subject, name = key.split("/")
    return [subject, name, "", *window, "", au, emotion]


def official(year: int) -> Copy:
    """The tables of 2014 and 2019, 255 rows; that of 2019 has one column more."""
    rows = []
    for key, clip in truth().items():
        if key == ABSENT:
            continue
        window = WINDOWS[key][0] if key in WINDOWS else clip.window
        au = (LABELS | SAME_LABELS).get(key, (clip.au, clip.au))[year == 2019]
        emotion = "surprise" if year == 2019 and key in SADNESS else clip.emotion
        rows.append(line(key, window, au, emotion) + [1 + len(rows) % 7] * (year == 2019))
    return Copy("casme2", HEADER + ["Objective Classes"] * (year == 2019), rows, frames(), "reg_img{}.jpg")


def updated() -> Copy:
    """The table behind CD6ME, 256 rows."""
    rows = [
        line(key, WINDOWS[key][1] if key in WINDOWS else clip.window, clip.au, clip.emotion)
        for key, clip in truth().items()
    ]
    return Copy("casme2", HEADER, rows, frames(), "reg_img{}.jpg")


def frames(cropped: bool = False) -> dict[str, set[int]]:
    """Folders with CD6ME's windows and, but for the two where they differ too much, the owners'.

    ``cropped``: those two hold the owners' windows. Two folders have no row in the official tables.
    """
    folders = {"Cropped/sub09/EP02_02f": {1, 2, 3}}
    for key, clip in truth().items():
        own = numbers(WINDOWS.get(key, ((),))[0] or ())
        if key in NOT_CROPPED:
            held = own if cropped else numbers(clip.window)
        else:
            held = {number for number in own if key != "16/EP01_08" or number <= 96} | numbers(clip.window)
        subject, name = key.split("/")
        folders[f"Cropped/sub{subject}/{name}"] = held
    return folders
