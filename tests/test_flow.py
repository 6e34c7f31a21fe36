import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textures import SIZE, texture

from infusenet import hashing
from infusenet.config import stage_recipes
from infusenet.errors import InputError
from infusenet.preprocess import build_store, opencv_tvl1, optical_flow, optical_strain
from infusenet.preprocess import flow as flow_stage
from infusenet.preprocess.flow import build
from infusenet.store import Failure, Item, Store

Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float32)
INNER = np.s_[..., 1:-1, 1:-1]


def affine(a, b, c, d):
    """The flow u = a x + b y, v = c x + d y."""
    return np.stack([a * X + b * Y, c * X + d * Y]).astype(np.float32)


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


# --- OpenCV's flow, and flow images ---------------------------------------------------------------

SOLVERS = ["spline_tvl1", "opencv_tvl1"]


def flow_image(onset, apex, **flow_settings):
    return optical_flow.flow_images(
        onset[None], apex[None, None], stage_recipes.resolve("flow", flow_settings)
    )[0]


@given(x=st.floats(-1.5, 1.5), y=st.floats(-1.5, 1.5), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("mode", ["none", "global", "local"])
def test_a_shift_is_recovered(mode, x, y, seed):
    flow = opencv_tvl1.flow(texture(seed=seed), texture((x, y), seed=seed), mode)
    assert flow.shape == (2, SIZE, SIZE)
    assert flow.dtype == np.float32
    centre = flow[:, 16:-16, 16:-16]
    np.testing.assert_allclose(centre.mean(axis=(1, 2)), [x, y], atol=0.1)


def test_brightness_is_taken_for_motion_without_matching_only():
    still, brighter = texture(), texture(gain=1.05)
    mean = {
        mode: np.hypot(*opencv_tvl1.flow(still, brighter, mode)).mean()
        for mode in ("none", "global", "local")
    }
    assert mean["local"] < 0.05
    assert mean["global"] < 0.05
    assert mean["none"] > 0.2


@pytest.mark.parametrize(
    "flow_settings",
    [{"solver": "opencv_tvl1", "photometric": mode} for mode in ("none", "global", "local")]
    + [{"solver": "spline_tvl1", "strain": strain} for strain in ("tensor", "meb")],
    ids=str,
)
def test_equal_frames_have_no_motion(flow_settings):
    image = flow_image(texture(), texture(), **flow_settings)
    assert not image.any()
    assert not optical_flow.prepare(image.astype(np.float16), 64).any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_flow_image_follows_the_recipe(solver):
    frames = texture(), texture((0.5, -0.3))
    tensor = flow_image(*frames, solver=solver, strain="tensor")
    meb = flow_image(*frames, solver=solver, strain="meb")
    np.testing.assert_array_equal(tensor[:2], meb[:2])
    np.testing.assert_array_equal(meb[2], optical_strain.strain(meb[:2], "meb"))
    differences = optical_strain.strain(tensor[:2], "tensor")
    if solver == "opencv_tvl1":
        np.testing.assert_array_equal(tensor[2], differences)
    else:  # exact, so that the border too is right
        np.testing.assert_allclose(tensor[2][INNER], differences[INNER], atol=5e-3)
        assert not np.array_equal(tensor[2], differences)


@pytest.mark.parametrize("solver", SOLVERS)
def test_flow_does_not_depend_on_threads(solver, thread_count):
    results = []
    for threads in (1, 2, 4):
        thread_count(threads)
        image = flow_image(texture(), texture((0.7, 0.2), 1.03), solver=solver)
        results.append((image, optical_flow.prepare(image.astype(np.float16), 50)))
    for image, prepared in results[1:]:
        np.testing.assert_array_equal(image, results[0][0])
        np.testing.assert_array_equal(prepared, results[0][1])


def test_golden_flow_of_opencv():
    # Raise the solver's revision in infusenet/config/stage_recipes.py when these figures change. CPU code paths
    # differ in single pixels, hence means and deviations with a tolerance.
    apex = (0.8 * texture((0.6, -0.4), 1.02) + 0.2 * texture(seed=1)).astype(np.uint8)
    image = flow_image(texture(), apex, solver="opencv_tvl1")
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
CLIPS = ["s1/still", "s1/moving", "s2/moving", "s3/0", "s3/1"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts of two clips: few clips are three parts, which two processes share."""
    monkeypatch.setattr(build_store, "PART", 2)


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
    build_store.fill(path, stage="faces", database="casme", recipe=FACES, source={"clips": "0" * 64}, clips=clips,
         work=faces_part, failed="skip")  # fmt: skip
    return path


@pytest.mark.parametrize("flow_settings", [{}, {"frames": 3}, {"solver": "opencv_tvl1"}], ids=str)
def test_stage_stores_raw_flow_and_hands_failures_on(faces, tmp_path, flow_settings):
    flow_recipe = stage_recipes.resolve("flow", flow_settings)
    build(faces, tmp_path / "flow.h5", flow_recipe)
    store = Store(tmp_path / "flow.h5", "flow", flow_recipe.as_dict())
    assert store.clips == CLIPS
    assert store.database == "casme"
    assert store.source == {"faces": Store(faces, "faces").sha256, "faces_recipe": FACES, "data": None}
    assert [store.status[clip] for clip in CLIPS[:3]] == ["ok", "ok", "recovered"]
    assert [(failure.clip, failure.status) for failure in store.failures] == [("s2/hidden", "no_face")]
    image = store.read("flow", "s1/moving")
    assert image.dtype == np.float16
    apexes = [texture((0.8, -0.5), 1.03)] * flow_settings.get("frames", 1)
    expected = optical_flow.flow_images(texture()[None], np.stack(apexes)[None], flow_recipe)[0]
    np.testing.assert_array_equal(image, expected.astype(np.float16))
    assert not store.read("flow", "s1/still").any()


@pytest.mark.parametrize(
    "flow_settings",
    [{"frames": 3}, {"solver": "opencv_tvl1", "strain": "meb", "photometric": "global"}],
    ids=str,
)
def test_stage_gives_the_same_bytes_with_more_processes(faces, tmp_path, flow_settings):
    for processes in (1, 2):
        build(
            faces,
            tmp_path / f"{processes}.h5",
            stage_recipes.resolve("flow", flow_settings),
            processes=processes,
        )
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


@pytest.mark.parametrize("solver", SOLVERS)
def test_stage_gives_the_same_bytes_whatever_a_call_takes(faces, tmp_path, monkeypatch, solver):
    for name, pictures in (("many", 4), ("few", 2)):
        monkeypatch.setitem(flow_stage.PIXELS, "cpu", pictures * SIZE**2)
        build(faces, tmp_path / f"{name}.h5", stage_recipes.resolve("flow", {"solver": solver}))
    assert (tmp_path / "many.h5").read_bytes() == (tmp_path / "few.h5").read_bytes()


def test_an_update_with_another_solver_takes_nothing_over(faces, tmp_path, capsys):
    for solver in SOLVERS:
        build(faces, tmp_path / "flow.h5", stage_recipes.resolve("flow", {"solver": solver}))
    assert f"{len(CLIPS)} clips computed, 0 taken over" in capsys.readouterr().err.splitlines()[-1]
    build(faces, tmp_path / "alone.h5", stage_recipes.resolve("flow", {"solver": SOLVERS[1]}))
    assert (tmp_path / "flow.h5").read_bytes() == (tmp_path / "alone.h5").read_bytes()


def test_stage_stops_at_a_flow_that_is_not_finite(faces, tmp_path, monkeypatch):
    def broken(onsets, *_):
        images = np.zeros((len(onsets), 3, SIZE, SIZE), np.float32)
        images[1, 0, 5, 5] = np.nan
        return images

    monkeypatch.setattr(optical_flow, "flow_images", broken)
    with pytest.raises(InputError, match=r"s1/moving.*not finite"):
        build(faces, tmp_path / "flow.h5", stage_recipes.resolve("flow"))
    assert not (tmp_path / "flow.h5").exists()
