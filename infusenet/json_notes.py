"""Notes in JSON that one run leaves for the next, taken only in the form that their writer gives them.

A note can be cut, or hold other JSON than expected (``null``, a list), when a disk fails or a person edits
it. It then counts as absent. Imported before every run: standard library only.
"""

import json
from pathlib import Path
from types import UnionType


def read_note(path: Path, form) -> object | None:
    """The value in a note of ``form`` (see `fits`); None if it is missing, unreadable or of another form."""
    try:
        return parse(path.read_bytes(), form)
    except OSError:
        return None


def parse(text: str | bytes, form) -> object | None:
    """The value in JSON of ``form``; None for other text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if fits(value, form) else None


def fits(value, form) -> bool:
    """Whether a value read from JSON has a form.

    Parameters
    ----------
    form
        A type; ``[form]``, a list of such values; ``(form, ...)``, a list of as many values, one of each form;
        ``{str: form}``, an object of such values; ``{name: form, ...}``, an object with at least these names.

    Examples
    --------
    >>> fits({"a": [1, 2]}, {str: [int]}), fits({"a": None}, {"a": int})
    (True, False)
    """
    if isinstance(form, (type, UnionType)):
        return isinstance(value, form)
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(item, form[0]) for item in value)
    if isinstance(form, tuple):
        return isinstance(value, list) and len(value) == len(form) and all(map(fits, value, form))
    if not isinstance(value, dict):
        return False
    if str in form:
        return all(fits(item, form[str]) for item in value.values())
    return all(name in value and fits(value[name], part) for name, part in form.items())
