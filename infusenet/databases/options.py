"""What a user may ask of a reader: settings of a database's block, flags of ``infusenet read``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


def _switch(help: str) -> bool:
    return field(default=False, metadata={"help": help})


@dataclass(frozen=True)
class Options:
    """All off: what is unclear is refused, and another release than CD6ME's is noted."""

    strict: bool = _switch(
        "refuse a table that is not CD6ME's: other clips, errata without a clip, AU columns that contradict"
    )
    midpoint_apex: bool = _switch("an apex cell without a number means the middle of onset and offset")
    nearest_apex: bool = _switch("an apex frame that is not on disk means the nearest one of the clip")
    blank_au: bool = _switch("a blank AU cell means no AU")
    normalised_emotion: bool = _switch("add a column with the emotion in one spelling for all databases")
    sheet: str | None = field(default=None, metadata={"help": "name of the workbook's sheet to read"})

    @classmethod
    def of(cls, settings: Mapping) -> "Options":
        """From a mapping that may hold other keys too."""
        return cls(**{name: settings[name] for name in HELP if name in settings})


HELP = {option.name: option.metadata["help"] for option in fields(Options)}
