"""Write all stand-in databases: one task per subject, over several processes."""

from collections import defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from infusenet.standins import NUISANCE, layouts, motion, render, subjects, truth
from infusenet.standins.camera import CAMERAS, disturb, shoot
from infusenet.standins.clip_plans import FULL, ClipPlan, plan
from infusenet.standins.truth import ClipTruth
from infusenet.worker_processes import run_tasks


def make(
    root: Path,
    scale: str,
    seed: int,
    processes: int,
    databases=tuple(FULL),
    clips: int | None = None,
    nuisance: str | None = None,
    amplitude: float = 1.0,
) -> None:
    """Write tables, frames and truth of ``databases``; ``clips`` cuts each to its first ones."""
    plans = {database: plan(database, scale, seed, amplitude)[:clips] for database in databases}
    truths = {database: {} for database in databases}
    tasks = defaultdict(list)
    for clip_plan in (clip for clips in plans.values() for clip in clips):
        tasks[clip_plan.database, clip_plan.person].append(clip_plan)
    for database, clip_plans in plans.items():
        layouts.write_table(database, clip_plans, root / database)
    total = sum(len(clip.frames) for clips in plans.values() for clip in clips)
    film = partial(film_subject, root, scale=scale, seed=seed, nuisance=nuisance)
    with tqdm(total=total, desc="stand-ins", unit="frame", disable=None) as progress:
        for _, clips_of_subject in run_tasks(film, tasks.values(), processes, "--processes"):
            for clip_plan, clip_truth in clips_of_subject:
                truths[clip_plan.database][clip_plan.key] = clip_truth
                progress.update(len(clip_plan.frames))
    for database, clip_plans in plans.items():
        truth.write(root / "truth" / f"{database}.json", {c.key: truths[database][c.key] for c in clip_plans})


def film_subject(
    root: Path, clips: list[ClipPlan], scale: str, seed: int, nuisance: str | None = None
) -> list[tuple[ClipPlan, ClipTruth]]:
    """Render all clips of one subject."""
    cv2.setNumThreads(1)  # the processes share the cores already
    database, person = clips[0].database, clips[0].person
    subject = subjects.draw(np.random.default_rng([seed, list(FULL).index(database), 2, person]))
    truths = []
    for clip_plan in clips:
        clip_truth = direct(clip_plan, subject, scale, seed, nuisance)
        render.write_frames(subject, clip_truth, layouts.frame_paths(clip_plan, root / database))
        truths.append((clip_plan, clip_truth))
    return truths


def direct(
    clip_plan: ClipPlan, subject: subjects.Subject, scale: str, seed: int, nuisance: str | None = None
) -> ClipTruth:
    """Draw the motion, pose and exposure of one clip; no pixel is rendered yet."""
    entropy = [seed, list(FULL).index(clip_plan.database), 3, clip_plan.number]
    camera, numbers = CAMERAS[clip_plan.database], np.array(clip_plan.frames)
    shot = shoot(camera, scale == "demo", subject.landmarks, numbers, np.random.default_rng(entropy))
    if nuisance is not None:
        # A random stream of its own, so that all other draws are equal at every level.
        share = np.random.default_rng([*entropy, 1]).uniform(-1, 1)
        shot = disturb(shot, camera, clip_plan.onset, clip_plan.apex, share, *NUISANCE[nuisance])
    # Peaks are in native px, fields in canvas px.
    native = np.sqrt(abs(np.linalg.det(shot.poses[0][:, :2])))
    fields, courses = {}, {}
    for au, sides in clip_plan.aus.items():
        peak = clip_plan.peaks[au] / native
        unit = motion.pulls(au, subject.landmarks, sides)
        fields[au] = [motion.Pull(p.x, p.y, peak * p.dx, peak * p.dy, p.sigma) for p in unit]
        courses[au] = motion.time_course(numbers, clip_plan.onset, clip_plan.apex, clip_plan.offset).tolist()
    return ClipTruth(clip_plan.person, shot, fields, courses)
