"""Whoever reads while builds publish sees one store whole, or is told."""

import threading

import numpy as np
import pytest
from filling import CLIPS, array, builder, fill

from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.store import Store, reader, sidecar_of


@pytest.fixture
def output(tmp_path):
    path = tmp_path / "flow.h5"
    fill(path)
    return path


def consistent(found: Store) -> bool:
    """Whether every item is the one its key stands for."""
    return all(np.array_equal(found.read("flow", clip), array(found.keys[clip])) for clip in found.clips)


def test_a_reader_that_began_before_an_update_never_mixes_the_two(output):
    begun, opened = Store(output), Store(output)
    assert consistent(opened)
    fill(output, clips=CLIPS[1:])
    assert consistent(opened), "what is open stays whole"
    with pytest.raises(InputError, match="another build replaced it meanwhile"):
        begun.read("flow", CLIPS[1][0])
    with pytest.raises(InputError, match="another build replaced it meanwhile"):
        _ = begun.sha256


def test_a_reader_waits_for_a_store_that_snakemake_took_away(output, capsys, monkeypatch):
    """Another working directory's run deletes what it is about to build, and finds it finished."""
    begun, digest = Store(output), file_digest(output)
    output.unlink()
    sidecar_of(output).unlink()
    thread = threading.Timer(0.3, fill, [output])
    thread.start()
    assert Store(output).sha256 == begun.sha256 == digest
    assert consistent(begun)
    thread.join()
    assert f"{output}: away; waiting" in capsys.readouterr().err
    output.unlink()
    monkeypatch.setattr(reader, "PATIENCE", 0.1)
    with pytest.raises(InputError, match="no such store; build it first"):
        Store(output)


def test_a_reader_while_builds_publish(output):
    process = builder(output, {"lists": [CLIPS[:20], CLIPS[5:25]] * 10, "rest": 0.03})
    reads, refusals = 0, []
    while process.poll() is None:
        try:
            found = Store(output)
            assert consistent(found)
            assert len(found.sha256) == 64
            reads += 1
        except InputError as error:
            refusals.append(str(error))
    assert process.wait() == 0
    assert all("another build replaced it" in text for text in refusals)
    assert reads
    assert reads + len(refusals) > 5
    assert Store(output).sha256 == file_digest(output)
