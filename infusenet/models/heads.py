"""Heads: the outputs of models by name, each with its title and colour in tables and pictures."""

from typing import NamedTuple


class Head(NamedTuple):
    """One output of a model: the name in columns and logs, title and colour in pictures."""

    name: str
    title: str
    colour: str


# Colours by Okabe and Ito, which the colour-blind can tell apart.
FLOW = Head("flow", "FrameFlow", "#0072B2")
MAG = Head("mag", "FrameMag", "#D55E00")
FUSED = Head("fused", "late fusion", "#009E73")
VIDEO = Head("video", "video", "#CC79A7")
# For heads of models that are no longer registered, in the order of the heads.
OTHER_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#F0E442")
