"""Optical flow on motion that no prior was made for, the solvers side by side, as Markdown tables.

``python benchmarks/flow_fields.py``: narrow bumps, edges, folds, head shifts and uniform shifts of stand-in faces, drawn
so that the motion is exact (`infusenet/experiments/flow_bench/known_fields.py`). docs/flow.md explains the figures.
"""

import argparse
import sys
from functools import partial

import numpy as np
from flow_truth import BATCH, set_up, table
from tqdm import tqdm

from infusenet.experiments.flow_bench import SOLVERS, flows
from infusenet.experiments.flow_bench.filming import FILMINGS, SIZE, draw_face, film
from infusenet.experiments.flow_bench.flow_errors import ZoneSums, zone_figures, zone_sums
from infusenet.experiments.flow_bench.known_fields import Scene, scenes
from infusenet.report.figure1 import face_mask
from infusenet.worker_processes import pool

# The scenes have a single moved frame.
PAIRED = tuple(name for name, settings in SOLVERS.items() if settings.get("frames", 1) == 1)
STILL = 0.01  # share of the largest motion, below which skin counts as still


def measure(solvers, device: str, task: tuple[int, str]) -> dict[tuple, ZoneSums]:
    """Errors of one subject's scenes, filmed in one way: {(group, scene, filming, solver): sums}."""
    number, filming = task
    face = draw_face(number)
    everything = list(scenes(face.landmarks))
    inside = face_mask(face.landmarks, SIZE)
    sums = {}
    for start in range(0, len(everything), BATCH):
        part = everything[start : start + BATCH]
        generators = [np.random.default_rng([number, start + n]) for n in range(len(part))]
        frames = np.stack(
            [film(face, s, FILMINGS[filming], g) for s, g in zip(part, generators, strict=True)]
        )
        truths = [truth(scene, inside) for scene in part]
        for solver in solvers:
            images = flows(solver, frames, device)
            for scene, image, known in zip(part, images, truths, strict=True):
                sums[scene.group, scene.name, filming, solver] = zone_sums(image[:2], *known)
    return sums


def truth(scene: Scene, inside: np.ndarray) -> tuple[np.ndarray, ...]:
    """True motion (2, S, S), the head's shift (2,), and where motion and still skin are measured, bool (S, S)."""
    y, x = np.mgrid[:SIZE, :SIZE]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    motion = scene.motion(points).T.reshape(2, SIZE, SIZE)
    shift = np.zeros(2) if scene.shift is None else scene.shift
    local = np.hypot(*(motion - shift[:, None, None])) * inside
    zone = local > local.max() / 2
    if scene.zone:
        zone = inside & scene.zone(points).reshape(SIZE, SIZE)
    return motion, shift, zone, inside & (local < STILL * local.max())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="+", choices=PAIRED, default=PAIRED)
    parser.add_argument("--filmings", nargs="+", choices=tuple(FILMINGS), default=tuple(FILMINGS))
    parser.add_argument("--subjects", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    tasks = [(number, filming) for number in range(args.subjects) for filming in args.filmings]
    sums = {}
    with pool(args.processes, "--processes", partial(set_up, args.device)) as executor:
        work = executor.map(partial(measure, args.solvers, args.device), tasks)
        for part in tqdm(work, "fields", len(tasks), unit="face", disable=None):
            for key, value in part.items():
                sums.setdefault(key, []).append(value)
    for filming in args.filmings:
        rows = [
            (*scene, *(v for solver in args.solvers for v in zone_figures(sums[*scene, filming, solver])))
            for scene in dict.fromkeys(key[:2] for key in sums)
        ]
        columns = [
            f"{solver}: {name}" for solver in args.solvers for name in ("slope", "error / motion", "still px")
        ]
        print(f"{filming}, {args.subjects} faces:\n\n{table(('group', 'scene', *columns), rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
