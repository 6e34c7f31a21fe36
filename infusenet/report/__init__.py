"""Tables and figures of the paper, and the ledger of all clips.

`TARGETS` maps the name of each table and figure that is made from saved predictions to its function,
which takes run folders and an output folder. The methods that each of them needs, and the files that
it writes, are listed in `infusenet.report.targets`.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path


def _target(module: str, name: str) -> Callable[[Sequence[Path], Path], None]:
    def make(runs: Sequence[Path], output: Path) -> None:
        getattr(import_module(f"infusenet.report.{module}"), name)(list(map(Path, runs)), Path(output))

    return make


# Imported when called, because drawing and scoring need heavy packages.
TARGETS = {
    "table1": _target("paper_tables", "table1"),
    "table2": _target("paper_tables", "table2"),
    "table3": _target("paper_tables", "table3"),
    "claims": _target("claims", "claims"),
    "figure3": _target("figure3", "figure3"),
    "figure4": _target("figure4", "figure4"),
}
