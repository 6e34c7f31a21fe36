"""Counts of a build in its log: clips computed, taken over and failed. Plans estimate times from them."""

import re
from pathlib import Path

LINE = "{} clips computed, {} taken over, {} failed"


def computed(log: Path) -> int | None:
    """Clips that the build with this log computed, and those that failed, here or in an earlier stage; None where
    the log has no such line.
    """
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    match = re.search(LINE.format(r"(\d+)", r"\d+", r"(\d+)"), text)
    return int(match[1]) + int(match[2]) if match else None
