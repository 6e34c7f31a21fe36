"""The motion magnifier: its network, its checkpoints, and how ours was trained."""

from infusenet.magnifier.loading import load
from infusenet.magnifier.network import Magnifier

__all__ = ["Magnifier", "load"]
