"""A figure on which axes and lines of text are placed in inches, below a heading."""

import textwrap
from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.ft2font import FT2Font

from infusenet.evaluation.plots import plt

# Inches: a panel, the space between panels, their titles, the sheet's margin, a line of text.
SIDE, GAP, TITLE, MARGIN, LINE_HEIGHT = 1.75, 0.15, 0.3, 0.2, 0.2
COLUMNS = 8  # panels in a row
WIDTH = COLUMNS * (SIDE + GAP) - GAP  # between the margins
CHARACTERS = 150  # in a line over the whole width


class Sheet:
    """A figure of a fixed width. Places are inches to the right of the left margin and below the heading."""

    def __init__(self, height: float, heading: Sequence[str]):
        lines = [line for text in heading for line in wrapped(text, CHARACTERS)]
        self.width = WIDTH + 2 * MARGIN
        self.height = height + 2 * MARGIN + LINE_HEIGHT * len(lines)
        self.top = self.height - MARGIN - LINE_HEIGHT * len(lines)
        self.figure = plt.figure(figsize=(self.width, self.height))
        self.write(0, -LINE_HEIGHT * len(lines), lines, 11)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        place = MARGIN + x, self.top - y - height, width, height
        sizes = (self.width, self.height) * 2
        return self.figure.add_axes([value / size for value, size in zip(place, sizes, strict=True)])

    def panel(self, column: int, y: float, title: str) -> Axes:
        """Square axes without ticks below their title, the top of which is at ``y``."""
        axis = self.axes(column * (SIDE + GAP), y + TITLE, SIDE, SIDE)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
        return axis

    def write(self, x: float, y: float, lines: Sequence[str], size: float = 9, colour: str = "black") -> None:
        for row, line in enumerate(lines):
            place = (MARGIN + x) / self.width, (self.top - y - row * LINE_HEIGHT) / self.height
            self.figure.text(*place, line, va="top", fontsize=size, color=colour, parse_math=False)


def wrapped(text: str, characters: int) -> list[str]:
    """Lines of at most so many characters, all of which can be drawn (`drawable`)."""
    return textwrap.wrap(drawable(text), characters)


def drawable(text: str) -> str:
    """``text`` with escapes such as ``\\u5e27`` for characters that the pictures' font has not."""
    return "".join(c if ord(c) in _characters() else c.encode("unicode_escape").decode() for c in text)


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
