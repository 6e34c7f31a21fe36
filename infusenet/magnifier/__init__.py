"""The motion magnifier: its network, its checkpoints, and how ours was trained."""

from infusenet.magnifier.checkpoint import load
from infusenet.magnifier.network import Magnifier

__all__ = ["Magnifier", "load"]
