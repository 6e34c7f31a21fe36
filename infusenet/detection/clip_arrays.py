"""The arrays of one clip of new footage: those that the stages would store of it, by the stages' own functions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """The frame numbers of a clip's onset, apex and offset, inclusive."""

    onset: int
    apex: int
    offset: int
