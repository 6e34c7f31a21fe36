"""README.md and the other pages: links, marks of code blocks, and calls of commands. `make docs-check` runs the blocks."""

import re

import doc_blocks
import pytest
from doc_blocks import PAGES, REASONS, ROOT

from infusenet.cli.subcommands import build_parser

TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in (*PAGES, "CHANGELOG.md")}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", TEXTS[page])
    assert not [target for target in targets if not ((ROOT / page).parent / target).exists()]


def test_the_index_has_every_page():
    pages = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb")}
    assert not [name for name in sorted(pages - {"README.md"}) if f"]({name})" not in TEXTS["docs/README.md"]]


def test_marks_of_blocks_have_a_reason():
    blocks = [block for page in PAGES for block in doc_blocks.blocks(page)]
    assert {block.reason for block in blocks} - {""} == set(REASONS)
    marks = sum(len(re.findall("<!-- docs-check: .+ -->$", text, re.MULTILINE)) for text in TEXTS.values())
    assert marks == sum(block.reason not in ("", "test_api") for block in blocks)


def test_blocks_are_those_of_a_page():
    first, *_ = doc_blocks.blocks("README.md")
    assert first.text.splitlines()[0].startswith("make demo ")
    assert (first.reason, TEXTS["README.md"].splitlines()[first.line - 1][:8]) == ("slow", "    make")
    assert first.program == doc_blocks.SHELL
    assert all(block.reason == "test_api" for block in doc_blocks.blocks("docs/api.md"))
    assert doc_blocks.PYTHON in {block.program for block in doc_blocks.blocks("docs/magnifier.md")}


CALLS = sorted({
    re.split("[#|]", re.sub(r"\[|\]|\.\.\.", "", call))[0].strip()
    for text in TEXTS.values()
    for call in re.findall(r"(?:`|^ {4})infusenet ([a-z][^`\n]*)", text, re.MULTILINE)
})  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_calls_of_commands_in_the_pages_have_known_words(call, capsys):
    """A page may name a command without its arguments."""
    try:
        build_parser().parse_args(call.split())
    except SystemExit as stop:
        if stop.code:
            assert "the following arguments are required" in capsys.readouterr().err
