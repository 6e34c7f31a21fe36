"""The code blocks of README.md and the other pages, run as they are written, on a fresh clone.

``python tests/doc_blocks.py`` clones the last commit and runs every block in its order, `make demo` included, which
takes half an hour. ``--demo FOLDER`` takes a checkout in which `make demo` has finished instead, copies what it made
into the clone, and leaves out blocks that are marked ``slow``. A block that cannot run everywhere has a mark before it,
``<!-- docs-check: REASON -->``, in its own line or at the end of one, with one of the reasons below; it is listed, not run.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "data_manifests/README.md", *sorted(
    str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")))  # fmt: skip
REASONS = {
    "text": "no commands",
    "example": "values to be replaced by your own",
    "slow": "minutes; run without --demo",
    "SLURM": "needs a cluster",
    "GPU": "needs a graphics card",
    "test_api": "run by tests/test_api.py",
}
# What a demo has written, and its settings.
DEMO = ("standins", "cache", "results", ".snakemake", "data_manifests/*.csv", "workflow/config.yaml")
# What runs a block.
SHELL, PYTHON = ("bash", "-euo", "pipefail", "-c"), ("python", "-c")


class Block(NamedTuple):
    page: str
    line: int
    text: str
    reason: str
    program: tuple[str, ...] = SHELL


def blocks(page):
    """The blocks of a page in their order: fenced ones, and those indented by four spaces after an empty line."""
    lines, number, previous, reason = (ROOT / page).read_text(encoding="utf-8").splitlines(), 0, "", ""
    while number < len(lines):
        line, end = lines[number], number + 1
        if mark := re.search(r"<!-- docs-check: (.+) -->$", line):
            reason = mark[1]
        elif line.startswith("```"):
            while not lines[end].startswith("```"):
                end += 1
            program = PYTHON if line == "```python" else SHELL
            yield Block(
                page, number + 1, "\n".join(lines[number + 1 : end]), reason or default(page), program
            )
            end += 1
        elif line.startswith("    ") and not previous:
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
                end += 1
            yield Block(page, number + 1, "\n".join(text[4:] for text in lines[number:end]), reason)
        if line and not mark:
            reason = ""
        previous, number = lines[end - 1], end


def default(page):
    return "test_api" if page == "docs/api.md" else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--demo", type=Path, help="a checkout in which `make demo` has finished")
    demo = parser.parse_args().demo
    failed = 0
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "infusenet"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
        for path in (path for name in DEMO if demo for path in demo.glob(name)):
            subprocess.run(["cp", "-a", path, clone / path.relative_to(demo).parent], check=True)
        # The commands of a block find the clone's environment, or the one that this runs in.
        path = f"{clone / '.venv/bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(clone)}
        for block in (block for page in PAGES for block in blocks(page)):
            where = f"{block.page}:{block.line}"
            if block.reason and (demo or block.reason != "slow"):
                print(f"{where}: not run: {block.reason}: {REASONS[block.reason]}")
                continue
            start = time.monotonic()
            process = subprocess.run(
                [*block.program, block.text], cwd=clone, env=environment, capture_output=True, text=True
            )
            state = f"failed: {process.returncode}" if process.returncode else "ok"
            print(f"{where}: {state}, {time.monotonic() - start:.0f} s", flush=True)
            if process.returncode:
                failed += 1
                print(block.text, process.stdout[-3000:], process.stderr[-3000:], sep="\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
