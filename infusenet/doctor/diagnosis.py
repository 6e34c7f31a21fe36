"""The result of one check of the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """``level``: ok, note (works, but worth knowing) or fix (a run would stop or give wrong results).

    ``state`` is what the check saw, ``expected`` what a run needs, ``remedy`` what to do about it.
    """

    level: str
    check: str
    state: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{self.level:<5} {self.check:<9} {self.state}"]
        lines += [f"{'':16}expected: {self.expected}"] * bool(self.expected)
        lines += [f"{'':16}do: {self.remedy}"] * bool(self.remedy)
        return "\n".join(lines)
