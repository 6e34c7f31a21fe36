"""The flow bench: its measures on estimates whose errors are known, and motion that is where its truth says."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from infusenet.experiments.flow_bench import filming, light_and_noise, true_motion
from infusenet.experiments.flow_bench.flow_errors import (
    error_figures,
    error_sums,
    zone_figures,
    zone_sums,
)
from infusenet.experiments.flow_bench.known_fields import Layer, Scene, scenes, uniform
from infusenet.standins.camera import Shot
from infusenet.standins.truth import ClipTruth

SIZE = 64
Y, X = np.mgrid[:SIZE, :SIZE].astype(float)
ROOT = Path(__file__).parents[1]
INSIDE = np.hypot(X - 32, Y - 32) < 28


def truth_image(peak=2.5):
    """A bump of motion with its strain, which passes through every bin."""
    length = peak * np.exp(-((X - 32) ** 2 + (Y - 32) ** 2) / (2 * 7**2))
    return true_motion.with_strain(np.stack([0.8 * length, -0.6 * length]))


def figures(*images, truth=None):
    truth = truth_image() if truth is None else truth
    return error_figures([error_sums(image, truth, INSIDE) for image in images])


# --- measures ------------------------------------------------------------------------------------


def test_the_truth_has_no_error():
    result = figures(truth_image(), truth_image())
    assert (result.clips, result.error, result.moving_ratio) == (2, 0, 0)
    assert not result.ratios.any()
    np.testing.assert_allclose(result.slopes, 1)
    assert result.strain_r == pytest.approx(1)
    assert result.energy_inside == pytest.approx(1)
    assert result.energy_outside == pytest.approx(result.true_outside)
    assert 0 < result.true_outside < 0.05
    assert 0 <= result.false_flow < 0.02


def test_half_of_the_motion_is_a_slope_of_a_half():
    result = figures(truth_image() / 2)
    np.testing.assert_allclose(result.slopes, 0.5, rtol=1e-6)
    np.testing.assert_allclose([*result.ratios, result.moving_ratio], 0.5, rtol=1e-6)
    assert result.energy_inside == pytest.approx(0.25)
    assert result.strain_r == pytest.approx(1)


def test_a_bin_counts_its_own_motion_alone():
    truth = truth_image()
    motion = np.hypot(*truth[:2])
    image = np.where((motion >= 0.25) & (motion < 0.5), 2, 1) * truth
    result = figures(image)
    np.testing.assert_allclose(result.ratios, [0, 0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(result.slopes, [1, 1, 2, 1, 1], rtol=1e-6)
    assert result.moving_ratio == 0


def test_a_shift_of_everything_is_error_and_false_flow():
    image = truth_image() + np.array([0.3, 0.4, 0])[:, None, None]
    result = figures(image)
    assert result.error == pytest.approx(0.5, rel=1e-6)
    assert result.false_flow == pytest.approx(0.5, abs=0.02)


def test_strain_elsewhere_is_energy_outside():
    image = truth_image()
    image[2] += 0.1 * (np.hypot(X - 32, Y - 32) > 24)
    result = figures(image)
    assert result.energy_inside == pytest.approx(1)
    assert result.energy_outside > 0.2
    assert result.strain_r < 0.9


def test_clips_that_move_as_a_whole_have_no_figure_of_strain():
    shift = np.zeros((3, SIZE, SIZE))
    shift[0] = 0.7
    result = figures(shift, truth=shift)
    assert result.error == 0
    np.testing.assert_allclose(result.slopes, [np.nan, np.nan, np.nan, 1, np.nan])
    assert np.isnan([result.strain_r, result.energy_inside, result.false_flow]).all()
    both = error_figures([error_sums(shift, shift, INSIDE), error_sums(truth_image(), truth_image(), INSIDE)])
    assert both.strain_r == pytest.approx(1)


def test_motion_in_a_zone_counts_without_the_heads_shift():
    local, shift = truth_image()[:2], np.array([4.0, 0.0])
    truth = local + shift[:, None, None]
    zone, still = np.hypot(*local) > 1, np.hypot(*local) < 0.01

    def measured(flow):
        return zone_figures([zone_sums(flow, truth, shift, zone, still)])

    assert measured(truth) == (pytest.approx(1), 0, 0)
    assert measured(truth - local / 4) == (
        pytest.approx(0.75),
        pytest.approx(0.25),
        pytest.approx(0, abs=0.003),
    )
    assert measured(truth + 0.2).still_error == pytest.approx(0.2 * 2**0.5)


# --- light and noise -----------------------------------------------------------------------------


def frames():
    return np.random.default_rng(0).integers(40, 200, (4, 32, 48, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", light_and_noise.CONDITIONS | light_and_noise.MOTIONLESS)
def test_a_condition_keeps_the_form_and_only_noise_touches_the_onset(name):
    before = frames()
    change = (light_and_noise.CONDITIONS | light_and_noise.MOTIONLESS)[name]
    after = change(before, np.random.default_rng(1))
    assert (after.shape, after.dtype) == (before.shape, np.uint8)
    assert np.array_equal(after[0], before[0]) == (name != "noise")
    np.testing.assert_array_equal(before, frames())


def test_conditions_have_their_size():
    before, generator = frames(), np.random.default_rng(1)
    gain = light_and_noise.CONDITIONS["gain"](before, generator)
    np.testing.assert_allclose(gain[1:], 1.05 * before[1:], atol=0.5)
    ramp = light_and_noise.CONDITIONS["ramp"](before, generator) / before.astype(float)
    np.testing.assert_allclose(ramp[1:].mean((0, 1, 3))[[0, -1]], [1, 1.05], atol=0.002)
    noise = light_and_noise.CONDITIONS["noise"](before, generator) - before.astype(float)
    np.testing.assert_array_equal(noise[..., 0], noise[..., 1])
    assert noise.std() == pytest.approx(2, rel=0.05)
    still = light_and_noise.MOTIONLESS["identical"](before, generator)
    assert (still == before[0]).all()


# --- truth ---------------------------------------------------------------------------------------


def test_the_true_flow_is_in_px_of_the_crop():
    poses = np.array([[[1, 0, 0], [0, 1, 0]], [[1, 0, 3.0], [0, 1, -1.0]]])
    clip = ClipTruth(0, Shot(poses, np.ones(2), 0, (200, 200), True, 95, 0.0, [7, 9]), {}, {})
    matrices = np.array([[[0.5, 0, 4], [0, 0.5, 2]]] * 2)
    image = true_motion.true_image(clip, np.array([7, 9]), matrices, 16)
    np.testing.assert_allclose(image[0], 1.5, atol=1e-6)
    np.testing.assert_allclose(image[1], -0.5, atol=1e-6)
    np.testing.assert_allclose(image[2], 0, atol=1e-6)


def test_the_true_strain_errs_by_less_than_a_thousandth():
    x, y = X - 32, Y - 32
    flow = np.exp(-(x**2 + y**2) / (2 * 5**2))
    image = true_motion.with_strain(np.stack([flow, 0 * flow]))
    expected = flow / 5**2 * np.sqrt(x**2 + y**2 / 2)
    np.testing.assert_allclose(image[2], expected, atol=1e-3 * expected.max())


@pytest.fixture(scope="module")
def face():
    return filming.draw_face(0)


def test_scenes_go_there_and_back(face):
    everything = list(scenes(face.landmarks))
    assert len({(scene.group, scene.name) for scene in everything}) == len(everything)
    points = np.random.default_rng(0).uniform(30, 190, (400, 2))
    for scene in everything:
        moved = points + scene.motion(points)
        in_front = scene.layers[0].covers(points)
        assert in_front.sum() > 100, scene.name
        back = scene.sources(moved)
        np.testing.assert_allclose(back[in_front], points[in_front], atol=1e-6, err_msg=scene.name)


def test_a_lid_moves_over_an_eye_that_stays(face):
    (lid,) = (scene for scene in scenes(face.landmarks) if scene.name == "upper lids, 1 px")
    edge = face.landmarks[[37, 38]].mean(0)
    points = edge + ((0, -0.5), (0, 0.5), (0, 2))
    np.testing.assert_allclose(lid.motion(points)[0], (0, 1), atol=0.1)
    assert not lid.motion(points)[1:].any()
    covered, uncovered = lid.sources(points[1:])
    assert covered[1] < edge[1] < uncovered[1], "half a px below the edge, the lid now covers the eye"


@pytest.mark.parametrize("shift", [0.1, 0.5])
def test_a_shift_is_filmed_unbiased(face, shift):
    scene = Scene("test", "shift", (Layer(uniform(shift)),))
    crops = filming.film(face, scene, filming.FILMINGS["clean"], np.random.default_rng(0))
    # Smoothed, because central differences underrate steep slopes.
    pair = np.stack([ndimage.gaussian_filter(crop.mean(-1), 2.5) for crop in crops])
    window = np.s_[50:170, 50:170]
    dy, dx = np.gradient(pair.mean(0))
    slopes = np.stack([dx[window].ravel(), dy[window].ravel()], 1)
    measured = np.linalg.lstsq(slopes, (pair[0] - pair[1])[window].ravel(), rcond=None)[0]
    np.testing.assert_allclose(measured, shift * uniform(1)(np.zeros((1, 2)))[0], atol=0.05 * shift)


def test_noise_and_gain_are_as_the_filming_says(face):
    scene = Scene("test", "still", (Layer(lambda points: np.zeros(points.shape)),))
    clean = filming.film(face, scene, filming.Filming(), np.random.default_rng(0)).astype(float)
    np.testing.assert_array_equal(clean[0], clean[1])
    noisy = filming.film(face, scene, filming.Filming(crop_noise=1.0), np.random.default_rng(0)) - clean
    assert noisy[:, 60:160, 60:160].std() == pytest.approx(1, rel=0.1)
    bright = filming.film(face, scene, filming.Filming(gain=1.05), np.random.default_rng(0))
    assert bright[1].mean() / clean[1].mean() == pytest.approx(1.05, abs=0.005)


# --- commands ------------------------------------------------------------------------------------


def test_missing_stores_and_truth_are_all_named(tmp_path, monkeypatch, capsys):
    words = [tmp_path / "standins", "--cache", tmp_path, "--databases", "samm", "mmew"]
    monkeypatch.setattr(sys, "argv", ["flow_truth.py", *map(str, words)])
    with pytest.raises(SystemExit, match="^1$"):
        runpy.run_path(str(ROOT / "benchmarks/flow_truth.py"), run_name="__main__")
    said = capsys.readouterr().err
    for database in ("samm", "mmew"):
        assert str(tmp_path / database / "faces.h5") in said
        assert str(tmp_path / "standins/truth" / f"{database}.json") in said
