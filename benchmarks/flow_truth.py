"""Optical flow against the true motion of stand-ins, the solvers side by side, as Markdown tables.

After ``make demo``: ``python benchmarks/flow_truth.py standins --cache cache``. The truth is the rendered displacement
onset -> apex, the head's sway included, carried through the clip's own similarity into crop pixels. Errors are end-point
errors in px of the crop, over the hull of the landmarks. docs/flow.md explains the figures.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.devices import prepare
from infusenet.errors import InputError
from infusenet.experiments.flow_bench import SOLVERS, flows
from infusenet.experiments.flow_bench.flow_errors import (
    BIN_NAMES,
    MOVING,
    ErrorSums,
    error_figures,
    error_sums,
)
from infusenet.experiments.flow_bench.light_and_noise import CONDITIONS, MOTIONLESS
from infusenet.experiments.flow_bench.true_motion import clip_names, known_clips
from infusenet.worker_processes import pool

BATCH = 16
EVERY_CONDITION = CONDITIONS | MOTIONLESS


def measure(standins: Path, cache: Path, solvers, conditions, device, task) -> dict[tuple, list[ErrorSums]]:
    """Errors of some clips of one database: {(condition, solver): one entry per clip}."""
    database, first, clips = task
    known = known_clips(standins, cache, database, clips)
    errors = {}
    for number, condition in enumerate(EVERY_CONDITION):
        if condition not in conditions:
            continue
        # One stream per clip and condition, whatever the batches are.
        generators = [np.random.default_rng([first + n, number]) for n in range(len(known))]
        change, still = EVERY_CONDITION[condition], condition in MOTIONLESS
        frames = np.stack([change(clip.frames, g) for clip, g in zip(known, generators, strict=True)])
        for solver in solvers:
            images = flows(solver, frames, device)
            errors[condition, solver] = [
                error_sums(image, np.zeros_like(clip.truth) if still else clip.truth, clip.inside)
                for image, clip in zip(images, known, strict=True)
            ]
    return errors


def measure_all(args, names: dict[str, list[str]]) -> dict[str, dict[tuple, list[ErrorSums]]]:
    """`measure` of all clips: {database: {(condition, solver): one entry per clip}}."""
    tasks = [
        (name, start, clips[start : start + BATCH])
        for name, clips in names.items()
        for start in range(0, len(clips), BATCH)
    ]
    errors = {name: {} for name in names}
    work = partial(measure, args.standins, args.cache, args.solvers, args.conditions, args.device)
    with (
        tqdm(total=sum(map(len, names.values())), desc="flow", unit="clip", disable=None) as bar,
        pool(args.processes, "--processes", partial(set_up, args.device)) as executor,
    ):
        for (name, _, clips), part in zip(tasks, executor.map(work, tasks), strict=True):
            for key, values in part.items():
                errors[name].setdefault(key, []).extend(values)
            bar.update(len(clips))
    return errors


def set_up(device: str) -> None:
    """One thread per process: they share the cores already."""
    cv2.setNumThreads(1)
    prepare(device, 1)


def times(frames: np.ndarray, solvers, device: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Milliseconds per clip of each solver, in batches and one by one: one entry per batch of clips.

    The solvers take the same clips in turns, so that other load on the machine slows all.
    """
    clock = time.perf_counter if device == "cuda" else time.process_time
    batches = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
    spent = {solver: ([], []) for solver in solvers}
    for number, batch in enumerate([batches[0], *batches]):
        for solver, columns in spent.items():
            for column, size in zip(columns, (BATCH, 1), strict=True):
                began = clock()
                for start in range(0, len(batch), size):
                    flows(solver, batch[start : start + size], device)
                if number:  # the first batch warms up
                    column.append(1000 * (clock() - began) / len(batch))
    return {solver: tuple(map(np.array, columns)) for solver, columns in spent.items()}


