"""What a build computed and what it took over: a line in the stage's log, from which plans know past runs."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infusenet.plan.clips import compare, kept
from infusenet.store import Store

LINE = "{} clips computed, {} taken over, {} failed"


@contextmanager
def tallied(output: Path, stage: str) -> Iterator[None]:
    """Around the build of a store: say at its end what it did, by the clips' keys before and after."""
    before = kept(output, stage)
    yield
    store = Store(output, stage)
    change = compare(before, store.keys, set())
    text = LINE.format(change.computed, len(change.reused), len(store.failures))
    print(f"{output}: {text}", file=sys.stderr)


def computed(log: Path) -> int | None:
    """Clips that the build with this log computed, those that failed among them; None if it tells not."""
    text = log.read_text() if log.is_file() else ""
    done = re.search(LINE.format(r"(\d+)", r"\d+", r"(\d+)"), text)
    return int(done[1]) + int(done[2]) if done else None
