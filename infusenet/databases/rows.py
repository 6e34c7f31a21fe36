"""What stands between an owner's table and clips: a row before it is one, and all that was read."""

from dataclasses import dataclass

from infusenet.databases.notes import Refused
from infusenet.manifest import Clip


@dataclass(frozen=True)
class Row:
    """One annotated clip before its values are trusted.

    ``fields`` holds the owner's subject, clip, onset, apex, offset, au and emotion as text;
    ``subject`` and ``clip`` the ids in the form of the joint table.
    """

    number: int
    fields: dict[str, str]
    subject: str
    clip: str
    extra: dict[str, str]

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.clip}"


@dataclass(frozen=True)
class Reading:
    """What a table gave: clips in its order, rows that are none, and, if its release is not the one
    behind CD6ME, a sentence about that."""

    clips: list[Clip]
    refused: list[Refused]
    release: str | None
