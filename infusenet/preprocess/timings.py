"""What a build computed and what it took over: a line in the stage's log, from which plans know past runs."""

import re
from pathlib import Path

LINE = "{} clips computed, {} taken over, {} failed"


def computed(log: Path) -> int | None:
    """Clips that the build with this log computed, those that failed among them; None if it tells not."""
    text = log.read_text() if log.is_file() else ""
    done = re.search(LINE.format(r"(\d+)", r"\d+", r"(\d+)"), text)
    return int(done[1]) + int(done[2]) if done else None
