"""The difference latent as a ReLU reads it: losses on it, and the basis in which it passes one."""

from dataclasses import replace

import pytest
import torch

from infusenet.magnifier import Magnifier, basis, load, losses, scenes
from infusenet.magnifier.initialisation import start
from infusenet.magnifier.network import as_read

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def batches():
    supply = scenes.Scenes(0, textures=5)
    return [supply.batch(step, 2, 48) for step in range(4)]


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Magnifier()
    start(model)
    return model.requires_grad_(False)


def test_another_basis_leaves_the_frames_as_they_are(model, batches):
    batch = batches[0]
    generator = torch.Generator().manual_seed(0)
    column, row = 0.3 * torch.randn(2, 32, generator=generator)
    # The channels through which the change passes have to be unused.
    model.encoder.resblks_shape[0].conv2.weight[:, :2] = 0
    model.encoder.resblks_shape[0].conv1.weight[:2] = 0
    frames, latent = model(batch.a, batch.b, batch.factor), losses.unit_difference(model, batch.a, batch.b)
    basis._change(model, column, row, batch.a)
    matrix = torch.eye(32) + torch.outer(column, row)
    changed = losses.unit_difference(model, batch.a, batch.b)
    assert torch.allclose(changed, torch.einsum("ij,njhw->nihw", matrix, latent), atol=1e-5)
    assert torch.allclose(model(batch.a, batch.b, batch.factor), frames, atol=1e-5)


def test_mixed_channels_leave_the_frames_as_they_are(model, batches):
    batch = batches[0]
    model.encoder.resblks_shape[0].conv2.weight.zero_()  # the block that a linear one replaces
    matrix = torch.eye(32) + 0.1 * torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
    frames, latent = model(batch.a, batch.b, batch.factor), losses.unit_difference(model, batch.a, batch.b)
    basis._mix(model, matrix, batch.a)
    changed = losses.unit_difference(model, batch.a, batch.b)
    assert torch.allclose(changed, basis._mixed(matrix, latent), atol=1e-5)
    assert torch.allclose(model(batch.a, batch.b, batch.factor), frames, atol=1e-4)


def test_what_no_relu_passes_becomes_readable(batches, monkeypatch):
    """The first weights' dominant channels are negative: 3 % of the energy passes, from then on most of it."""
    monkeypatch.setattr(basis, "FIT_STEPS", 3)
    monkeypatch.setattr(basis, "MIX_STEPS", 3)
    before, after = load("v1"), load("v1")
    basis.make_readable(after, batches)
    batch = batches[1]
    shares = []
    for model in (before, after):
        latent = losses.unit_difference(model, batch.a, batch.b)
        shares.append(float(latent.relu().square().sum() / latent.square().sum()))
    assert shares[0] < 0.1
    assert shares[1] > 0.4
    frames = [model(batch.a, batch.b, batch.factor) for model in (before, after)]
    assert (frames[0] - frames[1]).square().mean().sqrt() < 0.01
    assert not losses.unit_difference(after, batch.a, batch.a).any()


def test_losses_see_what_is_read_and_no_more():
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(2, 32, 24, 24, generator=generator)
    hidden = latent - 5 * (latent < 0)
    assert torch.equal(as_read(latent), as_read(hidden))
    assert as_read(latent).shape == (2, 32, 12, 12)
    assert losses.spread(latent) == 0
    assert losses.spread(hidden) > 0.3  # no energy is positive
    one = torch.zeros_like(latent)
    one[:, 3] = latent[:, 3].abs()
    assert losses.spread(one) == pytest.approx(torch.log(torch.tensor(12.0)).item(), rel=1e-4)


def test_motion_and_the_motion_back_are_alike_where_only_the_size_is_read(batches):
    batch = batches[0]
    generator = torch.Generator().manual_seed(0)
    forth = torch.rand(2, 32, 12, 12, generator=generator)
    upper = (torch.arange(32) < 16)[:, None, None]
    moving = (batch.length.amax(dim=(1, 2, 3)) > losses.VARIED).any()
    assert moving
    assert losses.likeness(forth, 3 * forth, batch) == pytest.approx(1, abs=1e-4)
    assert losses.likeness(forth * upper, forth * ~upper, batch) == 0
    still = replace(batch, length=torch.zeros_like(batch.length))
    assert losses.likeness(forth, forth, still) == 0


def test_following_is_the_correlation_with_the_length_of_the_motion(batches):
    for batch in batches:
        length = torch.nn.functional.avg_pool2d(batch.length, 4)
        right, wrong = (losses.following(x.expand(-1, 32, -1, -1), batch) for x in (length, 30 - length))
        assert (right < 1e-3).all()
        moving = wrong > 0
        assert wrong[moving] == pytest.approx(2, abs=1e-3)
