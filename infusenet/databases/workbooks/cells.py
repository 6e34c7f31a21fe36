"""The texts of cells as numbers: frame numbers, 0/1 columns."""

import re
from collections.abc import Mapping

from infusenet.databases.clip_table import numbered
from infusenet.databases.row_problems import RowError
from infusenet.texts import au_number, visible


def frame_numbers(values: Mapping[str, str]) -> dict[str, int]:
    """onset, apex and offset as whole numbers in order; ValueError with all that is wrong."""
    numbers = whole(values, "onset", "apex", "offset")
    if not numbers["onset"] <= numbers["apex"] <= numbers["offset"]:
        raise RowError("apex_outside", f"{numbered(numbers)}: expected onset <= apex <= offset")
    return numbers


def whole(values: Mapping[str, str], *names: str) -> dict[str, int]:
    """The named values as whole numbers (``46.0`` is one); ValueError lists those that are not."""
    matches = {name: re.fullmatch(r"([0-9]{1,9})(?:\.0*)?", values[name]) for name in names}
    if faults := [f"{name} '{visible(values[name])}'" for name, match in matches.items() if not match]:
        raise ValueError(f"{', '.join(faults)}: expected a whole number, zero or more")
    return {name: int(match[1]) for name, match in matches.items()}


def au_columns(values: Mapping[str, str]) -> dict[int, bool]:
    """AU number -> its 0/1 column, for every column named ``AU<n>``; ValueError for other values."""
    columns = {}
    for name, value in values.items():
        if (number := au_number(name)) is not None:
            if value not in ("0", "1", "0.0", "1.0"):
                raise ValueError(f"column AU{number} is '{visible(value)}', expected 0 or 1")
            columns[number] = value in ("1", "1.0")
    return columns
