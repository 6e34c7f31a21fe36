"""Time of an update for one changed clip, as a share of a full build of the database (stages only).

    python benchmarks/update.py STANDINS [--database casme3a] [--clips N] [--processes 2] [--work DIR]

STANDINS comes from `infusenet standins --scale full STANDINS`. Faces, flow and latents are built by the
commands of their rules, so starting Python counts; then a frame of one clip is replaced and the commands
run again, their outputs deleted before as Snakemake does. Prints both stage by stage, and where the
time of the update goes. Goal: at most 10 %.
"""

import argparse
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infusenet.config.stage_recipes import resolve
from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.databases import sync
from infusenet.databases.clip_table import read_manifest, to_csv
from infusenet.databases.frames.frame_files import frame_index
from infusenet.hashing import canonical
from infusenet.store import Store, sidecar_of

STAGES = ("faces", "flow", "latents")
# Functions whose time, with all that they call, makes a line of the breakdown.
PARTS = {
    "_find_and_load": "imports",
    "file_digest": "sha256 of the old and the new store",
    "_compute": "computing the changed clip",
    "_copy": "copying the other clips' chunks",
    "contact_sheet": "contact sheet",
    "<built-in method posix.fsync>": "waiting for the disk",
}


class Bench:
    """One database in a folder of its own; its frames are links, so that one can be replaced."""

    def __init__(self, args, work: Path):
        self.cache, self.clips = work / "cache" / args.database, args.clips
        self.frames, self.processes = work / "frames", args.processes
        places = {
            name: (args.standins / place).resolve() for name, place in STANDIN_SOURCES[args.database].items()
        }
        shutil.copytree(places["frames"], self.frames, copy_function=os.symlink)
        source = {"annotations": str(places["annotations"]), "frames": str(self.frames)}
        self.config = {"databases": {args.database: source}, "cache": str(work / "cache")}
        self.manifests = work / "manifests"

    def sync(self) -> float:
        """Bring the clip list up to date, as Snakemake does while it parses; seconds."""
        began = time.perf_counter()
        sync.sync(self.config, self.manifests)
        spent = time.perf_counter() - began
        clips_path = self.cache / "clips.csv"
        clips_path.write_text(to_csv(read_manifest(clips_path)[: self.clips], labels=False))
        return spent

    def build(self, stage: str, profile: Path | None = None) -> tuple[float, float]:
        """Run the stage's command; seconds from its start to its end, and of processors."""
        output = self.cache / f"{stage}.h5"
        output.unlink(missing_ok=True)
        sidecar_of(output).unlink(missing_ok=True)
        words = ["--output", output, "--recipe", canonical(resolve(stage))]
        if stage == "faces":
            words += [self.cache / "clips.csv", "--frames", self.frames, "--failed", "skip"]
            words += ["--contact-sheet", self.cache / "faces.png"]
        else:
            words += [self.cache / "faces.h5"]
        words += ["--threads" if stage == "latents" else "--processes", self.processes]
        python = [sys.executable, *(["-m", "cProfile", "-o", profile] if profile else [])]
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*python, "-m", "infusenet.cli", stage, *map(str, words)], check=True)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def change(self) -> str:
        """Replace the apex frame of the first clip by the one before it; returns the clip."""
        clip = read_manifest(self.cache / "clips.csv")[0]
        files = frame_index(self.frames / clip.frames)
        files[clip.apex].unlink()
        shutil.copy(files[clip.onset], files[clip.apex])
        return clip.key

    def keys(self) -> dict[str, dict[str, str]]:
        return {stage: Store(self.cache / f"{stage}.h5").keys for stage in STAGES}


def breakdown(profile: Path, wall: float) -> dict[str, float]:
    """Seconds of the command by activity."""
    spent = dict.fromkeys(PARTS.values(), 0.0)
    stats = pstats.Stats(str(profile))
    for (_, _, name), (_, _, _, total, _) in stats.stats.items():
        if name in PARTS:
            spent[PARTS[name]] += total
    spent["imports"] += wall - stats.total_tt  # the interpreter's own start and end
    return spent | {"all else": wall - sum(spent.values())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("standins", type=Path)
    parser.add_argument("--database", default="casme3a", choices=STANDIN_SOURCES)
    parser.add_argument("--clips", type=int, help="only the first ones; default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, help="where to put a temporary folder")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(dir=args.work))
    try:
        bench = Bench(args, work)
        full_sync = bench.sync()
        full = {stage: bench.build(stage) for stage in STAGES}
        before, clip = bench.keys(), bench.change()
        update_sync = bench.sync()
        profiles = {stage: work / f"{stage}.profile" for stage in STAGES}
        update = {stage: bench.build(stage, profiles[stage]) for stage in STAGES}
        for stage, keys in bench.keys().items():
            if {name for name, key in keys.items() if before[stage].get(name) != key} != {clip}:
                sys.exit(f"{stage}: other keys than that of {clip} have changed")
        spent = {stage: breakdown(profiles[stage], update[stage][0]) for stage in STAGES}
        count, size = len(before["faces"]), sum(path.stat().st_size for path in bench.cache.glob("*.h5"))
    finally:
        shutil.rmtree(work)

    print(f"{args.database}: {count} clips, {size / 1e6:.0f} MB of stores, {args.processes} processes\n")
    print("| seconds | faces | flow | latents | all stages |\n|---|---|---|---|---|")
    row("full build", {stage: wall for stage, (wall, _) in full.items()})
    row("one clip changed", {stage: wall for stage, (wall, _) in update.items()})
    for part in next(iter(spent.values())):
        row(f"- {part}", {stage: spent[stage][part] for stage in STAGES})
    row("full build, processor time", {stage: cpu for stage, (_, cpu) in full.items()})
    row("one clip changed, processor time", {stage: cpu for stage, (_, cpu) in update.items()})
    wall, cpu = (sum(u[n] for u in update.values()) / sum(f[n] for f in full.values()) for n in (0, 1))
    print(
        f"\nOne changed clip costs {wall:.1%} of a full build (goal: at most 10 %); of its processor time, "
        f"which tells more on a busy machine, {cpu:.1%}."
    )
    print(
        f"Not in it: indexing all frames took {full_sync:.1f} s at first, {update_sync:.1f} s for the update."
    )
    sys.exit(0 if wall <= 0.1 else 1)


def row(name: str, seconds: dict[str, float]) -> None:
    print(
        f"| {name} | " + " | ".join(f"{seconds[s]:.2f}" for s in STAGES) + f" | {sum(seconds.values()):.2f} |"
    )


if __name__ == "__main__":
    main()
