"""Scores of every cell: F1, and the share of Grad-CAM's energy inside the true motion of a stand-in."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from infusenet.config import stage_recipes
from infusenet.evaluation import metrics
from infusenet.evaluation.evaluate import read_runs
from infusenet.experiments.infusion_bench.bench_rows import BenchRow
from infusenet.experiments.infusion_bench.conditions import FLOW, Cell, Plan, trainings
from infusenet.preprocess import alignment
from infusenet.protocol import AUS
from infusenet.report.gradcam import cam, cam_layers, inside_share, resolving_block
from infusenet.standins import truth
from infusenet.standins.truth import ClipTruth
from infusenet.store import Store
from infusenet.training.trained_run import restore
from infusenet.worker_processes import pool

# Action Units that are evaluated in one clip.
AUS_PER_CLIP = 2


def score(plan: Plan, bench_cells: Sequence[Cell], root: Path, cores: int) -> list[BenchRow]:
    """F1 over the held-out databases together, and Grad-CAM's share, of every cell, method and seed."""
    groups = {}
    for cell in bench_cells:
        for fold in read_runs([root / cell.folder / run for run in trainings(plan, cell)]):
            groups.setdefault((cell, fold.method, fold.seed), []).append(fold)
    tasks = [(root, cell, fold.path) for (cell, *_), group in groups.items() for fold in group]
    with pool(cores, "--cores") as executor:
        progress = tqdm(executor.map(_shares, tasks), "Grad-CAM", len(tasks), unit="run", disable=None)
        shares_of = {path: parts for (*_, path), parts in zip(tasks, progress, strict=True)}
    rows = []
    for (cell, method, seed), group in groups.items():
        f1 = metrics.pooled([f.labels for f in group], [metrics.positive(f.score) for f in group]).mean()
        parts = zip(*(shares_of[fold.path] for fold in group), strict=True)
        inside, covered = (float(np.concatenate(part).mean()) for part in parts)
        latents = ("-", "-") if method == FLOW else (cell.magnifier, cell.photometric)
        rows.append(BenchRow(cell.level, *latents, cell.infusion, method, seed, float(f1), inside, covered))
    return rows


def _shares(task: tuple[Path, Cell, Path]) -> tuple[np.ndarray, np.ndarray]:
    root, cell, run = task
    level = root / cell.level
    return shares(run, root / cell.store / "cache", level / "data_manifests", level / "standins" / "truth")


def region(clip: ClipTruth, onset: int, apex: int, matrix: np.ndarray, crop: int, size: int) -> np.ndarray:
    """The part of the face that the muscles move, without the head's sway.

    For each AU of the clip it is the skin that this AU alone moves by more than half of its own largest
    motion, so that a weak AU beside a strong one counts too; the result is their union.

    Parameters
    ----------
    clip : ClipTruth
    onset, apex : int
        Frame numbers.
    matrix : float array (2, 3)
        Native to crop px of the onset, as a faces store has it.
    crop : int
        Side of that crop, px.
    size : int
        Side of the result, which shows the same square in its own pixels.

    Returns
    -------
    bool (size, size); all False where nothing moves
    """
    y, x = np.mgrid[:size, :size]
    # Pixel centres lie at integer coordinates in both grids.
    points = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * crop / size - 0.5
    native = alignment.apply(cv2.invertAffineTransform(np.asarray(matrix, float)), points)
    area = np.zeros(size * size, bool)
    for au, pulls in clip.fields.items():
        alone = replace(clip, fields={au: pulls})
        length = np.hypot(*truth.motion(alone, onset, apex, native, sway=False).T)
        area |= length > length.max() / 2
    return area.reshape(size, size)


def shares(run: Path, cache: Path, manifests: Path, truths: Path) -> tuple[np.ndarray, np.ndarray]:
    """Grad-CAM's energy inside the true motion, for the positive labels of a run's held-out clips.

    Of each clip, the first two positive AUs in the order of AUS are evaluated.

    Parameters
    ----------
    run : Path
        A finished training.
    cache, manifests : Path
        Roots of the stores and of the manifests.
    truths : Path
        Folder with the stand-ins' truth.

    Returns
    -------
    float (n,), the share of each (clip, AU); float (n,), the share of the crop that the region covers,
    which is what a map without any preference would get
    """
    trained = restore(run, cache, manifests)
    name, size = trained.database.name, trained.recipe.size
    layers = cam_layers(trained.model, resolving_block(size))
    store = Store(cache / name / "faces.h5", "faces")
    truth_by_clip = truth.read(truths / f"{name}.json")
    crop = stage_recipes.from_dict(store.recipe, store.path).size
    inside, covered = [], []
    for clip in trained.database.clips:
        positive = [au for au in AUS if clip.labels[au]][:AUS_PER_CLIP]
        if not positive:
            continue
        matrix = store.read("matrix", clip.key, 0)
        area = region(truth_by_clip[clip.key], clip.onset, clip.apex, matrix, crop, size)
        inputs = trained.inputs(clip.key)
        inside += [inside_share(cam(trained.model, inputs, au, layers, size), area) for au in positive]
        covered += [area.mean()] * len(positive)
    return np.array(inside), np.array(covered)
