"""Sizes of the stand-in databases: those of the real databases, and the demo's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """One database's true size: (min, median, max) of frames per clip, (min, max) of apex - onset, positives
    by AU in the order of AUS, and clips with none of them."""

    clips: int
    subjects: int
    frames: tuple[int, int, int]
    rise: tuple[int, int]
    positives: tuple[int, ...]
    without: int


FULL = {
    "casme": Size(189, 19, (9, 19, 68), (2, 24), (23, 17, 70, 0, 1, 4, 40, 3, 9, 23, 14, 13), 22),
    "casme2": Size(256, 26, (24, 61, 141), (3, 88), (26, 22, 130, 2, 13, 39, 13, 16, 34, 27, 16, 25), 11),
    "samm": Size(159, 29, (30, 78, 101), (4, 96), (6, 18, 23, 10, 3, 46, 5, 6, 28, 13, 4, 6), 22),
    "fourd": Size(267, 42, (8, 21, 30), (2, 24), (46, 54, 102, 8, 25, 89, 1, 2, 53, 4, 6, 11), 5),
    "mmew": Size(300, 30, (14, 39, 108), (2, 55), (50, 41, 109, 70, 10, 47, 8, 38, 37, 17, 6, 11), 28),
    "casme3a": Size(860, 94, (3, 22, 730), (0, 36), (153, 128, 274, 44, 8, 27, 50, 10, 15, 193, 6, 20), 112),
}
# The demo: clips, subjects and positives of each AU per database, clips without any AU, (shortest, median,
# longest) number of frames of a clip.
DEMO_CLIPS, DEMO_SUBJECTS, DEMO_POSITIVES, DEMO_WITHOUT = 40, 8, 7, 2
DEMO_FRAMES = (12, 18, 24)
