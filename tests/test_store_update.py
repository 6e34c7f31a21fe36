"""An update costs what changed: unchanged clips are copied, and the bytes are those of a fresh build."""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest
from filling import CLIPS, RECIPE, builder, fill, work
from hypothesis import given, settings
from hypothesis import strategies as st

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess import build_store
from infusenet.store import Failure, Item, Store, folder_of, sidecar_of


@pytest.fixture
def output(tmp_path):
    path = tmp_path / "flow.h5"
    fill(path)
    return path


def update(output, clips=CLIPS, **options) -> list[str]:
    """Build again; returns the names of the clips that were computed."""
    trace = output.with_name("trace")
    trace.unlink(missing_ok=True)
    fill(output, partial(work, trace=trace, keys=dict(clips)), clips=clips, **options)
    return trace.read_text().split() if trace.exists() else []


def fresh(tmp_path, clips, **options) -> str:
    (tmp_path / "fresh").mkdir()
    return fill(tmp_path / "fresh/flow.h5", partial(work, keys=dict(clips)), clips=clips, **options)


def test_a_changed_clip_is_computed_alone(output, tmp_path):
    changed = [*CLIPS[:30], (CLIPS[30][0], "f" * 64), *CLIPS[31:]]
    assert update(output, changed) == [CLIPS[30][0]]
    assert file_digest(output) == fresh(tmp_path, changed) == Store(output).sha256


@settings(max_examples=8)
@given(st.data())
def test_any_change_of_the_list_gives_the_bytes_of_a_fresh_build(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("update")
    first = data.draw(st.lists(st.sampled_from(CLIPS[:40]), unique=True))
    second = data.draw(st.lists(st.sampled_from(CLIPS[:40]), unique=True))
    update(folder / "flow.h5", first)
    done = update(folder / "flow.h5", second)
    assert done == [clip for clip, key in second if (clip, key) not in first]
    assert file_digest(folder / "flow.h5") == fresh(folder, second)


def test_what_only_names_another_source_computes_nothing(output, tmp_path):
    assert update(output, faces="1" * 64) == []
    assert Store(output).source == {"faces": "1" * 64}
    assert file_digest(output) == fresh(tmp_path, CLIPS, faces="1" * 64)


def test_nothing_changed_leaves_the_file_alone(output):
    before = output.stat()
    assert update(output) == []
    after = output.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_outputs_that_snakemake_deleted_are_taken_over(output):
    digest = file_digest(output)
    output.unlink()
    sidecar_of(output).unlink()
    assert update(output) == []
    assert file_digest(output) == Store(output).sha256 == digest


def test_a_recopied_store_is_taken_over_and_kept_once(output, tmp_path):
    copy = tmp_path / "copy"
    copy.write_bytes(output.read_bytes())
    copy.replace(output)
    assert update(output) == []
    assert [path.samefile(output) for path in folder_of(output).iterdir()] == [True]


def test_nothing_is_taken_over_from_a_damaged_store(output, capsys):
    digest, size = file_digest(output), output.stat().st_size
    with open(output, "r+b") as file:  # the kept name is the same file, so it is damaged as well
        file.seek(size // 2)
        byte = file.read(1)[0]
        file.seek(size // 2)
        file.write(bytes([byte ^ 1]))
    assert update(output) == [clip for clip, _ in CLIPS]
    assert file_digest(output) == digest
    assert f"{output}: damaged" in capsys.readouterr().err


def test_a_store_under_another_recipe_is_not_taken_over(output):
    assert len(update(output, recipe=RECIPE | {"revision": 2})) == len(CLIPS)


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    output = tmp_path / "flow.h5"
    digest = fill(output)
    assert not folder_of(output).exists()
    changed = [(CLIPS[0][0], "f" * 64), *CLIPS[1:]]
    assert update(output, changed) == [CLIPS[0][0]]
    assert update(output) == [CLIPS[0][0]]
    assert file_digest(output) == digest == Store(output).sha256


def test_a_failed_clip_is_tried_again(tmp_path):
    output, lost = tmp_path / "flow.h5", CLIPS[5][0]
    fill(output, partial(work, bad=(lost,)), failed="skip")
    assert update(output, failed="skip") == [lost]
    assert not Store(output).failures


def test_upstream_failures_come_and_go_without_computing(output):
    gone = Failure(CLIPS[0][0], "no_face", "nothing found")
    assert update(output, CLIPS[1:], upstream_failures=[gone]) == []
    assert Store(output).failures == [gone]


def test_rows_of_another_layout_are_not_mixed(output):
    def wider(clips):
        yield from (Item({"flow": np.zeros((3, 32, 32), np.float16)}) for _ in clips)

    with pytest.raises(InputError, match=r"other clips have .* under the same recipe"):
        fill(output, wider, clips=[("s9/c9", "9" * 64), *CLIPS])


def test_a_kill_costs_at_most_one_part_a_process(tmp_path):
    output, trace = tmp_path / "flow.h5", tmp_path / "trace"
    process = builder(output, {"processes": 2}, pause=0.02, trace=str(trace))
    while len(list(folder_of(output).glob("*.h5"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = trace.read_text().split()
    again = update(output)
    assert len(before) >= 32
    assert len(before) + len(again) - len(CLIPS) <= 2 * build_store.PART <= 2 * 32


def test_the_processes_of_a_killed_builder_end(tmp_path):
    """SIGKILL hits the builder alone; its pool must not live on and compute for nobody."""
    output, trace = tmp_path / "flow.h5", tmp_path / "trace"
    process = builder(output, {"processes": 2}, pause=0.05, trace=str(trace))
    while not trace.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)  # its stderr closes when the last of the pool has ended
    done = trace.read_text()
    time.sleep(0.25)  # five pauses
    assert trace.read_text() == done
    (tmp_path / "fresh").mkdir()
    assert fill(output) == fill(tmp_path / "fresh/flow.h5")


def test_abandoned_temporary_files_are_swept(output):
    left = [
        output.with_name(".flow.h5.0123.tmp"),
        output.with_name(".flow.h5.sha256.0123.tmp"),
        output.with_name(".flow.h5.lock.0123.tmp"),
        output.with_name(".flow.h5.failures.csv.99.tmp"),
        folder_of(output) / ".0123.tmp",
    ]
    others = output.with_name(".flow.meb.h5.0123.tmp")
    for path in (*left, others):
        path.write_text("half")
    update(output)
    assert [path for path in (*left, others) if path.exists()] == [others]
