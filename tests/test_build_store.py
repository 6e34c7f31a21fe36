"""The stage loop: whatever interrupts it, the published bytes are the same."""

import multiprocessing
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from filling import CLIPS, RECIPE, fill, work

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import Failure, Store, folder_of, sidecar_of
from infusenet.store.lock import Lock


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("reference") / "flow.h5")


def test_publishes_store_and_digest_and_nothing_else(tmp_path, reference):
    output = tmp_path / "flow.h5"
    assert fill(output) == reference
    store = Store(output, "flow", RECIPE)
    assert store.clips == [clip for clip, _ in CLIPS]
    assert store.sha256 == reference
    names = {"flow.h5", "flow.h5.sha256", "flow.h5.failures.csv", folder_of(output).name}
    assert {p.name for p in tmp_path.iterdir()} == names
    (kept,) = folder_of(output).iterdir()
    assert kept.samefile(output), "another name of the published file, no other bytes"


def test_bytes_do_not_depend_on_processes(tmp_path, reference):
    assert fill(tmp_path / "flow.h5", processes=2) == reference


def test_a_crash_names_its_clip_and_keeps_finished_parts(tmp_path, reference):
    output, trace = tmp_path / "flow.h5", tmp_path / "trace"
    with pytest.raises(InputError, match="casme clip s1/c40: the frames are odd"):
        fill(output, partial(work, crash="s1/c40"))
    assert not output.exists()
    assert fill(output, partial(work, trace=trace)) == reference
    again = trace.read_text().split()
    assert again == [clip for clip, _ in CLIPS[32:]], "the two finished parts are not computed again"


def test_changed_clip_recomputes_itself_alone(tmp_path):
    output, trace = tmp_path / "flow.h5", tmp_path / "trace"
    with pytest.raises(InputError):
        fill(output, partial(work, crash=CLIPS[-1][0]))
    changed = [*CLIPS[:3], (CLIPS[3][0], "f" * 64), *CLIPS[4:]]
    fill(output, partial(work, trace=trace), clips=changed)
    done = trace.read_text().split()
    assert done == [clip for clip, _ in [CLIPS[3], *CLIPS[64:]]]


def test_parts_of_another_recipe_are_not_taken(tmp_path):
    output, trace = tmp_path / "flow.h5", tmp_path / "trace"
    with pytest.raises(InputError):
        fill(output, partial(work, crash=CLIPS[-1][0]))
    fill(output, partial(work, trace=trace), recipe=RECIPE | {"revision": 2})
    assert len(trace.read_text().split()) == len(CLIPS)


def test_stop_lists_every_failed_clip_and_skip_leaves_them_out(tmp_path):
    output, bad = tmp_path / "flow.h5", ("s0/c3", "s2/c50")
    with pytest.raises(InputError) as caught:
        fill(output, partial(work, bad=bad))
    assert all(clip in str(caught.value) for clip in bad)
    assert "failed_clips: skip" in str(caught.value)
    assert not output.exists()
    table = tmp_path / "flow.h5.failures.csv"
    assert [line.split(",")[0] for line in table.read_text().splitlines()[1:]] == list(bad)
    fill(output, partial(work, bad=bad), failed="skip")
    store = Store(output, "flow")
    assert [failure.clip for failure in store.failures] == list(bad)
    assert len(store) == len(CLIPS) - 2


def test_mended_clips_are_tried_again(tmp_path, reference):
    output = tmp_path / "flow.h5"
    with pytest.raises(InputError):
        fill(output, partial(work, bad=("s0/c3",)))
    assert fill(output) == reference


def test_upstream_failures_are_handed_through(tmp_path):
    lost = Failure("s9/c9", "no_face", "nothing found")
    fill(tmp_path / "flow.h5", upstream_failures=[lost])
    assert Store(tmp_path / "flow.h5", "flow").failures == [lost]


def at_work(process, output) -> bool:
    """Whether that builder holds the lock, or has ended."""
    lock = Lock(output).path
    with suppress(FileNotFoundError):
        return f'"pid": {process.pid},' in lock.read_text() or not process.is_alive()
    return not process.is_alive()


def test_killed_at_random_moments(tmp_path, reference):
    output = tmp_path / "flow.h5"
    draw = np.random.default_rng(0)
    kills = 0
    # Forks: to start Python anew for each of them takes many times the CPU time of all that they compute.
    builder = partial(multiprocessing.get_context("fork").Process, target=fill)
    while not sidecar_of(output).exists():
        process = builder(args=(output, partial(work, pause=0.01)))
        process.start()
        while not at_work(process, output):
            time.sleep(0.005)
        # Ever later, or a machine too busy to finish a part in half a second would take hundreds of kills.
        process.join(draw.uniform(0, 0.5 + 0.05 * kills))
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
        # Whatever the moment: either nothing stands under the final name, or all of it.
        assert not output.exists() or file_digest(output) == reference
    assert kills
    assert fill(output) == reference
    left = [path.name for path in tmp_path.rglob(".*") if path != folder_of(output)]
    assert not left, "nothing is left aside"
