"""Decoding: every damaged or unfit file is refused by name, every fit one becomes RGB."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from infusenet.errors import InputError
from infusenet.preprocess.images import read_rgb

GRAY, COLOUR, PALETTE, GRAY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
# Passes of an interlaced PNG: first column and row, step in both.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(path, kind, bits, rows, extra=(), interlaced=False):
    """A PNG of rows of packed bytes: formats that Pillow does not write. ``interlaced`` needs 8 bits."""

    def chunk(name, content):
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    channels = {GRAY: 1, PALETTE: 1, COLOUR: 3, GRAY_ALPHA: 2, COLOUR_ALPHA: 4}[kind]
    width = len(rows[0]) * 8 // bits // channels
    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, interlaced)
    if interlaced:
        pixels = np.array([list(row) for row in rows], np.uint8).reshape(len(rows), width, channels)
        passes = [pixels[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        rows = [row.tobytes() for part in passes if part.size for row in part]
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", content), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks))


def bmp(path, bits, masks, values):
    """A BMP of one row whose channels are the bits of ``masks``."""
    pixels = np.array(values, "<u2" if bits == 16 else "<u4").tobytes()
    at = 14 + 40 + 12
    header = struct.pack("<IiiHHIIiiII", 40, len(values), 1, 1, bits, 3, len(pixels), 0, 0, 0, 0)
    body = header + struct.pack("<3I", *masks) + pixels
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, at) + body)


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


def zeroed(path):
    """Of the old length: the file system knew it, and the disk never got the rest."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def empty(path):
    path.write_bytes(b"")


def no_image(path):
    path.write_text("not an image")


def sixteen_bit(path):
    Image.fromarray(np.full((4, 4), 5000, np.uint16)).save(path, format="PNG")


def bomb(path):
    """A small PNG whose header says 20,000 x 20,000: the header alone must be enough to refuse it."""
    Image.new("1", (8, 8)).save(path, format="PNG")
    data = bytearray(path.read_bytes())
    struct.pack_into(">II", data, 16, 20_000, 20_000)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    path.write_bytes(data)


def gone(path):
    path.unlink()


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (half, "truncated"),
        (zeroed, "zeros|not a readable image"),
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


# --- what a pixel is ---


@pytest.mark.parametrize(("kind", "channels"), [(GRAY, 1), (COLOUR, 3), (GRAY_ALPHA, 2), (COLOUR_ALPHA, 4)])
@pytest.mark.parametrize("value", [4095, 65535], ids=["a camera's 12 bits", "all 16 bits"])
def test_deep_pngs_are_refused_whatever_their_colours(tmp_path, kind, channels, value):
    png(tmp_path / "5.png", kind, 16, [struct.pack(f">{8 * channels}H", *[value] * 8 * channels)] * 8)
    with pytest.raises(InputError, match=r"5\.png: 16 bits a channel, expected at most 8"):
        read_rgb(tmp_path / "5.png")


def test_a_deep_png_of_opencv_is_refused(tmp_path, picture):
    cv2.imwrite(str(tmp_path / "5.png"), picture.astype(np.uint16) * 16)
    with pytest.raises(InputError, match="16 bits a channel"):
        read_rgb(tmp_path / "5.png")


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"\xff\xc0\0\x0b\x08" * 9}]
)
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_jpegs_are_refused_by_their_own_header(tmp_path, picture, options, bits):
    """Pillow calls them no images at all; nothing in an EXIF block counts as the header."""
    path = tmp_path / "5.jpg"
    Image.fromarray(picture).save(path, **options)
    data = bytearray(path.read_bytes())
    frame = data.rindex(b"\xff\xc2" if "progressive" in options else b"\xff\xc0")
    assert data[frame + 4] == 8
    data[frame + 4] = bits
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"5\.jpg: {bits} bits a channel, expected at most 8"):
        read_rgb(path)


