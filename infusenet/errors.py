"""Errors that a user reads, and the way in which several problems become one report.

Every message says what the code found, what it expected, in which clip or file, and what to do.
The command line prints it without a traceback and exits with status 1.
"""

from collections.abc import Iterable


class InputError(Exception):
    """Something outside the code is wrong: a file, a clip, a configuration value.

    Raised as a subclass where a caller treats that case differently from all others.

    Examples
    --------
    >>> from infusenet import InputError, Store
    >>> try:
    ...     Store("nowhere/flow.h5")
    ... except InputError as error:
    ...     print(error)
    nowhere/flow.h5: no such store; build it first
    """


class Missing(InputError):
    """A file, a folder or a clip does not exist."""


def report(problems: Iterable[str], headline: str) -> str:
    """The headline and every problem: on one line if there is a single one, else a line each.

    Examples
    --------
    >>> report(["row 2: no subject"], "table.csv refused")
    'table.csv refused: row 2: no subject'
    """
    problems = list(problems)
    if len(problems) == 1:
        return f"{headline}: {problems[0]}"
    return "\n  ".join([f"{headline} ({len(problems)}):", *problems])


def raise_all(problems: Iterable[str], headline: str) -> None:
    """Raise one InputError with the `report` of all problems; do nothing where there is none."""
    if problems := list(problems):
        raise InputError(report(problems, headline))


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A hint for an unknown name.

    Examples
    --------
    >>> did_you_mean("face", ["flow", "faces"])
    "(did you mean 'faces'? known: faces, flow)"
    """
    from difflib import get_close_matches

    names = sorted(names)
    close = get_close_matches(str(word), names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"({hint}known: {', '.join(names)})"
