"""The store's contract: the same content gives the same bytes, and nothing wrong is ever read."""

import multiprocessing
import pickle

import h5py
import numpy as np
import pytest

from infusenet.errors import InputError
from infusenet.files import aside
from infusenet.store import Failure, Item, Store, sidecar_of
from infusenet.store.verify import verify
from infusenet.store.writer import write

RECIPE = {"stage": "flow", "revision": 1, "strain": "tensor"}
CLIPS = [(f"s1/c{n}", f"{n:064x}") for n in range(5)]


def items():
    generator = np.random.default_rng(0)
    for number in range(5):
        if number == 2:
            yield Failure("s1/c2", "no_face", "nothing found")
        else:
            yield Item({"flow": generator.normal(size=(3, 8, 8)).astype(np.float16)}, "ok")


def make(path, **changes):
    content = {"stage": "flow", "database": "casme", "recipe": RECIPE, "source": {"faces": "f" * 64}}
    content |= {"clips": CLIPS, "outcomes": items(), "chunks": {"flow": (1, 8, 8)}}
    write(path, **content | changes)
    return path


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "flow.h5")


def test_reads_back(path):
    store = Store(path, "flow", RECIPE)
    assert store.clips == ["s1/c0", "s1/c1", "s1/c3", "s1/c4"]
    assert store.keys["s1/c3"] == f"{3:064x}"
    assert store.failures == [Failure("s1/c2", "no_face", "nothing found")]
    assert (store.database, store.names, store.shape("flow"), len(store)) == ("casme", ["flow"], (3, 8, 8), 4)
    expected = [item for item in items() if isinstance(item, Item)]
    for clip, item in zip(store.clips, expected, strict=True):
        np.testing.assert_array_equal(store.read("flow", clip), item.arrays["flow"])
    np.testing.assert_array_equal(store.read("flow", "s1/c0", 1), expected[0].arrays["flow"][1])
    with pytest.raises(InputError, match="no clip s1/c2"):
        store.read("flow", "s1/c2")


def test_same_content_same_bytes(path, tmp_path):
    assert make(tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_store_without_any_item(tmp_path):
    path = make(tmp_path / "empty.h5", clips=CLIPS[2:3], outcomes=iter([Failure("s1/c2", "error", "x")]))
    assert (Store(path, "flow").clips, len(Store(path, "flow").failures)) == ([], 1)


@pytest.mark.parametrize(
    ("stage", "recipe", "expected"),
    [
        ("faces", None, "expected stage faces"),
        ("flow", RECIPE | {"strain": "meb"}, "strain is 'tensor', expected 'meb'"),
        ("flow", RECIPE | {"revision": 2}, "revision is 1, expected 2"),
    ],
)
def test_another_store_is_refused(path, stage, recipe, expected):
    with pytest.raises(InputError, match=expected):
        Store(path, stage, recipe)


@pytest.mark.parametrize(("name", "value"), [("version", 2), ("format", "other")])
def test_another_format_is_refused(path, name, value):
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(InputError, match="expected infusenet-store version 1"):
        Store(path, "flow")


@pytest.mark.parametrize("name", ["recipe", "source"])
@pytest.mark.parametrize("value", ["", "null", "[]", "{", 7])
def test_attributes_of_another_form_are_refused(path, name, value):
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(InputError, match="damaged .*delete it and build it again"):
        Store(path)


def test_a_sidecar_without_a_digest(path):
    sidecar_of(path).write_bytes(b"\xff\0")
    assert Store(path).sha256 == "\ufffd\0"
    assert [defect.text for defect in verify(path) if "sha256" in defect.text]


def outward(file, folder):
    secret = folder / "secret.bin"
    secret.write_bytes(b"x" * 5 * 128)
    return secret


def external_data(file, folder):
    file["items"].create_dataset("x", (5, 128), "u1", external=[(str(outward(file, folder)), 0, 640)])


def external_link(file, folder):
    file["items/x"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def soft_link(file, folder):
    file["items/x"] = h5py.SoftLink("/clips")


def virtual_data(file, folder):
    layout = h5py.VirtualLayout((4, 8), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (4, 8))
    file["items"].create_virtual_dataset("x", layout)


def objects(file, folder):
    file["items"].create_dataset("x", (4,), h5py.string_dtype())


def oversize(file, folder):
    file["items"].create_dataset("x", (4, 1 << 20, 1 << 20), "f4", chunks=(1, 64, 64))


def endless(file, folder):
    file["failures"].create_dataset("x", (1 << 50,), "S64", chunks=(8,))


def named_type(file, folder):
    file["items/x"] = np.dtype("f4")


def miscounted(file, folder):
    file["items"].create_dataset("x", (7, 2), "f4", chunks=(1, 2))


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (external_data, "external or virtual"),
        (external_link, "links are refused"),
        (soft_link, "links are refused"),
        (virtual_data, "external or virtual"),
        (objects, "object type"),
        (oversize, "over 1 GiB"),
        (endless, "more than the file holds"),
        (named_type, "Datatype is refused"),
        (miscounted, "expected 4 clips"),
    ],
)
def test_what_reaches_out_is_refused(path, harm, expected):
    with h5py.File(path, "a") as file:
        harm(file, path.parent)
    with pytest.raises(InputError, match=expected):
        Store(path, "flow")


@pytest.mark.parametrize(("name", "value"), [("recipe", "{"), ("source", None), ("stage", None)])
def test_damaged_attributes_are_refused_in_a_sentence(path, name, value):
    with h5py.File(path, "a") as file:
        del file.attrs[name]
        if value:
            file.attrs[name] = value
    with pytest.raises(InputError, match=r"flow\.h5: damaged"):
        Store(path, "flow")


def test_flipped_bit_names_the_clip(path):
    with h5py.File(path) as file:
        offset = file["items/flow"].id.get_chunk_info_by_coord((1, 0, 0, 0)).byte_offset
    data = bytearray(path.read_bytes())
    data[offset + 7] ^= 1
    path.write_bytes(data)
    store = Store(path, "flow")
    store.read("flow", "s1/c0")
    with pytest.raises(InputError, match=r"flow.h5: clip s1/c1, flow: damaged"):
        store.read("flow", "s1/c1")


@pytest.mark.parametrize("keep", [0, 100, 2000, -1])
def test_cut_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"flow\.h5"):
        Store(path, "flow")


def test_missing_store_and_digest(path, tmp_path):
    with pytest.raises(InputError, match="no such store"):
        Store(tmp_path / "absent.h5", "flow")
    with pytest.raises(InputError, match="sha256"):
        _ = Store(path, "flow").sha256


def checksum(store):
    return float(sum(store.read("flow", clip).astype(float).sum() for clip in store.clips))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_every_process_opens_its_own_handle(path, method):
    store = Store(path, "flow")
    expected = checksum(store)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(checksum, [store] * 4) == [expected] * 4
    assert checksum(pickle.loads(pickle.dumps(store))) == expected


def test_aside_leaves_nothing_after_an_error(tmp_path):
    target = tmp_path / "x"
    target.write_text("old")

    def half():
        with aside(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("name", ["items", "clips", "keys", "status", "failures", "failures/reason"])
def test_a_store_that_lacks_a_part_is_refused(path, name):
    with h5py.File(path, "a") as file:
        del file[name]
    with pytest.raises(InputError, match=str(path)):
        Store(path, "flow")