def page(errors: dict[str, dict[tuple, list[ErrorSums]]], conditions, solvers) -> str:
    """The tables of errors."""
    everything = {
        (condition, solver): error_figures([e for parts in errors.values() for e in parts[condition, solver]])
        for condition in conditions
        for solver in solvers
    }
    moved = {key: figures for key, figures in everything.items() if key[0] in CONDITIONS}
    still = {key: figures for key, figures in everything.items() if key[0] in MOTIONLESS}
    both = ("condition", "solver")
    parts = []
    if moved:
        parts += [
            "Error (px), error over motion by true motion (px), false flow (px), correlation and energy of the strain:"
        ]
        header = (*both, "error", *BIN_NAMES, "false", "strain r", "E inside", "E outside", "true E outside")
        rows = [
            (
                *key,
                f.error,
                *f.ratios,
                f.false_flow,
                f.strain_r,
                f.energy_inside,
                f.energy_outside,
                f.true_outside,
            )
            for key, f in moved.items()
        ]
        parts += [table(header, rows), "Slope of the estimate on the truth, by true motion (px):"]
        parts += [table((*both, *BIN_NAMES), [(*key, *f.slopes) for key, f in moved.items()])]
    if still:
        parts += ["Where nothing moves, mean length of the flow (px):"]
        parts += [table((*both, "mean", "largest"), [(*key, f.error, f.largest) for key, f in still.items()])]
    if "clean" in conditions:
        parts += ["By database, clean:"]
        rows = []
        for database, part in errors.items():
            for solver in solvers:
                f = error_figures(part["clean", solver])
                rows.append((database, solver, f.clips, f.error, *f.ratios, f.moving_ratio, f.strain_r))
        header = ("database", "solver", "clips", "error", *BIN_NAMES, f"> {MOVING:g}", "strain r")
        parts += [table(header, rows)]
    return "\n\n".join(parts)


def time_page(args, names: dict[str, list[str]]) -> str:
    """The table of times, of the first clips of each database."""
    count = -(-args.timed // len(names))
    frames = np.concatenate(
        [
            [c.frames for c in known_clips(args.standins, args.cache, n, clips[:count])]
            for n, clips in names.items()
        ]
    )
    rows = []
    for device in ("cpu", *["cuda"] * torch.cuda.is_available()):
        set_up(device)
        spent = times(frames, args.solvers, device)
        reference = spent[args.solvers[0]]
        for solver, columns in spent.items():
            ratios = [float(np.median(c / r)) for c, r in zip(columns, reference, strict=True)]
            rows.append((device, solver, *(float(np.median(c)) for c in columns), *ratios))
    first = args.solvers[0]
    header = (
        "device",
        "solver",
        f"ms, batches of {BATCH}",
        "ms, one by one",
        f"over {first}, batches",
        "one by one",
    )
    title = f"Time per clip on one core or the card, median over batches of the same clips in turns ({len(frames)} clips):"
    return f"{title}\n\n{table(header, rows)}"


def table(header, rows) -> str:
    """A Markdown table; numbers with three digits after the first zeros."""
    texts = [[v if isinstance(v, str) else number(v) for v in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *texts])


def number(value: float) -> str:
    if isinstance(value, int) or value == 0:
        return str(int(value))
    return "" if np.isnan(value) else f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("standins", type=Path, help="folder that `infusenet standins` wrote")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="faces stores made from it")
    parser.add_argument("--solvers", nargs="+", choices=tuple(SOLVERS), default=tuple(SOLVERS))
    parser.add_argument(
        "--conditions", nargs="*", choices=tuple(EVERY_CONDITION), default=tuple(EVERY_CONDITION)
    )
    parser.add_argument(
        "--databases", nargs="+", choices=tuple(STANDIN_SOURCES), default=tuple(STANDIN_SOURCES)
    )
    parser.add_argument("--timed", type=int, default=96, metavar="CLIPS", help="0: no times; default: 96")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="of the errors; times are on both"
    )
    args = parser.parse_args()
    try:
        names = clip_names(args.standins, args.cache, args.databases)
        if args.conditions:
            print(page(measure_all(args, names), args.conditions, args.solvers), flush=True)
        if args.timed:
            print(f"\n{time_page(args, names)}")
    except InputError as error:
        print(f"flow_truth: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
