"""Kill `make demo` at random moments, finish it, and compare every prediction file's bytes.

    python benchmarks/kills.py [--kills 10] [--seed 0] [--span SECONDS]

Needs a finished `make demo` in this checkout (its results are the reference). Works in a copy of the
checkout beside it, installed undisturbed: each round starts `make demo`, kills its whole process group with
SIGKILL after a random time, and starts it again; the last round runs to its end.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def predictions(root: Path) -> dict[str, str]:
    """{path below results: sha256} of every prediction file that the demo makes: its seed is 0."""
    files = sorted((root / "results").glob("*/*/seed0/predictions.csv"))
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def make(target: str, root: Path, seconds: float | None = None) -> bool:
    """Run a make target, killed after `seconds`; True if it ended by itself with status 0."""
    with open(root / "kills.log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["make", target],
            cwd=root,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--span", type=float, default=60, help="longest time before a kill, in seconds")
    args = parser.parse_args()
    expected = predictions(ROOT)
    if not expected:
        sys.exit("no finished demo in this checkout: run `make demo` first")
    work = ROOT.with_name(f"{ROOT.name}-kills")
    shutil.rmtree(work, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, work / name)
    if not make(".venv/.installed", work):
        sys.exit(f"installation failed: see {work / 'kills.log'}")
    draw = random.Random(args.seed)
    for number in range(1, args.kills + 1):
        moment = draw.uniform(1, args.span)
        ended = make("demo", work, moment)
        stores = len(list(work.glob("cache/*/*.h5")))
        print(
            f"kill {number:2d} after {moment:5.1f} s: {stores} stores, {len(predictions(work))} predictions",
            flush=True,
        )
        if ended:
            break
    started = time.monotonic()
    if not make("demo", work):
        sys.exit(f"the last run failed: see {work / 'kills.log'}")
    results = predictions(work)
    same = sum(results.get(name) == digest for name, digest in expected.items())
    print(
        f"finished in {time.monotonic() - started:.0f} s: {same} of {len(expected)} prediction files have the same bytes"
    )
    sys.exit(0 if results == expected else 1)


if __name__ == "__main__":
    main()
