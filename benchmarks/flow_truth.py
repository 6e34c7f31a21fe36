"""Error of the optical flow against the true motion of the stand-ins, for each photometric mode.

Run after ``make demo``: ``python benchmarks/flow_truth.py standins --cache cache``. The truth is the
rendered displacement onset -> apex, the head's sway included, carried through the clip's own
similarity into crop pixels. Errors are end-point errors in crop px, over the landmarks' hull.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from infusenet.config import options
from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.errors import InputError
from infusenet.preprocess.alignment import apply
from infusenet.preprocess.optical_flow import tvl1
from infusenet.protocol import ONSET_AND_APEX
from infusenet.report.figure1 import face_mask
from infusenet.standins import truth
from infusenet.store import Store

MODES = options.STAGES["flow"]["photometric"].choices
# Where the truth exceeds this, the error is also given as a share of the motion.
MOVING = 0.5


def true_flow(clip: truth.ClipTruth, numbers, matrices, points):
    """True displacement onset -> apex at crop points (n, 2): float64 (n, 2), crop px."""
    native = apply(cv2.invertAffineTransform(matrices[0]), points)
    moved = native + truth.motion(clip, int(numbers[0]), int(numbers[1]), native)
    return apply(matrices[1], moved) - points


def measure(faces: Path, truths: Path):
    """Figures of one database, one row per clip: float64 (n, 2 + 3 modes).

    Columns: mean true motion; sum of true motion where it exceeds `MOVING`; then for each mode the
    mean error, the sum of errors where truth exceeds `MOVING`, and the seconds of computing.
    """
    cv2.setNumThreads(1)
    store, clip_truths, rows = Store(faces, "faces"), truth.read(truths), []
    for clip in store.clips:
        onset, apex = store.read("frames", clip, ONSET_AND_APEX)
        inside = face_mask(store.read("landmarks", clip), len(onset))
        points = np.argwhere(inside)[:, ::-1].astype(float)
        true = true_flow(clip_truths[clip], store.read("numbers", clip), store.read("matrix", clip), points)
        length = np.hypot(*true.T)
        row = [length.mean(), length[length > MOVING].sum()]
        for mode in MODES:
            start = time.process_time()
            error = np.hypot(*(tvl1(onset, apex, mode)[:, inside].T - true).T)
            row += [error.mean(), error[length > MOVING].sum(), time.process_time() - start]
        rows.append(row)
    return np.array(rows)


def line(name: str, rows) -> str:
    cells = [f"{name:10}{len(rows):6}{rows[:, 0].mean():9.3f}"]
    for column in range(2, rows.shape[1], 3):
        mean, moving, seconds = rows[:, column : column + 3].T
        cells.append(f"{mean.mean():10.3f}{moving.sum() / rows[:, 1].sum():8.3f}{seconds.mean():7.2f}")
    return "".join(cells)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("standins", type=Path, help="folder that `infusenet standins` wrote")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="faces stores made from it")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    try:
        figures = measure_all(args.standins, args.cache, args.processes)
    except InputError as error:
        print(f"flow_truth: {error}", file=sys.stderr)
        return 1
    print(f"{'':25}" + "".join(f"{mode:>25}" for mode in MODES))
    print("database   clips  true px" + "  error px   ratio      s" * len(MODES))
    for database, rows in figures.items():
        print(line(database, rows))
    print(line("all", np.concatenate(list(figures.values()))))
    print(
        f"error: mean over the hull; ratio: error over motion where motion > {MOVING} px; s: a clip, one core"
    )
    return 0


def measure_all(standins: Path, cache: Path, processes: int) -> dict:
    faces = [cache / database / "faces.h5" for database in STANDIN_SOURCES]
    truths = [standins / "truth" / f"{database}.json" for database in STANDIN_SOURCES]
    if absent := [str(path) for path in (*faces, *truths) if not path.is_file()]:
        raise InputError(f"missing: {', '.join(absent)}; run `make demo` first")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return dict(zip(STANDIN_SOURCES, pool.map(measure, faces, truths), strict=True))


if __name__ == "__main__":
    sys.exit(main())