def test_ten_bits_in_a_bmp_are_refused(tmp_path):
    bmp(tmp_path / "5.bmp", 32, (1023 << 20, 1023 << 10, 1023), [0x3FF00000] * 4)
    with pytest.raises(InputError, match=r"5\.bmp: not a readable image \(Unsupported BMP bitfields"):
        read_rgb(tmp_path / "5.bmp")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_gray_are_spread_over_the_range(tmp_path, bits):
    levels = 2**bits
    packed = sum(level << (8 - bits - bits * place) for place, level in enumerate((0, levels - 1)))
    for extra in ((), [(b"tRNS", struct.pack(">H", 1))]):
        png(tmp_path / "5.png", GRAY, bits, [bytes([packed])], extra)
        assert read_rgb(tmp_path / "5.png")[0, :2, 0].tolist() == [0, 255]


def test_few_bits_of_a_palette_and_its_alpha(tmp_path):
    palette = [(0, 10, 20), (200, 90, 7), (255, 255, 255), (1, 2, 3)]
    extra = [(b"PLTE", bytes(sum(palette, ()))), (b"tRNS", bytes((0, 90, 255)))]
    png(tmp_path / "5.png", PALETTE, 2, [bytes([0b00011011])], extra)
    assert [tuple(pixel) for pixel in read_rgb(tmp_path / "5.png")[0].tolist()] == palette


@pytest.mark.parametrize("masks", [(0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)], ids=["5-5-5", "5-6-5"])
def test_sixteen_bits_a_pixel_of_a_bmp(tmp_path, masks):
    values = range(0, 0x7FFF, 331)
    bmp(tmp_path / "5.bmp", 16, masks, values)
    lowest = [mask & -mask for mask in masks]
    expected = [
        [(value & mask) // low * 255 / (mask // low) for mask, low in zip(masks, lowest, strict=True)]
        for value in values
    ]
    np.testing.assert_allclose(read_rgb(tmp_path / "5.bmp")[0], expected, atol=1)


def test_interlaced_pictures(tmp_path, picture):
    png(tmp_path / "5.png", COLOUR, 8, [row.tobytes() for row in picture], interlaced=True)
    np.testing.assert_array_equal(read_rgb(tmp_path / "5.png"), picture)


def test_gamma_and_profiles_are_ignored(tmp_path, picture):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(picture).save(tmp_path / "5.png", icc_profile=profile)
    np.testing.assert_array_equal(read_rgb(tmp_path / "5.png"), picture)
    rows = [row.tobytes() for row in picture]
    png(tmp_path / "5.png", COLOUR, 8, rows, [(b"gAMA", struct.pack(">I", 22000))])
    np.testing.assert_array_equal(read_rgb(tmp_path / "5.png"), picture)


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("MPO", "jpg")])
def test_the_first_of_several_pictures_is_read(tmp_path, picture, kind, suffix):
    image, others = Image.fromarray(picture), [Image.new("RGB", (60, 40))]
    image.save(tmp_path / f"alone.{suffix}")
    image.save(tmp_path / f"5.{suffix}", format=kind, save_all=True, append_images=others)
    np.testing.assert_array_equal(read_rgb(tmp_path / f"5.{suffix}"), read_rgb(tmp_path / f"alone.{suffix}"))


def test_cmyk_has_its_right_colours_or_is_refused(tmp_path):
    path, flat = tmp_path / "5.jpg", np.full((16, 16, 3), (200, 30, 60), np.uint8)
    Image.fromarray(flat).convert("CMYK").save(path, quality=100)
    np.testing.assert_allclose(read_rgb(path), flat, atol=3)
    data = path.read_bytes()
    at = data.index(b"\xff\xee")
    (length,) = struct.unpack(">H", data[at + 2 : at + 4])
    path.write_bytes(data[:at] + data[at + 2 + length :])
    with pytest.raises(InputError, match=r"5\.jpg: CMYK without the marker"):
        read_rgb(path)


def test_a_link_that_leads_to_itself(tmp_path):
    (tmp_path / "5.png").symlink_to(tmp_path / "5.png")
    with pytest.raises(InputError, match=r"5\.png: cannot be read \(Too many levels"):
        read_rgb(tmp_path / "5.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "5.png")
    (tmp_path / "5.png").chmod(0)
    with pytest.raises(InputError, match=r"5\.png: cannot be read \(Permission denied"):
        read_rgb(tmp_path / "5.png")
