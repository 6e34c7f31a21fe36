"""The one exception a user is meant to read, and how several findings become one report.

Every message says what was found, what was expected, in which clip or file, and what to do.
The command line prints it without a traceback and exits with status 1.
"""

from collections.abc import Iterable


class InputError(Exception):
    """Something outside the code is wrong: a file, a clip, a configuration value."""


def raise_all(problems: Iterable[str], headline: str) -> None:
    """Raise one InputError that lists every problem, a line each; do nothing when there is none."""
    problems = list(problems)
    if len(problems) == 1:
        raise InputError(f"{headline}: {problems[0]}")
    if problems:
        raise InputError("\n  ".join([f"{headline} ({len(problems)}):", *problems]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as ``(did you mean 'faces'? known: faces, flow)`` for an unknown name."""
    from difflib import get_close_matches

    known = sorted(known)
    close = get_close_matches(str(word), known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"({hint}known: {', '.join(known)})"
