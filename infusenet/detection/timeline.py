"""The timeline of footage: its expressions, and the motion where they were spotted."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator, NullLocator

from infusenet.detection.clip_arrays import Window
from infusenet.detection.picture_sheet import LINE_HEIGHT, TITLE, Sheet

STRIP, CURVE = 0.35, 0.8  # heights of a strip in inches, without and with the motion
TICKS = 0.5  # to the left of the motion
SHOWN, OTHER, MOTION = "#D55E00", "0.5", "#0072B2"


@dataclass(frozen=True)
class Timeline:
    """``first`` and ``last`` frame of the footage, its ``rate`` in frames per second if known, the ``windows`` of its
    expressions; where they were spotted, what `infusenet.detection.spotting.Spotting` has of the frames."""

    first: int
    last: int
    rate: float | None
    windows: Sequence[Window]
    numbers: Sequence[int] = ()
    motion: Sequence[float] = ()
    without_face: Sequence[tuple[int, int]] = ()

    @property
    def has_motion(self) -> bool:
        return len(self.motion) > 0

    def strips(self, window: Window | None) -> list[tuple[int, int]]:
        """First and last frame of each strip: the footage; of a long one also what is around ``window``."""
        whole = self.first, self.last
        if window is None:
            return [whole]
        margin = max(5, window.offset - window.onset)
        near = max(self.first, window.onset - margin), min(self.last, window.offset + margin)
        return [whole] if near[1] - near[0] > (whole[1] - whole[0]) / 2 else [whole, near]

    def height(self, window: Window | None) -> float:
        """Of all strips with their numbers, inches."""
        return len(self.strips(window)) * ((CURVE if self.has_motion else STRIP) + TITLE) + LINE_HEIGHT

    @property
    def remark(self) -> str:
        """A sentence on what the strips show."""
        motion = "; the curve is the motion out and back, in eye distances" if self.has_motion else ""
        hatched = "; hatched where no face was followed" if self.without_face else ""
        return f"Timeline: shaded from onset to offset, a line at the apex{motion}{hatched}."


def draw_timeline(
    sheet: Sheet, x: float, y: float, width: float, timeline: Timeline, window: Window | None
) -> None:
    """The strips of a timeline, one below the other; ``window`` is the expression that stands out."""
    height, left = (CURVE, TICKS) if timeline.has_motion else (STRIP, 0)
    for row, (first, last) in enumerate(timeline.strips(window)):
        axis = sheet.axes(x + left, y + row * (height + TITLE), width - left, height)
        for start, stop in timeline.without_face:
            axis.axvspan(start - 0.5, stop + 0.5, facecolor="0.9", edgecolor="0.6", hatch="//", lw=0)
        for each in timeline.windows:
            colour = SHOWN if each == window else OTHER
            axis.axvspan(each.onset, each.offset, color=colour, alpha=0.25, lw=0)
            axis.axvline(each.apex, color=colour, lw=1.5)
        axis.plot(timeline.numbers, timeline.motion, color=MOTION, lw=1)
        axis.set_xlim(first - 0.5, last + 0.5)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(2) if timeline.has_motion else NullLocator())
        axis.tick_params(labelsize=8)
    axis.set_xlabel(f"frame{f', {timeline.rate:g} per second' if timeline.rate else ''}", fontsize=9)
