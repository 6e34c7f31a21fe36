"""Folds: what a fold sees, the pseudo-apex draw, items and batches."""

from collections import Counter
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import CROP, RECIPE, SIZE, clips_of, features, write_database

from infusenet.config.method_recipe import StoreRecipe
from infusenet.databases.clip_table import to_csv
from infusenet.errors import InputError
from infusenet.hashing import canonical, file_digest
from infusenet.preprocess import optical_flow
from infusenet.protocol import AUS
from infusenet.store import sidecar_of
from infusenet.training import dataset, folds
from infusenet.training.inputs import gain
from infusenet.training.left_out import read_left_out, write_left_out
from infusenet.training.pseudo_apex import PREDICTION, pseudo_apex


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("folds")
    for name in ("alpha", "beta"):
        write_database(root, name)
    return root


def open_database(root, name="alpha", recipe=RECIPE):
    return folds.open_database(name, root / "cache", root / "manifests", recipe)


def clips_of_fold(root, seed=0, **changes):
    recipe = replace(RECIPE, **changes)
    return dataset.ClipDataset([open_database(root, n, recipe) for n in ("alpha", "beta")], recipe, seed)


def test_a_fold_trains_on_all_databases_but_one_in_any_order(root):
    manifests = root / "manifests"
    assert folds.training_databases("beta", manifests, None) == ["alpha"]
    assert folds.training_databases("b", manifests, ["c", "a", "b"]) == ["a", "c"]
    assert folds.training_databases("beta", manifests, ["a", "c"]) == ["a", "c"]
    for databases in (None, ["alpha", "beta"]):
        with pytest.raises(InputError, match="did you mean 'beta'"):
            folds.training_databases("betta", manifests, databases)
    with pytest.raises(InputError, match="nothing to train on"):
        folds.training_databases("b", manifests, ["b"])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.text(min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_pseudo_apex_depends_on_nothing_but_its_arguments(seed, epoch, clip):
    first = pseudo_apex("per_epoch", seed, epoch, "casme", clip)
    assert first == pseudo_apex("per_epoch", seed, epoch, "casme", clip)
    assert first in range(6)
    assert pseudo_apex("fixed4", seed, epoch, "casme", clip) == 4
    once = {pseudo_apex("per_sample", seed, e, "casme", clip) for e in (0, epoch, PREDICTION)}
    assert len(once) == 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"data": "2" * 64}, "made from other clips or frames, in "),
        ({"faces_recipe": {"size": 224, "ecc": True}}, "made from faces of which ecc is True, expected False, in "),
        ({"faces": "3" * 64}, None),
    ],
)  # fmt: skip
def test_stores_of_other_data_or_faces_than_each_other_are_refused(tmp_path, source, expected):
    write_database(tmp_path, "alpha")
    same = {"faces": "0" * 64, "faces_recipe": {"size": 224, "ecc": False}, "data": "1" * 64}
    for stage, told in (("flow", same), ("latents", same | source)):
        path = tmp_path / f"cache/alpha/{stage}.h5"
        with h5py.File(path, "a") as file:
            file.attrs["source"] = canonical(told)
        sidecar_of(path).write_text(file_digest(path))
    if expected is None:
        assert len(open_database(tmp_path).clips) == 10
        return
    with pytest.raises(InputError) as caught:
        open_database(tmp_path)
    said = str(caught.value)
    assert f"latents.h5: {expected}" in said
    assert "flow.h5; build both from the same faces" in said


def test_pseudo_apex_draws_are_uniform_and_new_each_epoch():
    draws = [[pseudo_apex("per_epoch", 0, e, "samm", f"s/{c}") for e in range(30)] for c in range(100)]
    counts = Counter(np.ravel(draws).tolist())
    assert set(counts) == set(range(6))
    assert all(400 < count < 600 for count in counts.values())
    assert all(len(set(row)) > 1 for row in draws)
    # These draws are part of every published result.
    assert draws[0][:12] == [pseudo_apex("per_epoch", 0, e, "samm", "s/0") for e in range(12)]


def test_an_item_is_the_prepared_flow_and_the_apex_and_pseudo_apex_pairs(root):
    data, clip = clips_of_fold(root, seed=3), clips_of("beta", 10)[2]
    inputs, labels = data[(7, 12)]
    assert torch.equal(inputs["flow"], torch.from_numpy(optical_flow.prepare(features("flow", clip), SIZE)))
    pairs = features("latents", clip)
    k = pseudo_apex("per_epoch", 3, 7, "beta", clip.key)
    assert torch.equal(inputs["latents"], torch.from_numpy(np.concatenate([pairs[0], pairs[k]])).float())
    assert labels.tolist() == [clip.labels[au] for au in AUS]


def test_another_factor_multiplies_difference_latents(root):
    at_10, at_19 = clips_of_fold(root)[(0, 0)][0], clips_of_fold(root, factor=19)[(0, 0)][0]
    assert torch.equal(at_19["latents"], 2 * at_10["latents"])
    assert torch.equal(at_19["flow"], at_10["flow"])
    stores = {"latents": StoreRecipe("", replace(RECIPE.stores["latents"].recipe, latent="magnified"))}
    assert gain(replace(RECIPE, stores=stores)) == 1
    for recipe in (replace(RECIPE, stores=stores, factor=5), replace(RECIPE, factor=1)):
        with pytest.raises(InputError, match="expected difference latents and a factor above 1"):
            gain(recipe)


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_batches_are_the_same_from_memory_and_from_stores(root, monkeypatch, share):
    """Against the items, which are read from the stores one at a time."""
    data, items = clips_of_fold(root), clips_of_fold(root)
    clip_bytes = sum(data._clip(name, 0).nbytes for name in data.inputs)
    monkeypatch.setattr("infusenet.devices.room", lambda device: int(share * 20 * clip_bytes))
    data.hold(dataset.CPU)
    assert data.held_count == share * 20
    assert data._clip("latents", 0).dtype == torch.float16, "as stored"
    batches = dataset.EpochBatches(20, 6, [1, 2])
    for batches.epoch in range(2):
        drawn = [index for part in batches for _, index in part]
        for kept, labels in data.batches(batches, dataset.CPU):
            network_inputs = data.network_inputs(kept)
            for place, label in enumerate(labels):
                inputs, expected = items[batches.epoch, drawn.pop(0)]
                assert torch.equal(label, expected)
                assert all(torch.equal(network_inputs[name][place], inputs[name]) for name in inputs)
        assert not drawn


