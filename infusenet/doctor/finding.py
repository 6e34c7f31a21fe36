"""What a check says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """``level``: ok, note (works, but worth knowing) or mend (a run would stop or go wrong)."""

    level: str
    check: str
    found: str
    expected: str = ""
    do: str = ""

    def __str__(self) -> str:
        lines = [f"{self.level:<5} {self.check:<9} {self.found}"]
        lines += [f"{'':16}expected: {self.expected}"] * bool(self.expected)
        lines += [f"{'':16}do: {self.do}"] * bool(self.do)
        return "\n".join(lines)
