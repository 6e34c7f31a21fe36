import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from infusenet import hashing
from infusenet.config import stage_recipes
from infusenet.errors import InputError
from infusenet.preprocess import optical_flow, optical_strain
from infusenet.preprocess.build_store import PART, fill
from infusenet.preprocess.flow import build
from infusenet.store import Failure, Item, Store

SIZE = 96
Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float32)
INNER = np.s_[..., 1:-1, 1:-1]


def affine(a, b, c, d):
    """The flow u = a x + b y, v = c x + d y."""
    return np.stack([a * X + b * Y, c * X + d * Y]).astype(np.float32)


def texture(shift=(0.0, 0.0), gain=1.0, seed=0):
    """An RGB frame of smooth random texture, moved by ``shift`` (x, y) px: exact at any sub-pixel size."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), 2.5, mode="wrap")
    frequencies = np.fft.fftfreq(SIZE)
    phase = np.exp(-2j * np.pi * (frequencies[None] * shift[0] + frequencies[:, None] * shift[1]))
    moved = np.fft.ifft2(np.fft.fft2(noise) * phase).real
    gray = (0.5 + 0.12 * moved / noise.std()) * gain
    return np.clip(np.rint(gray[..., None] * [255, 235, 215]), 0, 255).astype(np.uint8)


# --- strain -------------------------------------------------------------------------------------


@given(*[st.floats(-0.1, 0.1)] * 4)
@settings(max_examples=30, deadline=None)
def test_tensor_strain_is_the_norm_of_the_symmetric_gradient(a, b, c, d):
    expected = np.sqrt(a**2 + d**2 + (b + c) ** 2 / 2)
    np.testing.assert_allclose(optical_strain.strain(affine(a, b, c, d))[INNER], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "gradient", "tensor", "meb"),
    [
        ("rotation", (0, -0.01, 0.01, 0), 0.0, 0.0141),
        ("stretch", (0.01, 0, 0, 0), 0.0100, 0.0071),
        ("shear", (0, 0.01, 0, 0), 0.0071, 0.0100),
    ],
)
def test_strain_of_known_motion(name, gradient, tensor, meb):
    field = affine(*gradient)
    np.testing.assert_allclose(optical_strain.strain(field, "tensor")[INNER], tensor, atol=5e-5)
    np.testing.assert_allclose(optical_strain.strain(field, "meb")[INNER] / 8, meb, atol=5e-5)


def test_a_global_shift_strains_the_border_only_in_meb():
    shift = np.ones((2, SIZE, SIZE), np.float32)
    assert not optical_strain.strain(shift, "tensor").any()
    meb = optical_strain.strain(shift, "meb")
    assert not meb[INNER].any()
    assert meb[0].min() > 1


def test_the_edge_has_half_of_a_stretch_and_some_of_a_rotation():
    stretch, rotation = (
        optical_strain.strain(affine(*gradient)) for gradient in ((0.01, 0, 0, 0), (0, -0.01, 0.01, 0))
    )
    np.testing.assert_allclose(stretch[:, [0, -1]], 0.005, atol=5e-5)
    np.testing.assert_allclose(stretch[[0, -1], 1:-1], 0.01, atol=5e-5)
    for edge in (rotation[[0, -1], 1:-1], rotation[1:-1, [0, -1]]):
        np.testing.assert_allclose(edge, 0.01 / np.sqrt(8), atol=5e-5)


def test_strain_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="expected tensor or meb"):
        optical_strain.strain(affine(0, 0, 0, 0), "meb_compat")


# --- flow ---------------------------------------------------------------------------------------


@given(x=st.floats(-1.5, 1.5), y=st.floats(-1.5, 1.5), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("mode", ["none", "global", "local"])
def test_a_shift_is_recovered(mode, x, y, seed):
    found = optical_flow.tvl1(texture(seed=seed), texture((x, y), seed=seed), mode)
    assert found.shape == (2, SIZE, SIZE)
    assert found.dtype == np.float32
    centre = found[:, 16:-16, 16:-16]
    np.testing.assert_allclose(centre.mean(axis=(1, 2)), [x, y], atol=0.1)


def test_brightness_is_taken_for_motion_without_matching_only():
    still, brighter = texture(), texture(gain=1.05)
    mean = {
        mode: np.hypot(*optical_flow.tvl1(still, brighter, mode)).mean()
        for mode in ("none", "global", "local")
    }
    assert mean["local"] < 0.05
    assert mean["global"] < 0.05
    assert mean["none"] > 0.2


@pytest.mark.parametrize("mode", ["none", "global", "local"])
def test_equal_frames_have_no_motion(mode):
    image = optical_flow.flow_image(
        texture(), texture(), stage_recipes.resolve("flow", {"photometric": mode})
    )
    assert not image.any()
    assert not optical_flow.prepare(image.astype(np.float16), 64).any()


def test_flow_image_follows_the_recipe():
    frames = texture(), texture((0.5, -0.3))
    tensor = optical_flow.flow_image(*frames, stage_recipes.resolve("flow", {"strain": "tensor"}))
    meb = optical_flow.flow_image(*frames, stage_recipes.resolve("flow", {"strain": "meb"}))
    np.testing.assert_array_equal(tensor[:2], meb[:2])
    np.testing.assert_array_equal(tensor[2], optical_strain.strain(tensor[:2], "tensor"))
    np.testing.assert_array_equal(meb[2], optical_strain.strain(meb[:2], "meb"))


@pytest.fixture
def thread_count():
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def test_flow_does_not_depend_on_threads(thread_count):
    results = []
    for threads in (1, 2, 4):
        thread_count(threads)
        image = optical_flow.flow_image(texture(), texture((0.7, 0.2), 1.03), stage_recipes.resolve("flow"))
        results.append((image, optical_flow.prepare(image.astype(np.float16), 50)))
    for image, prepared in results[1:]:
        np.testing.assert_array_equal(image, results[0][0])
        np.testing.assert_array_equal(prepared, results[0][1])


def test_golden_flow():
    # Raise the flow revision in infusenet/config/stage_recipes.py when these figures change. CPU code paths
    # differ in single pixels, hence means and deviations with a tolerance.
    apex = (0.8 * texture((0.6, -0.4), 1.02) + 0.2 * texture(seed=1)).astype(np.uint8)
    image = optical_flow.flow_image(texture(), apex, stage_recipes.resolve("flow"))
    np.testing.assert_allclose(image.mean(axis=(1, 2)), [0.6218, -0.3298, 0.0762], atol=1e-3)
    np.testing.assert_allclose(image.std(axis=(1, 2)), [0.2254, 0.2428, 0.0726], atol=1e-3)


# --- as a network reads it ----------------------------------------------------------------------


@given(scale=st.floats(1e-4, 1e3), offset=st.floats(-100, 100), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_normalise_spans_each_channel(scale, offset, seed):
    image = np.random.default_rng(seed).normal(size=(3, 20, 20)) * scale + offset
    image[2] = offset
    normal = optical_flow.normalise(image)
    assert normal.dtype == np.float32
    np.testing.assert_array_equal(normal[:2].min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(normal[:2].max(axis=(1, 2)), 1)
    assert not normal[2].any()


def test_prepare_scales_before_it_resizes():
    image = np.zeros((3, 8, 8), np.float16)
    image[0, 0, 0] = 2
    prepared = optical_flow.prepare(image, 4)
    assert prepared.shape == (3, 4, 4)
    assert prepared.dtype == np.float32
    assert prepared[0, 0, 0] == 0.25
    assert prepared.sum() == 0.25


def test_prepare_at_the_stored_size_is_normalise():
    image = np.random.default_rng(0).normal(size=(3, 24, 24)).astype(np.float16)
    np.testing.assert_array_equal(optical_flow.prepare(image, 24), optical_flow.normalise(image))


# --- the stage ----------------------------------------------------------------------------------

FACES = stage_recipes.resolve("faces", {"size": SIZE}).as_dict()
# More clips than a part file holds, so that two processes have something to share.
CLIPS = ["s1/still", "s1/moving", "s2/moving", *(f"s3/{n}" for n in range(PART))]


def faces_part(clips):
    """Stand-in for the faces stage: what a store of faces holds, from textures."""
    for clip in clips:
        if clip == "s2/hidden":
            yield Failure(clip, "no_face", "no face on frame 7")
            continue
        apex = texture() if clip == "s1/still" else texture((0.8, -0.5), 1.03)
        yield Item(
            {"frames": np.stack([texture()] + [apex] * 6)}, "recovered" if clip == "s2/moving" else "ok"
        )


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    path = tmp_path_factory.mktemp("faces") / "faces.h5"
    clips = [(clip, hashing.digest(clip)) for clip in [*CLIPS, "s2/hidden"]]
    fill(path, stage="faces", database="casme", recipe=FACES, source={"clips": "0" * 64}, clips=clips,
         work=faces_part, failed="skip")  # fmt: skip
    return path


def test_stage_stores_raw_flow_and_hands_failures_on(faces, tmp_path):
    settings = stage_recipes.resolve("flow")
    build(faces, tmp_path / "flow.h5", settings)
    store = Store(tmp_path / "flow.h5", "flow", settings.as_dict())
    assert store.clips == CLIPS
    assert store.database == "casme"
    assert store.source == {"faces": Store(faces, "faces").sha256, "faces_recipe": FACES, "data": None}
    assert [store.status[clip] for clip in CLIPS[:3]] == ["ok", "ok", "recovered"]
    assert [(failure.clip, failure.status) for failure in store.failures] == [("s2/hidden", "no_face")]
    image = store.read("flow", "s1/moving")
    assert image.dtype == np.float16
    expected = optical_flow.flow_image(texture(), texture((0.8, -0.5), 1.03), settings)
    np.testing.assert_array_equal(image, expected.astype(np.float16))
    assert not store.read("flow", "s1/still").any()


def test_stage_gives_the_same_bytes_with_more_processes(faces, tmp_path):
    settings = stage_recipes.resolve("flow", {"strain": "meb", "photometric": "global"})
    for processes in (1, 2):
        build(faces, tmp_path / f"{processes}.h5", settings, processes=processes)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_stage_stops_at_a_flow_that_is_not_finite(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(optical_flow, "flow_image", lambda *_: np.full((3, SIZE, SIZE), np.nan, np.float32))
    with pytest.raises(InputError, match=r"s1/still.*not finite"):
        build(faces, tmp_path / "flow.h5", stage_recipes.resolve("flow"))
    assert not (tmp_path / "flow.h5").exists()
