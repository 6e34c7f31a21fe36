"""Images between their pixels and fields on knots, against SciPy's splines and finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from infusenet.preprocess import cubic_splines
from infusenet.preprocess.cubic_splines import FieldGrid

CPU = torch.device("cpu")


def image(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32))


@given(height=st.integers(8, 40), width=st.integers(8, 40), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_warp_reads_scipys_cubic_spline(height, width, seed):
    frames = image(2, height, width, seed=seed)
    flow = image(2, 2, height, width, seed=seed + 1) / 255 * 8 - 4
    warped = cubic_splines.warp(cubic_splines.interpolate(frames), flow)
    y, x = np.mgrid[:height, :width]
    for frame, (dx, dy), result in zip(frames.numpy(), flow.numpy(), warped, strict=True):
        points = np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)
        expected = ndimage.map_coordinates(frame.astype(float), points, order=3, mode="mirror")
        np.testing.assert_allclose(result, expected, atol=5e-3)


def test_warp_without_flow_gives_the_image():
    frames = image(1, 30, 21)
    warped = cubic_splines.warp(cubic_splines.interpolate(frames), torch.zeros(1, 2, 30, 21))
    np.testing.assert_allclose(warped, frames, atol=1e-3)


def test_interpolation_has_no_subnormal_numbers():
    """A matrix with 4000 of them made the interpolation of 224 px twenty-five times slower."""
    matrix = cubic_splines._interpolation_matrix(CPU, 224)
    assert matrix[matrix != 0].abs().min() > torch.finfo(torch.float32).tiny


def test_gradient_is_that_of_the_warp():
    frames, step = image(1, 25, 30), 0.01
    spline = cubic_splines.interpolate(frames)
    for axis, part in enumerate(cubic_splines.gradient(spline).unbind(1)):
        flow = torch.zeros(1, 2, 25, 30)
        flow[:, axis] = step
        differences = (cubic_splines.warp(spline, flow) - cubic_splines.warp(spline, -flow)) / (2 * step)
        np.testing.assert_allclose(part[:, 2:-2, 2:-2], differences[:, 2:-2, 2:-2], atol=0.1)


@pytest.mark.parametrize("sigma", [0.4, 2.0, 4.0])
def test_blur_is_scipys(sigma):
    frames = image(2, 40, 33)
    for frame, blurred in zip(frames, cubic_splines.blur(frames, sigma), strict=True):
        expected = ndimage.gaussian_filter(frame.numpy(), sigma, mode="nearest")
        np.testing.assert_allclose(blurred, expected, atol=1e-3)


@given(
    height=st.integers(16, 70),
    width=st.integers(16, 70),
    spacing=st.sampled_from([2.0, 4.0, 5.5]),
    plane=st.tuples(*[st.floats(-3, 3)] * 3),
)
@settings(max_examples=20)
def test_planes_are_given_by_their_knots(height, width, spacing, plane):
    grid = FieldGrid(height, width, spacing, CPU)
    x, y = grid.knot_positions()
    coefficients = plane[0] + plane[1] * x + plane[2] * y
    assert coefficients.shape == grid.shape
    rows, columns = np.mgrid[:height, :width]
    np.testing.assert_allclose(
        grid.values(coefficients), plane[0] + plane[1] * columns + plane[2] * rows, atol=2e-3
    )
    across, down = grid.slopes(coefficients)
    np.testing.assert_allclose(across, plane[1], atol=1e-3)
    np.testing.assert_allclose(down, plane[2], atol=1e-3)


def test_slopes_are_derivatives_of_the_values():
    grid, step = FieldGrid(40, 60, 4.0, CPU), 0.5
    coefficients = image(*grid.shape).double()
    rows, columns = (
        cubic_splines._basis(torch.tensor([20 - step, 20 + step]).double(), cubic_splines._knots(n, 4.0), 4.0)
        for n in (40, 60)
    )
    row, column = (
        cubic_splines._basis(torch.tensor([20.0]).double(), cubic_splines._knots(n, 4.0), 4.0)
        for n in (40, 60)
    )
    across, down = grid.slopes(coefficients.float())
    along_x, along_y = row @ coefficients @ columns.T, rows @ coefficients @ column.T
    assert across[20, 20] == pytest.approx(float(along_x[0, 1] - along_x[0, 0]), rel=0.05)
    assert down[20, 20] == pytest.approx(float(along_y[1, 0] - along_y[0, 0]), rel=0.05)


@pytest.mark.parametrize(("values", "project"), [("values", "project"), ("halved_values", "halved_project")])
def test_projections_are_adjoint(values, project):
    grid = FieldGrid(32, 48, 4.0, CPU)
    coefficients, pixels = image(*grid.shape), getattr(grid, values)(image(*grid.shape, seed=1))
    left = (getattr(grid, values)(coefficients) * pixels).sum()
    right = (coefficients * getattr(grid, project)(pixels)).sum()
    assert left == pytest.approx(float(right), rel=1e-4)


def test_halved_values_are_means_of_blocks():
    grid = FieldGrid(32, 48, 4.0, CPU)
    coefficients = image(*grid.shape)
    means = grid.values(coefficients).reshape(16, 2, 24, 2).mean((1, 3))
    np.testing.assert_allclose(grid.halved_values(coefficients), means, atol=1e-3)


def test_a_refined_field_is_the_same_motion():
    coarse, fine = FieldGrid(28, 28, 4.0, CPU), FieldGrid(56, 56, 4.0, CPU)
    x, y = coarse.knot_positions()
    refined = fine.refine(0.3 + 0.02 * x - 0.01 * y, coarse)
    rows, columns = np.mgrid[:56, :56]
    expected = 2 * (0.3 + 0.02 * ((columns + 0.5) / 2 - 0.5) - 0.01 * ((rows + 0.5) / 2 - 0.5))
    np.testing.assert_allclose(fine.values(refined)[4:-4, 4:-4], expected[4:-4, 4:-4], atol=5e-3)
