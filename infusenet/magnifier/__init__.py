"""The motion magnifier: its network, its checkpoints, and the training of the weights in this package."""

from infusenet.magnifier.checkpoint import load
from infusenet.magnifier.network import Magnifier

__all__ = ["Magnifier", "load"]
