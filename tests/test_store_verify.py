"""Whatever happens to a published store is found, and the clip that is hit is named."""

import os

import h5py
import numpy as np
import pytest
from synthetic import clips_of

from infusenet import cli, hashing
from infusenet.config import stage_recipes
from infusenet.databases.clip_table import to_csv
from infusenet.errors import InputError
from infusenet.hashing import clip_key, derived_key, file_digest
from infusenet.preprocess.build_store import fill
from infusenet.snakemake_state.plan.changed_clips import compare, stored_clips
from infusenet.store import Failure, Item, Store, folder_of, sidecar_of
from infusenet.store.verify import repair, verify
from infusenet.store.writer import write

RECIPES = {
    "faces": stage_recipes.resolve("faces", {"size": 32}).as_dict(),
    "flow": stage_recipes.resolve("flow").as_dict(),
}
FAILED = "s2/c2"
CHUNKS = {"flow": (1, 16, 16)}


def publish(path, stage, keys, source, arrays, **options):
    lost = [Failure(FAILED, "no_face", "nothing found")]
    write(
        path, stage=stage, database="casme", recipe=RECIPES[stage], source=source, clips=list(keys.items()),
        outcomes=(Item(arrays(np.random.default_rng(n))) for n in range(len(keys))), failures=lost, **options,
    )  # fmt: skip
    sidecar_of(path).write_text(f"{file_digest(path)}\n")
    return path


def faces_of(rng):
    return {
        "frames": rng.integers(0, 256, (7, 32, 32, 3), np.uint8),
        "numbers": np.arange(7, dtype=np.int32),
        "landmarks": rng.normal(size=(68, 2)).astype(np.float32),
        "matrix": rng.normal(size=(7, 2, 3)),
    }


def flow_of(rng):
    return {"flow": rng.normal(size=(3, 16, 16)).astype(np.float16)}


@pytest.fixture
def cache(tmp_path):
    """A database of six clips, one without a face: its clip list, faces and flow."""
    clips = [type(c)(**{**vars(c), "digest": f"{n:064x}"}) for n, c in enumerate(clips_of("casme", 6))]
    (tmp_path / "clips.csv").write_text(to_csv(clips, labels=False))
    (tmp_path / "manifest.csv").write_text(to_csv(clips))
    keys = {
        c.key: clip_key(c.digest, c.onset, c.apex, c.offset, RECIPES["faces"])
        for c in clips
        if c.key != FAILED
    }
    listed = {"clips": file_digest(tmp_path / "clips.csv")}
    faces = publish(tmp_path / "faces.h5", "faces", keys, listed, faces_of)
    keys = {clip: derived_key(key, RECIPES["flow"]) for clip, key in keys.items()}
    source = {"faces": Store(faces).sha256}
    publish(tmp_path / "flow.h5", "flow", keys, source, flow_of, chunks=CHUNKS)
    return tmp_path


def edit(path, change):
    """Change a store from inside, its sha256 with it: what the digest cannot tell."""
    with h5py.File(path, "a") as file:
        change(file)
    sidecar_of(path).write_text(f"{file_digest(path)}\n")


def flip(path, offset, bit=0):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(data)


def chunk(path, dataset, corner):
    with h5py.File(path) as file:
        return file[dataset].id.get_chunk_info_by_coord(corner).byte_offset


def texts(path, **options):
    return [finding.text for finding in verify(path, **options)]


def test_sound_stores_have_no_finding(cache):
    assert texts(cache / "faces.h5") == texts(cache / "flow.h5") == []
    assert texts(cache / "flow.h5", manifest=cache / "manifest.csv") == []


def put(name, row, value):
    def change(file):
        file[name][row] = value

    return change


def attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def unchecked(file):
    data = file["items/flow"][()]
    del file["items/flow"]
    file["items"].create_dataset("flow", data=data, chunks=(1, 3, 16, 16))


def vast_column(file):
    del file["failures/reason"]
    file["failures"].create_dataset("reason", (1 << 50,), "S64", chunks=(8,), fletcher32=True)


def unwritten(file):
    data = file["items/flow"][()]
    del file["items/flow"]
    flow = file["items"].create_dataset("flow", data.shape, "f2", chunks=(1, 3, 16, 16), fletcher32=True)
    for row in (0, 1, 2, 4):
        flow[row] = data[row]


@pytest.mark.parametrize(
    ("change", "clip", "expected"),
    [
        (put("items/flow", (1, 0, 2, 3), np.nan), "s1/c1", "1 of 768 values are NaN or infinite"),
        (put("items/flow", (4, 2, 0, 0), np.inf), "s1/c5", "NaN or infinite"),
        (put("keys", 2, b"0" * 64), "s3/c3", "key does not follow"),
        (put("keys", 2, b"0" * 63), "s3/c3", "expected 64 hex digits"),
        (put("status", 0, b"no"), "s0/c0", "status 'no'"),
        (put("clips", 3, b"s9/c9"), "s9/c9", "not in the manifest"),
        (put("clips", 3, b"s9/c9"), "s0/c4", "neither stored nor listed as failed"),
        (put("clips", 3, b"s0/c0"), "", "is duplicate"),
        (put("failures/clips", 0, b"s0/c0"), "s0/c0", "has an item and is among the failures"),
        (put("failures/status", 0, b"lost"), "", "failed clip s2/c2: status 'lost'"),
        (attribute("recipe", hashing.canonical(RECIPES["flow"] | {"strain": "meb"})), "s1/c1", "key does not follow"),
        (attribute("source", '{"faces":"0"}'), "", "not made from the faces.h5 beside it"),
        (attribute("database", "samm"), "", "is of database samm"),
        (attribute("stage", "latents"), "", "the recipe is of stage flow"),
        (attribute("recipe", "{"), "", "damaged"),
        (unchecked, "", "expected chunks with fletcher32"),
        (vast_column, "", "more than the file holds"),
        (unwritten, "s0/c4", "a chunk is missing"),
    ],
)  # fmt: skip
def test_what_a_digest_cannot_tell(cache, change, clip, expected):
    edit(cache / "flow.h5", change)
    assert any(f.clip == clip and expected in f.text for f in verify(cache / "flow.h5")), texts(
        cache / "flow.h5"
    )