def test_an_error_of_reading_ahead_is_raised_at_its_batch(tmp_path):
    write_database(tmp_path, "alpha")
    data = dataset.ClipDataset([open_database(tmp_path)], RECIPE, 0)
    database, clip = data.rows[7]
    del database.stores["flow"]._rows[clip.key]
    batches = data.batches(dataset.EpochBatches(10, 2), dataset.CPU)
    assert all(len(next(batches)[1]) == 2 for _ in range(3))
    with pytest.raises(InputError, match="flow.h5: no clip s3/c7"):
        next(batches)


def test_a_flow_of_the_network_s_size_is_kept_as_stored(root):
    at_crop = clips_of_fold(root, size=CROP)
    assert at_crop._clip("flow", 0).dtype == torch.float16
    still = np.zeros((1, 3, CROP, CROP), np.float16)
    for image in (features("flow", clips_of("alpha", 1)[0]), still[0]):
        batch = at_crop.inputs["flow"].batch(torch.from_numpy(image)[None])
        assert torch.equal(batch[0], torch.from_numpy(optical_flow.prepare(image, CROP)))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_has_every_clip_once_and_no_lone_clip(clips, batch, epoch):
    batches = dataset.EpochBatches(clips, batch, [0])
    batches.epoch = epoch
    drawn = list(batches)
    assert sorted(index for part in drawn for _, index in part) == list(range(clips))
    assert {e for part in drawn for e, _ in part} == {epoch}
    assert drawn == list(batches)
    if clips > 1 and batch > 1:
        assert min(map(len, drawn)) > 1


def test_order_is_new_each_epoch_in_training_and_the_manifest_s_when_scoring():
    batches = dataset.EpochBatches(50, 50, [0])
    orders = []
    for batches.epoch in range(3):
        orders.append([index for _, index in next(iter(batches))])
    assert len({tuple(order) for order in orders}) == 3
    assert list(dataset.EpochBatches(3, 2)) == [
        [(PREDICTION, 0), (PREDICTION, 1)],
        [(PREDICTION, 2)],
    ]


def test_a_store_of_another_recipe_is_refused(root):
    flow = StoreRecipe("", replace(RECIPE.stores["flow"].recipe, strain="meb"))
    recipe = replace(RECIPE, stores=RECIPE.stores | {"flow": flow})
    with pytest.raises(InputError, match="flow.h5: strain is 'tensor', expected 'meb'"):
        open_database(root, recipe=recipe)


def test_failed_clips_are_left_out_and_named_others_are_refused(tmp_path):
    write_database(tmp_path, "alpha", failed="s1/c1")
    database = open_database(tmp_path)
    assert "s1/c1" not in [clip.key for clip in database.clips]
    assert len(database.clips) == 9
    assert database.left_out == ["alpha s1/c1: no_face: no face found"]
    more = clips_of("alpha", 12)
    (tmp_path / "manifests" / "alpha.csv").write_text(to_csv(more))
    with pytest.raises(
        InputError, match=r"clips without features \(4\)(.|\n)*s2/c10: neither stored in .*flow.h5"
    ):
        open_database(tmp_path)


def test_a_clip_that_another_method_lacks_is_left_out_too(tmp_path):
    write_database(tmp_path, "alpha")
    (tmp_path / "other").mkdir()
    write_database(tmp_path / "other", "alpha", failed="s1/c1")
    stores = sorted((tmp_path / "other/cache/alpha").glob("*.h5")) + [tmp_path / "cache/alpha/flow.h5"]
    listed = tmp_path / "left_out.csv"
    write_left_out(stores, listed)
    assert listed.read_text() == "database,clip\nalpha,s1/c1\n"
    named = read_left_out([listed]) | {("beta", "s2/c2")}
    database = folds.open_database("alpha", tmp_path / "cache", tmp_path / "manifests", RECIPE, named)
    assert [clip.key for clip in clips_of("alpha", 10) if clip not in database.clips] == ["s1/c1"]
    assert database.left_out == ["alpha s1/c1: failed for another method"]
    listed.write_text("not a list\n")
    with pytest.raises(InputError, match="expected the columns database and clip"):
        read_left_out([listed])


def test_a_damaged_or_misplaced_store_is_refused(tmp_path):
    write_database(tmp_path, "alpha")
    path = tmp_path / "cache" / "alpha" / "latents.h5"
    with h5py.File(path) as file:
        offset = file["items/latents"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xff")
    with pytest.raises(InputError, match="latents.h5: damaged, its sha256"):
        open_database(tmp_path)
    (tmp_path / "cache" / "alpha").rename(tmp_path / "cache" / "beta")
    with pytest.raises(InputError, match="a store of 'alpha', expected 'beta'"):
        open_database(tmp_path, "beta")
