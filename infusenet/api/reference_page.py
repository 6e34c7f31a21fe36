"""The reference of the public interface, docs/api.md, made from its docstrings.

python -m infusenet.api.reference_page > docs/api.md
"""

import inspect
import re
from collections.abc import Iterator

import infusenet
from infusenet.databases.clip_table import Clip
from infusenet.detection.clip_arrays import Window
from infusenet.detection.detector import Detector
from infusenet.detection.scores import ClipScores
from infusenet.errors import InputError
from infusenet.preprocess.face_detection import Detection
from infusenet.standins.truth import ClipTruth
from infusenet.store import Store
from infusenet.training.trained_run import TrainedRun

HEAD = """# Python API

`from infusenet import ...` gives the names below. Each is imported when it is first used, so `import infusenet` takes
no time. The examples run in this order, and some continue one above them. Made from the docstrings by
`python -m infusenet.api.reference_page > docs/api.md`; edit those and not this page.
"""
# What the public functions return.
TYPES = (Clip, Detection, TrainedRun, ClipScores, Window, ClipTruth)
SECTION = re.compile(r"(?m)^(\w+)\n-{3,}\n")


def main() -> None:
    print(page(), end="")


def page() -> str:
    """The whole page, in Markdown."""
    publics = {name: getattr(infusenet, name) for name in infusenet.PUBLIC}
    parts = [
        HEAD,
        *(f"- [`{name}`](#{name.lower()}): {_opening(public)}" for name, public in publics.items()),
        "",
    ]
    for name, public in publics.items():
        parts += [f"## {name}\n"]
        parts += [] if public is InputError else [f"```python\n{_call(name, public)}\n```\n"]
        parts += _markdown(inspect.getdoc(public))
        parts += ["**Methods**\n", *_methods(public), ""] if public in (Store, Detector) else []
    parts += ["## What functions return\n"]
    for returned in TYPES:
        parts += [f"### {returned.__name__}\n", _fields(returned), *_markdown(inspect.getdoc(returned))]
    return "\n".join(parts)


def _opening(documented) -> str:
    """The first paragraph of a docstring."""
    return _inline(inspect.getdoc(documented).split("\n\n")[0]).strip()


def _call(name: str, function) -> str:
    """The call with names and defaults; the types are in the text, where they have shapes and units too."""
    parameters = inspect.signature(function).parameters.values()
    return (
        f"{name}{inspect.Signature([p.replace(annotation=p.empty) for p in parameters if p.name != 'self'])}"
    )


def _methods(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        if not name.startswith("_") and inspect.isfunction(member):
            yield f"- `{_call(name, member)}`: {_opening(member)}"


def _fields(cls: type) -> str:
    names = ", ".join(f"`{name}`" for name in cls.__dataclass_fields__)
    return f"Attributes of `{cls.__module__}.{cls.__name__}`: {names}.\n"


def _markdown(text: str) -> Iterator[str]:
    """The parts of a docstring in numpydoc's form."""
    opening, *sections = SECTION.split(text)
    yield from _paragraphs(opening)
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        yield f"**{title}**\n"
        if title in ("Parameters", "Returns", "Raises"):
            yield _entries(body)
        else:
            yield from _paragraphs(body)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        example = paragraph.startswith(">>> ")
        yield f"```python\n{paragraph}\n```\n" if example else _inline(paragraph)


def _entries(body: str) -> str:
    """Entries, ``name : type`` or a type, each with an indented description below it, as a list."""
    entries = []
    for entry in re.split(r"\n(?=\S)", body.strip()):
        entry = re.sub(r"\A(\w+) : ", r"``\1``: ", entry)
        # A line that goes on in lower case belongs to the sentence above it.
        entries.append(_inline(re.sub(r"\A(.+)\n +(?=[^a-z ])", r"\1: ", entry)))
    return "".join(f"- {entry}" for entry in entries)


def _inline(text: str) -> str:
    """Prose on one line; literals have two marks in docstrings, in Markdown one."""
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("``", "`") + "\n"


if __name__ == "__main__":
    main()
