"""Write all stand-in databases: one task per subject, over several processes."""

from collections import defaultdict
from concurrent.futures import as_completed
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from infusenet.standins import NUISANCE, layouts, motion, render, subjects, truth
from infusenet.standins.camera import CAMERAS, disturb, shoot
from infusenet.standins.clip_plans import FULL, Planned, plan
from infusenet.standins.truth import ClipTruth
from infusenet.worker_processes import pool


def make(
    root: Path,
    scale: str,
    seed: int,
    processes: int,
    databases=tuple(FULL),
    clips: int | None = None,
    nuisance: str | None = None,
) -> None:
    """Write tables, frames and truth of ``databases``; ``clips`` cuts each to its first ones."""
    plans = {database: plan(database, scale, seed)[:clips] for database in databases}
    truths = {database: {} for database in databases}
    tasks = defaultdict(list)
    for planned in (clip for clips in plans.values() for clip in clips):
        tasks[planned.database, planned.person].append(planned)
    total = sum(len(clip.frames) for clips in plans.values() for clip in clips)
    with (
        tqdm(total=total, desc="stand-ins", unit="frame", disable=None) as progress,
        pool(processes, "--processes") as executor,
    ):
        futures = [
            executor.submit(film_subject, root, task, scale, seed, nuisance) for task in tasks.values()
        ]
        for future in as_completed(futures):
            for planned, clip_truth in future.result():
                truths[planned.database][planned.key] = clip_truth
                progress.update(len(planned.frames))
    for database, planned in plans.items():
        layouts.write_table(database, planned, root / database)
        truth.write(root / "truth" / f"{database}.json", {c.key: truths[database][c.key] for c in planned})


def film_subject(
    root: Path, clips: list[Planned], scale: str, seed: int, nuisance: str | None = None
) -> list[tuple[Planned, ClipTruth]]:
    """Render all clips of one subject."""
    cv2.setNumThreads(1)  # the processes share the cores already
    database, person = clips[0].database, clips[0].person
    subject = subjects.draw(np.random.default_rng([seed, list(FULL).index(database), 2, person]))
    truths = []
    for planned in clips:
        clip_truth = direct(planned, subject, scale, seed, nuisance)
        render.write_frames(subject, clip_truth, layouts.frame_paths(planned, root / database))
        truths.append((planned, clip_truth))
    return truths


def direct(
    planned: Planned, subject: subjects.Subject, scale: str, seed: int, nuisance: str | None = None
) -> ClipTruth:
    """Draw the motion, pose and exposure of one clip; no pixel is rendered yet."""
    entropy = [seed, list(FULL).index(planned.database), 3, planned.number]
    camera, numbers = CAMERAS[planned.database], np.array(planned.frames)
    shot = shoot(camera, scale == "demo", subject.landmarks, numbers, np.random.default_rng(entropy))
    if nuisance is not None:
        # A random stream of its own, so that all other draws are equal at every level.
        share = np.random.default_rng([*entropy, 1]).uniform(-1, 1)
        shot = disturb(shot, camera, planned.onset, planned.apex, share, *NUISANCE[nuisance])
    # Peaks are in native px, fields in canvas px.
    native = np.sqrt(abs(np.linalg.det(shot.poses[0][:, :2])))
    fields, courses = {}, {}
    for au, sides in planned.aus.items():
        peak = planned.peaks[au] / native
        unit = motion.pulls(au, subject.landmarks, sides)
        fields[au] = [motion.Pull(p.x, p.y, peak * p.dx, peak * p.dy, p.sigma) for p in unit]
        courses[au] = motion.time_course(numbers, planned.onset, planned.apex, planned.offset).tolist()
    return ClipTruth(planned.person, shot, fields, courses)
