"""The order of the rooms: a room imports only rooms above it, inside functions too."""

import ast
from pathlib import Path

import pytest

import infusenet

PACKAGE = Path(infusenet.__file__).parent
# A newcomer's map of the package, from what everything uses to what uses everything.
ROOMS = (
    "protocol", "errors", "texts", "json_notes", "files", "csv_tables", "hashing", "tensor_files", "devices",
    "worker_processes", "read_ahead", "databases", "config", "store", "magnifier", "preprocess", "models", "training",
    "evaluation", "report", "detection", "standins", "experiments", "snakemake_state", "doctor", "api", "cli",
)  # fmt: skip


def test_every_room_has_its_place():
    entries = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith(("_", "."))}
    assert entries == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_above_it(room):
    place = PACKAGE / room
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    above = ROOMS[: ROOMS.index(room) + 1]
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {module}"
        for path in paths
        for line, module in imports(path)
        if module.partition(".")[0] not in above
    ]
    assert not wrong


def imports(path):
    """(line, module below ``infusenet``) of every import of the package, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "infusenet":
            names = [f"infusenet.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, module = name.partition(".")
            if package == "infusenet" and module not in ("", "__version__"):
                yield node.lineno, module
