"""The rules by which the face of a clip counts as failed: no face, or several of similar size.

A failed face gives its clip a status in the faces store and keeps it out of every later stage.
"""

from collections.abc import Sequence

# A second face counts as background when the first one is this many times larger.
DOMINANT = 2.0
# Boxes below this share of the best one's detection weight are no faces. Measured on two photographs at many
# sizes: nine in ten false boxes (on cloth, on a helmet) are below 0.28 of the face's weight and half below
# 0.07; second faces as good as the first reach 0.66 and more, and of 288 that were darkened, blurred or rolled
# by up to 30 degrees two are below 0.25.
WEAK = 0.25


class FailedFace(Exception):
    """The face of a clip failed. The text is the reason, ``status`` the clip's status in the store."""

    status: str


class NoFace(FailedFace):
    """No rung of the detector found a face; the text may end in a hint."""

    status = "no_face"


class MultipleFaces(FailedFace):
    """Several faces of similar size: which one is the subject's is unknown."""

    status = "multiple_faces"


def credible(boxes: Sequence, weights: Sequence[float]) -> list:
    """The boxes whose detection weight is not far below the best one's."""
    return [box for box, weight in zip(boxes, weights, strict=True) if weight >= WEAK * max(weights)]


def subject_face(boxes: Sequence):
    """The largest box (with ``area()``), the subject's face; None where there is no box.

    Raises
    ------
    MultipleFaces
        If the second box is not far smaller than the first.
    """
    largest_first = sorted(boxes, key=lambda box: -box.area())
    if len(largest_first) > 1 and largest_first[0].area() < DOMINANT * largest_first[1].area():
        raise MultipleFaces("several faces of similar size on the onset frame")
    return largest_first[0] if largest_first else None
