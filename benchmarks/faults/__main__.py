"""Try to break the stores, and report the outcomes.

    python benchmarks/faults [--kills 50] [--damages 200] ... [--output docs/faults.md]

Works on fourteen stand-in clips below --work; a count of 0 omits that trial. Prints and writes a
table in Markdown, with the counts of this run. Ends with status 1 if a promise does not hold.
"""

import argparse
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import builders
import damage
import disk
import kills
import triggers
from lab import CLIPS, Lab, TrialRow
from situations import SITUATIONS

import workflow
from infusenet import __version__

TEXT = """# Faults that were tried

Written by `python benchmarks/faults` (infusenet {version}, {machine}, {disk}, {minutes:.0f} minutes) on
{clips} stand-in clips of 64 px, in parts of 4 clips. More cases of the builder's lock are in
`tests/test_store_lock.py` (a holder on another host, one that was killed, a reused process id, no hard links),
of disk errors in `tests/test_disk_errors.py`, of killed workers in `tests/test_worker_processes.py`, of take-over in `tests/test_store_update.py`. Not tried: loss of power,
a real network file system.

| Fault | Tried | Outcome | Holds |
|---|---|---|---|
{rows}

## What changed, and what must rerun

Without infusenet's checks, Snakemake would treat a large file with a new time as changed, and would not notice new
content with an old time, edited modules or overwritten outputs.

| What changed | What must rerun | Tested by | Passed |
|---|---|---|---|
{triggers}

`snakemake --touch` tells Snakemake that outputs are up to date as they are: after a changed setting it records
the new one for the old outputs, and nothing reruns.

## Damaged files, other machines

| What happens | What follows | Tested by | Passed |
|---|---|---|---|
{situations}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs of each stage")
    parser.add_argument("--orphans", type=int, default=10, help="builders that lose their lock")
    parser.add_argument("--damages", type=int, default=200, help="bit flips and truncations")
    parser.add_argument(
        "--races", type=int, default=10, help="pairs of builders, from one and two directories"
    )
    parser.add_argument("--reading", type=float, default=20, help="seconds of reading while builds publish")
    parser.add_argument("--disks", type=int, default=20, help="amounts of room on a full disk")
    parser.add_argument("--runs", type=int, default=3, help="Snakemake runs that are killed or raced")
    parser.add_argument(
        "--triggers", type=int, default=len(triggers.TRIGGERS), help="rows of each table of tests"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="default: a temporary folder")
    parser.add_argument("--output", type=Path, help="where to write the table, e.g. docs/faults.md")
    args = parser.parse_args()

    work = Path(tempfile.mkdtemp(dir=args.work)).resolve()
    began, draw, rows = time.monotonic(), random.Random(args.seed), []
    changes, situations = [], []
    try:
        lab = Lab(work)
        trials = [
            (args.kills, lambda: kills.kills(lab, args.kills, draw)),
            (args.orphans, lambda: kills.orphans(lab, args.orphans, draw)),
            (args.damages, lambda: damage.damage(lab, args.damages, draw)),
            (args.races, lambda: builders.races(lab, args.races, draw)),
            (args.reading, lambda: builders.readers(lab, args.reading)),
            (args.disks, lambda: [*disk.full(lab, args.disks), *disk.read_only(lab), *disk.no_locks(lab)]),
            (args.runs, lambda: workflow.orphans(lab, args.runs) + workflow.directories(lab, args.runs)),
        ]
        for trial in (trial for count, trial in trials if count):
            for row in trial():
                rows.append(row)
                print(line(row), flush=True)
        for lines, tried in ((changes, triggers.TRIGGERS), (situations, SITUATIONS)):
            for trigger in tried[: args.triggers]:
                lines.append(triggers.line(trigger))
                print(lines[-1][0], flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if args.output:
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        kind = ["stat", "--file-system", "--format=%T", work.parent]
        where = subprocess.run(kind, capture_output=True, text=True, check=True).stdout.strip()
        minutes = (time.monotonic() - began) / 60
        args.output.write_text(
            TEXT.format(version=__version__, machine=machine, disk=where, minutes=minutes, clips=CLIPS["now"],
                        rows="\n".join(map(line, rows)), triggers="\n".join(text for text, _ in changes),
                        situations="\n".join(text for text, _ in situations)),
            encoding="utf-8",
        )  # fmt: skip
    sys.exit(0 if all(row.holds for row in rows) and all(holds for _, holds in changes + situations) else 1)


def line(row: TrialRow) -> str:
    """The row in Markdown."""
    cells = (row.fault, row.tried, row.outcome, "yes" if row.holds else "**no**")
    return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"


if __name__ == "__main__":
    main()
