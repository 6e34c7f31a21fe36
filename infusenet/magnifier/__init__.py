"""The motion magnifier: its network, its checkpoints, and the training of the shipped one."""

from infusenet.magnifier.checkpoint import load
from infusenet.magnifier.network import Magnifier

__all__ = ["Magnifier", "load"]
