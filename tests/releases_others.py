"""The tables of SAMM, 4DME and MMEW in circulation, made up."""

from releases import Copy, Truth, made_up, numbers

SAMM_HEADER = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame"]
SAMM_HEADER += ["Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]
SAMM_NOTES = [["Micro-movements: notes on the coding"], *([f"note {n}"] for n in range(2, 14))]
# CD6ME's AUs, those of the table.
SAMM_AUS = {
    "007/007_6_1": ("R12 + R15", "(R6 or R12)+R15"),
    "007/007_6_5": ("R12 + R15", "(R6 or R12) + R15"),
    "011/011_4_2": ("L14", "L12 or L14"),
    "014/014_5_2": ("R14", "R12 or R14"),
    "035/035_7_2": ("R14A", "R14A or 17A or 24A"),
}
# CD6ME's window, the apex of the table and those of edited copies.
SAMM_APEXES = {
    "028/028_4_1": ((1090, 1105, 1130), (1143, 1113, 1124)),
    "032/032_3_1": ((4910, 4945, 4970), (1930, 4930, 4930)),
    "032/032_3_2": ((5100, 5130, 5160), (5127, 5127, 5127)),
    "013/013_1_9": ((5700, 5720, 5739), (5720, 5720, 5720)),
}


def samm_truth() -> dict[str, Truth]:
    """CD6ME's 159 clips."""
    keys = dict.fromkeys((*SAMM_AUS, *SAMM_APEXES))
    keys |= dict.fromkeys(f"{6 + n % 28:03d}/{6 + n % 28:03d}_9_{n}" for n in range(159 - len(keys)))
    clips = {}
    for index, key in enumerate(sorted(keys)):
        clip = made_up(index)
        window = SAMM_APEXES.get(key, (clip.window,))[0]
        clips[key] = Truth(*window, SAMM_AUS.get(key, (clip.au,))[0], clip.emotion)
    return clips


def samm(edit: int = 0) -> Copy:
    """The 159 rows below their notes; ``edit`` 1 and 2 are copies with other apexes."""
    rows, frames = [], {}
    for index, (key, clip) in enumerate(samm_truth().items()):
        subject, name = key.split("/")
        apex = SAMM_APEXES[key][1][edit] if key in SAMM_APEXES else clip.apex
        au = SAMM_AUS.get(key, (0, clip.au))[1]
        length = clip.offset - clip.onset + 1
        rows.append(
            [subject, name, 1, clip.onset, apex, clip.offset, length, "Micro - 1/2", au, clip.emotion, 3, ""]
        )
        digits = 5 if index % 5 == 0 else 4
        frames[f"{subject}/{name}"] = {f"{subject}_{n:0{digits}d}" for n in numbers(clip.window)}
    return Copy("samm", SAMM_HEADER, rows, frames, preamble=SAMM_NOTES)


FOURD_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 24, 45)
FOURD_HEADER = ["fold", "sub_ID'", "fold_name'", "Onset", "Apex", "Offset", "AUs", "Emotion", "eye blink"]
FOURD_HEADER += [f"AU{n}" for n in FOURD_AUS]
SWAPPED = ("S49/S49_001_01_1", "S49/S49_001_01_2")
FOURD_NAMED = {
    SWAPPED[0]: Truth(100, 110, 120, "AU4+7", "Negative"),
    SWAPPED[1]: Truth(200, 210, 220, "AU4+7+12", "Others"),
    "S14/S14_001_01_5": Truth(2480, 2488, 2500, "AU12", "Positive"),
    "S57/S57_002_01_1": Truth(1826, 1830, 1835, "AU5+7+12", "Negative"),
    "S25/S25_002_02_1": Truth(90, 95, 99, "AU1+2+25(k)", "Surprise"),
    "S42/S42_003_01_1": Truth(90, 95, 99, "AU4(k)+L7", "Negative"),
    "S50/S50_002_06_1": Truth(90, 95, 99, "AUR2+12(k)+45", "Others"),
    "S61/S61_003_03_5": Truth(5051, 5060, 5074, "AU4", "Negative"),
    "S65/S65_003_06_2": Truth(90, 95, 99, "AU1+12", "Surprise+Positive"),
}


def fourd_truth() -> dict[str, Truth]:
    """CD6ME's 267 clips; the swapped rows are the sheet's 146 and 147."""
    clips = {}
    for index in range(267 - len(FOURD_NAMED)):
        if len(clips) == 144:
            clips |= {key: FOURD_NAMED[key] for key in SWAPPED}
        subject, clip = f"S{8 + index % 30:02d}", made_up(index)
        kept = "+9(k)" if index % 5 == 0 and not {"?", "9"} & set(clip.au) else ""
        text = f"AU{clip.au}{kept}" if clip.au != "?" else "AU45"
        clips[f"{subject}/{subject}_009_01_{index}"] = clip._replace(au=text)
    return clips | FOURD_NAMED