def test_all_findings_at_once_and_exit_code_one(cache, capsys):
    flip(cache / "flow.h5", chunk(cache / "flow.h5", "items/flow", (1, 0, 0, 0)) + 9)
    flip(cache / "flow.h5", chunk(cache / "flow.h5", "items/flow", (3, 2, 0, 0)) + 9)
    sidecar_of(cache / "faces.h5").write_text("0" * 64 + "\n")
    assert cli.main(["store", "verify", str(cache / "flow.h5"), str(cache / "faces.h5")]) == 1
    said = capsys.readouterr().err
    for expected in (
        "clip s1/c1: flow: damaged",
        "clip s0/c4: flow: damaged",
        "flow.h5.sha256",
        "faces.h5.sha256",
    ):
        assert expected in said
    assert "Traceback" not in said


def test_two_hundred_flips_and_truncations_are_all_found(cache):
    """Half of them hit anywhere in the file, half its arrays; there the clip is named as well."""
    path, rng = cache / "flow.h5", np.random.default_rng(4)
    sound = path.read_bytes()
    spans = {}
    for row, clip in enumerate(Store(path).clips):
        for part in range(3):
            start = chunk(path, "items/flow", (row, part, 0, 0))
            spans[range(start, start + 2 * 16 * 16)] = clip
    for trial in range(200):
        clip, data = None, bytearray(sound)
        if trial % 4 == 0:
            data = data[: rng.integers(len(data))]
        elif trial % 4 == 1:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        else:
            span = list(spans)[rng.integers(len(spans))]
            clip = spans[span]
            data[rng.choice(span)] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        found = verify(path)
        assert found, f"trial {trial}"
        if clip:
            assert clip in {finding.clip for finding in found}, f"trial {trial}"
            with pytest.raises(InputError, match=f"clip {clip}, flow: damaged"):
                Store(path).read("flow", clip)


def test_repair_leaves_the_next_build_what_fails_and_nothing_else(cache, capsys):
    path = cache / "flow.h5"
    clips = list(Store(path).keys.items())
    before = {clip: Store(path).read("flow", clip) for clip, _ in clips}
    folder_of(path).mkdir()
    os.link(path, folder_of(path) / f"{Store(path).sha256}.h5")
    flip(path, chunk(path, "items/flow", (1, 0, 0, 0)) + 9)
    assert cli.main(["store", "repair", str(path)]) == 0
    said = capsys.readouterr().out
    assert "dropped clip s1/c1" in said
    assert "the next build takes its sound clips over" in said
    assert not {path, sidecar_of(path)} & set(cache.iterdir()), "to Snakemake it is not made"
    plan = compare(stored_clips(path, "flow"), dict(clips), {FAILED})
    assert (plan.computed, plan.new, len(plan.reused)) == (1, {"s1/c1"}, len(clips) - 1)

    computed = []

    def work(names):
        for name in names:
            computed.append(name)
            yield Item({"flow": before[name]})

    fill(
        path, stage="flow", database="casme", recipe=RECIPES["flow"], clips=clips, work=work, chunks=CHUNKS,
        source={"faces": Store(cache / "faces.h5").sha256},
        upstream_failures=[Failure(FAILED, "no_face", "nothing found")],
    )  # fmt: skip
    assert computed == ["s1/c1"]
    assert verify(path) == []
    for clip, array in before.items():
        np.testing.assert_array_equal(Store(path).read("flow", clip), array)
    assert not list(cache.rglob(".*.tmp")), "nothing is left aside"


def test_repair_of_a_sound_store_writes_nothing(cache, capsys):
    before = (cache / "faces.h5").stat()
    assert cli.main(["store", "repair", str(cache / "faces.h5")]) == 0
    assert (cache / "faces.h5").stat() == before
    assert "nothing had to be dropped" in capsys.readouterr().out


def test_repair_refuses_what_nothing_proves(cache):
    flip(cache / "flow.h5", chunk(cache / "flow.h5", "items/flow", (1, 0, 0, 0)) + 9)
    (cache / "faces.h5").unlink()
    with pytest.raises(InputError, match=r"without faces\.h5 beside it"):
        repair(cache / "flow.h5")
    (cache / "flow.h5").write_bytes((cache / "flow.h5").read_bytes()[:3000])
    with pytest.raises(InputError, match="beyond repair"):
        repair(cache / "flow.h5")


def test_info_is_one_screen(cache, capsys):
    assert cli.main(["store", "info", str(cache / "flow.h5")]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 24
    for expected in (
        "5 stored",
        "1 no_face",
        "tensor",
        Store(cache / "faces.h5").sha256,
        "the one it was made from",
    ):
        assert expected in said
