"""SIGKILL at random moments of every stage, and builders that lost their lock."""

import os
import random
import shutil
import signal
import time

from lab import CLIPS, STAGES, Lab, TrialRow, kill, wrong

from infusenet.hashing import file_digest
from infusenet.store import Store, folder_of
from infusenet.store.lock import Lock


def kills(lab: Lab, count: int, draw: random.Random) -> list[TrialRow]:
    return [_kills(lab, stage, count, draw) for stage in STAGES]


def _kills(lab: Lab, stage: str, count: int, draw: random.Random) -> TrialRow:
    """Builds in turn: all of the database; the update that takes clips away; the one that adds them.
    A build is started again after each kill until it ends by itself."""
    output = lab.fresh("kills") / f"{stage}.h5"
    digests = {lab.digests[stage, version] for version in CLIPS}
    kill_count = finished = survivals = turn = 0
    problems = []
    while kill_count < count or turn % 3:
        version = ("now", "before", "now")[turn % 3]
        existed = output.exists()
        process = lab.start(lambda v=version: lab.build(stage, output, v))
        if kill_count < count:
            time.sleep(draw.uniform(0, 1.1 * lab.seconds[stage]))
            kill(process)
        status, text = lab.end(process, status=None)
        kill_count += status == -signal.SIGKILL
        problems += wrong(output, digests)
        problems += ["a finished part that is damaged" for part in folder_of(output).glob("*.h5")
                     if file_digest(part) != part.stem]  # fmt: skip
        if existed and not output.exists():
            problems.append("the old store is lost")
        survivals += existed and status == -signal.SIGKILL
        if status == 0:
            finished += 1
            turn += 1
            files = [path for path in output.parent.rglob(".*") if path != folder_of(output)]
            if Store(output).sha256 != lab.digests[stage, version] or files:
                problems.append(f"another sha256 than undisturbed, or files left over: {files}")
            if turn % 3 == 0:
                lab.fresh("kills")
        elif status != -signal.SIGKILL:
            problems.append(f"status {status}: {text}")
    shutil.rmtree(output.parent)
    return TrialRow(
        f"SIGKILL during {stage}",
        f"{kill_count} random moments",
        f"nothing unreadable or partial; the old store stood after all {survivals} kills of an update; {finished} "
        "builds went on from finished parts to the undisturbed build's sha256; no temporary file left"
        if not problems else "; ".join(sorted(set(problems))),
        not problems,
    )  # fmt: skip


def orphans(lab: Lab, count: int, draw: random.Random) -> list[TrialRow]:
    """Suspend a builder, clear its lock by hand, let another one build, and wake the first one."""
    problems, trials = [], 0
    while trials < count:
        output = lab.fresh("orphans") / "faces.h5"
        orphan = lab.start(lambda o=output: lab.build("faces", o))
        while not (Lock(output).path.exists() or output.exists()):
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.7 * lab.seconds["faces"]))
        os.kill(orphan, signal.SIGSTOP)
        if not Lock(output).path.exists() or output.exists():  # the builder was faster
            os.kill(orphan, signal.SIGCONT)
            lab.end(orphan)
            continue
        Lock(output).path.unlink()
        lab.end(lab.start(lambda o=output: lab.build("faces", o)))
        before = output.stat()
        os.kill(orphan, signal.SIGCONT)
        status, text = lab.end(orphan, status=None)
        if status != 1 or "lost its lock" not in text or len(text.splitlines()) > 1:
            problems.append(f"status {status}: {text}")
        if output.stat() != before or Store(output).sha256 != lab.digests["faces", "now"]:
            problems.append("it published")
        trials += 1
    return [
        TrialRow(
            "a builder that slept while its lock was cleared by hand and another one built",
            f"{trials} random moments",
            "; ".join(problems) or "it published nothing and ended with one line",
            not problems,
        )
    ]
