"""Several processes at one store: two builders at once, readers while builds publish."""

import os
import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from lab import CLIPS, Lab, TrialRow

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess import flow
from infusenet.store import Store


def races(lab: Lab, count: int, draw: random.Random) -> list[TrialRow]:
    """Start two builders of flow.h5 within a tenth of the time of one build."""
    return [_races(lab, count, draw, folders) for folders in (1, 2)]


def _races(lab: Lab, count: int, draw: random.Random, folders: int) -> TrialRow:
    problems, waited = [], 0
    for _ in range(count):
        home = lab.fresh("races")
        places = [home / f"dir{number}" for number in range(folders)] * (3 - folders)
        for place in set(places):
            place.mkdir()
        processes = []
        for number, place in enumerate(places):
            processes.append(lab.start(partial(_build, lab, place, home / f"count{number}")))
            time.sleep(draw.uniform(0, 0.1 * lab.seconds["flow"]))
        ends = [lab.end(process, status=None) for process in processes]
        computed = [len((home / f"count{n}").read_text().split()) for n in (0, 1)]
        waited += sum("waiting for it" in text for _, text in ends)
        if [status for status, _ in ends] != [0, 0]:
            problems.append(str(ends))
        elif sorted(computed) != [0, CLIPS["now"]]:
            problems.append(f"computed {computed} clips")
        elif Store(home / "flow.h5").sha256 != lab.digests["flow", "now"]:
            problems.append("another sha256")
    return TrialRow(
        f"two builders of one store at once, from {'one' if folders == 1 else 'two'} working director"
        + ("y" if folders == 1 else "ies"),
        f"{count} pairs",
        "; ".join(problems)
        or f"{waited} waited with a message; one of each pair computed all clips and the other none; the "
        "sha256 is that of an undisturbed build",
        not problems and waited > 0,
    )


def _build(lab: Lab, place, log) -> None:
    """Build ``../flow.h5`` from ``place`` and note every clip that is computed."""
    os.chdir(place)
    log.touch()
    compute = flow._work

    def counted(faces, recipe, device, clips):
        for clip, item in zip(clips, compute(faces, recipe, device, clips), strict=True):
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"{clip}\n")
            yield item

    flow._work = counted
    lab.build("flow", Path("../flow.h5"))


def readers(lab: Lab, seconds: float) -> list[TrialRow]:
    """Read a store while updates that remove and add clips are published again and again."""
    output = lab.fresh("readers") / "flow.h5"
    expected = {}
    for version in CLIPS:
        store = Store(lab.folder(version) / "flow.h5")
        expected |= {store.keys[clip]: store.read("flow", clip) for clip in store.clips}
    lab.end(lab.start(lambda: lab.build("flow", output)))
    stop = time.monotonic() + seconds
    writer = lab.start(lambda: _publish_until(lab, output, stop))
    counts = Counter()
    while time.monotonic() < stop:
        try:
            store = Store(output)
            arrays = {clip: store.read("flow", clip) for clip in store.clips}
            whole = all(np.array_equal(a, expected[store.keys[clip]]) for clip, a in arrays.items())
            counts["whole" if whole and store.sha256 in lab.digests.values() else "torn"] += 1
        except InputError as error:
            counts["refused" if "another build replaced it" in str(error) else str(error)] += 1
    text = lab.end(writer)[1]
    published = text.count("published")
    others = {word: n for word, n in counts.items() if word not in ("whole", "refused")}
    return [
        TrialRow(
            "a reader while builds publish",
            f"{counts.total()} reads of the whole store, {published} publications",
            f"{counts['whole']} whole and right, {counts['refused']} refused because the store was replaced "
            f"between opening and reading, {others or 0} torn or failed otherwise",
            not others and counts["whole"] > 0 and published > 1,
        )
    ]


def _publish_until(lab: Lab, output, stop: float) -> None:
    turn = 0
    while time.monotonic() < stop:
        turn += 1
        lab.build("flow", output, ("now", "before")[turn % 2])
        os.write(2, f"published {file_digest(output)}\n".encode())
