"""Decoding: every damaged or unfit file is refused by name, every fit one becomes RGB."""

import numpy as np
import pytest
from PIL import Image

from infusenet.errors import InputError
from infusenet.images import read_rgb


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_colour_and_gray(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "c.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "c.png"), picture)
    Image.fromarray(picture[..., 0]).save(tmp_path / "g.jpg", quality=100)
    gray = read_rgb(tmp_path / "g.jpg")
    assert gray.shape == picture.shape
    assert gray.dtype == np.uint8
    assert (gray == gray[..., :1]).all()


def test_alpha_is_dropped_and_palette_resolved(tmp_path, picture):
    alpha = np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), picture)
    flat = np.zeros((8, 8, 3), np.uint8)
    flat[:4] = (200, 10, 30)
    Image.fromarray(flat).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "p.png"), flat)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def no_image(path):
    path.write_text("not an image")


def sixteen_bit(path):
    Image.fromarray(np.full((4, 4), 5000, np.uint16)).save(path, format="PNG")


def bomb(path):
    Image.new("1", (20_000, 20_000)).save(path, format="PNG")


def gone(path):
    path.unlink()


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (half, "truncated"),
        (empty, "not a readable image"),
        (no_image, "not a readable image"),
        (sixteen_bit, "8 bits"),
        (bomb, "megapixels|decompression bomb"),
        (gone, "no such frame"),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_unfit_files_are_refused(tmp_path, picture, harm, expected, suffix):
    path = tmp_path / f"5.{suffix}"
    Image.fromarray(picture).save(path)
    harm(path)
    with pytest.raises(InputError, match=expected) as caught:
        read_rgb(path)
    assert str(path) in str(caught.value)
