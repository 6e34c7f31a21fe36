"""Options of a reader: settings of a database's block in the configuration, flags of ``infusenet read``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

OWN_LABELS, CD6ME_LABELS = "own", "cd6me"


def _switch(help: str) -> bool:
    return field(default=False, metadata={"help": help, "flag": {"action": "store_true"}})


def _choice(help: str, *choices: str) -> str:
    return field(default=choices[0], metadata={"help": help, "flag": {"choices": choices}})


def _text(help: str) -> str | None:
    return field(default=None, metadata={"help": help, "flag": {}})


@dataclass(frozen=True)
class Options:
    """By default unclear cells are refused, another release than CD6ME's is reported, its labels are kept and
    its rows outside CD6ME are left out."""

    strict: bool = _switch(
        "refuse a table that is not CD6ME's: other clips, errata without a clip, AU columns that contradict"
    )
    midpoint_apex: bool = _switch("an apex cell without a number means the middle of onset and offset")
    nearest_apex: bool = _switch("an apex frame that is not on disk means the nearest one of the clip")
    blank_au: bool = _switch("a blank AU cell means no AU")
    normalised_emotion: bool = _switch("add a column with the emotion in one spelling for all databases")
    labels: str = _choice(
        "CASME II: AUs and emotions of the table's own coding, or CD6ME's", OWN_LABELS, CD6ME_LABELS
    )
    emotions: str | None = _text("CAS(ME)^3: a label table that gives the emotions of a table without them")
    sheet: str | None = _text("name of the workbook's sheet to read")
    not_in_cd6me: str = _choice("rows known to lie outside CD6ME", "exclude", "keep")

    @classmethod
    def of(cls, settings: Mapping, not_in_cd6me: str = "exclude") -> "Options":
        """From a database's block, which holds other keys too, and a policy of the audit."""
        values = {name: settings[name] for name in SETTINGS if name in settings}
        return cls(**values, not_in_cd6me=not_in_cd6me)


# The keywords of each option's flag, and the options that a database's block can set.
FLAGS = {
    o.name: {"help": o.metadata["help"], "default": o.default, **o.metadata["flag"]} for o in fields(Options)
}
SETTINGS = tuple(name for name in FLAGS if name != "not_in_cd6me")