def fourd() -> Copy:
    """Release v1: two rows swapped from the AUs on, a column that contradicts its string, the apex of
    the pre-release."""
    rows, frames = [], {}
    truth = fourd_truth()
    coding = {key: (clip.au, clip.emotion) for key, clip in truth.items()}
    coding[SWAPPED[0]], coding[SWAPPED[1]] = coding[SWAPPED[1]], coding[SWAPPED[0]]
    for key, clip in truth.items():
        subject, name = key.split("/")
        text, emotion = coding[key]
        columns = [int(str(n) in _active(text)) for n in FOURD_AUS]
        text = "AU5+12" if key == "S57/S57_002_01_1" else text
        apex = 2490 if key == "S14/S14_001_01_5" else clip.apex
        blink = int("45" in text)
        rows.append([1, subject, name, clip.onset, apex, clip.offset, text, emotion, blink, *columns])
        frames[f"gray_micro/{subject}/{name}"] = numbers(clip.window)
    return Copy("fourd", FOURD_HEADER, rows, frames, "Frame_{:09d}.jpg")


def _active(text: str) -> set[str]:
    """The AUs of a string without sides, but for those marked (k)."""
    return {"".join(filter(str.isdigit, token)) for token in text.split("+") if "(k)" not in token}


MMEW_HEADER = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"]
MMEW_HEADER += ["Estimated Emotion", "remarks"]
MMEW_EMOTIONS = ("happiness", "surprise", "disgust", "repression", "fear", "sadness", "anger")
REPRESSION = 66
# Windows of the table, of CD6ME.
MMEW_WINDOWS = {
    "4/S04-01-001": ((1, 27, 40), (1, 40, 75)),
    "4/S04-02-002": ((1, 8, 15), (1, 15, 54)),
    "4/S04-02-003": ((1, 28, 46), (1, 46, 59)),
    "4/S04-03-001": ((1, 10, 36), (1, 20, 98)),
    "4/S04-03-002": ((1, 20, 43), (1, 25, 80)),
    "4/S04-03-003": ((1, 19, 29), (1, 20, 93)),
    "4/S04-04-001": ((1, 17, 36), (1, 23, 58)),
    "4/S04-04-002": ((1, 19, 33), (1, 28, 61)),
    "4/S04-06-001": ((1, 19, 32), (1, 32, 68)),
    "13/S13-01-001": ((1, 16, 41), (1, 56, 88)),
    "13/S13-01-002": ((1, 12, 27), (1, 32, 80)),
    "13/S13-02-001": ((1, 7, 77), (1, 27, 85)),
    "13/S13-02-002": ((1, 22, 43), (1, 22, 61)),
    "13/S13-02-004": ((1, 19, 49), (1, 29, 108)),
    "13/S13-03-006": ((1, 8, 46), (1, 31, 72)),
    "13/S13-04-001": ((1, 10, 66), (1, 38, 106)),
}


def mmew_truth() -> dict[str, Truth]:
    """CD6ME's 300 clips, 66 of them of repression; a clip's name tells its emotion."""
    keys = list(MMEW_WINDOWS)
    kinds = [4] * (REPRESSION - sum(key.split("-")[1] == "04" for key in keys)) + [1, 2, 3, 5, 6, 7] * 40
    for index, kind in enumerate(kinds[: 300 - len(keys)]):
        subject = 1 + index % 30
        keys.append(f"{subject}/S{subject:02d}-{kind:02d}-{100 + index}")
    clips = {}
    for index, key in enumerate(keys):
        clip, emotion = made_up(index), MMEW_EMOTIONS[int(key.split("-")[1]) - 1]
        length = clip.offset - clip.onset
        window = MMEW_WINDOWS.get(key, (0, (1, 1 + length // 2, 1 + length)))[1]
        clips[key] = Truth(*window, clip.au, emotion)
    return clips


def mmew() -> Copy:
    """The 300 rows, `others` where CD6ME says repression."""
    rows, frames = [], {}
    for key, clip in mmew_truth().items():
        subject, name = key.split("/")
        window = MMEW_WINDOWS.get(key, (clip.window,))[0]
        emotion = "others" if clip.emotion == "repression" else clip.emotion
        rows.append([subject, name, *window, clip.au, emotion, ""])
        folder = f"Micro_Expression/{clip.emotion}/{name}"
        frames[folder] = numbers(window, clip.window)
    return Copy("mmew", MMEW_HEADER, rows, frames)
