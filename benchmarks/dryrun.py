"""Time of a no-op `snakemake -n all_folds`, compared with a dry run of one rule on the same machine.

The workflow runs once over the clips of STANDINS (written by `infusenet standins`) with a command in
place of `infusenet` that only writes its outputs, so that every frame has been indexed and every job
has run; then both dry runs are timed in turns. Nothing on disk changes before the no-op.
python benchmarks/dryrun.py [STANDINS] [--turns N]
"""

import argparse
import os
import shutil
import stat
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
# {words after the options}: every output lies beside the rule's --output, or in it.
COMMAND = """#!{python}
import pathlib, sys
words = sys.argv[3:]
output = pathlib.Path(words[words.index("--output") + 1])
inside = {{
    "train": ["weights.safetensors", "log.csv"],
    "evaluate": ["metrics.csv", "metrics.md", "heatmap.png", "reliability.png", "training.png"],
}}
beside = [output, output.with_name("run.json"), pathlib.Path(f"{{output}}.sha256"), output.with_suffix(".png")]
for file in [output / name for name in inside[words[0]]] if words[0] in inside else beside:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
"""
ONE_RULE = 'rule one:\n    output:\n        "one.txt",\n    shell:\n        "touch {output}"\n'


def snakemake(folder: Path, *words: str) -> float:
    """Seconds of one call in ``folder``, the project's own code first on the path."""
    began = time.perf_counter()
    process = subprocess.run(
        [folder / "bin/python", "-m", "snakemake", "--cores", "2", *words],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if process.returncode:
        raise RuntimeError(process.stderr or process.stdout)
    if "-n" in words and "Nothing to be done" not in process.stdout + process.stderr:
        raise RuntimeError(f"not a no-op:\n{process.stdout}{process.stderr}")
    return time.perf_counter() - began


def environment(folder: Path) -> None:
    """A virtual environment with the packages of this one, in which the command can be another: jobs run
    the command beside their interpreter."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")


def finished_project(folder: Path, standins: Path) -> None:
    """The workflow in ``folder``, run to its end over ``standins``."""
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    (folder / "standins").symlink_to(standins.resolve())
    command = folder / "bin" / "infusenet"
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    print(f"first run, which reads every frame: {snakemake(folder, '--', 'all_folds'):.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("standins", type=Path, nargs="?", default=ROOT / "standins")
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        whole, one = Path(text) / "whole", Path(text) / "one"
        for folder in (whole, one):
            environment(folder)
        finished_project(whole, args.standins)
        (one / "Snakefile").write_text(ONE_RULE)
        snakemake(one, "one")
        sides = {"all_folds": (whole, "all_folds"), "one rule": (one, "one")}
        times = {name: [] for name in sides}
        for _ in range(args.turns + 1):
            for name, (folder, target) in sides.items():
                times[name].append(snakemake(folder, "-n", "--", target))
        clips = sum(len(path.read_text().splitlines()) - 1 for path in whole.glob("cache/*/clips.csv"))
    for name, values in times.items():
        # The first turn warms the disk's cache up.
        print(
            f"snakemake -n, {name}: median {statistics.median(values[1:]):.2f} s, best {min(values[1:]):.2f} s"
        )
    ratios = [a / b for a, b in zip(*(values[1:] for values in times.values()), strict=True)]
    print(
        f"{clips} clips: ratio of a turn {statistics.median(ratios):.2f} (median of {len(ratios)}; goal: at most 1.5)"
    )


if __name__ == "__main__":
    main()
