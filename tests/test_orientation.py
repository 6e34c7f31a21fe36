"""EXIF orientation: every reader sees frames upright, and a clip's frames are stored in one way."""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image
from skimage import data

from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.errors import InputError
from infusenet.preprocess.faces import build
from infusenet.preprocess.images import read_frames, read_rgb
from infusenet.report.ledger_page import Pictures
from infusenet.store import Store

RECIPE = resolve("faces", {"size": 96})
NUMBERS = (8, 9, 10, 11, 12, 13, 14)

# What a camera stores of an upright picture under each value (EXIF 2.32, tag 274).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.fixture
def picture():
    blocks = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    return blocks.repeat(16, 0).repeat(16, 1)


def save(pixels, path, orientation=None, **options):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    # Stored, not compressed: a PNG in a sixth of the time.
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, exif=exif, compress_level=0, **options)


def chunks(data):
    """(kind, whole chunk) of a PNG."""
    at = 8
    while at < len(data):
        end = at + 12 + struct.unpack(">I", data[at : at + 4])[0]
        yield data[at + 4 : at + 8], data[at:end]
        at = end


def tag(orientation, order="<"):
    """A TIFF block that holds the orientation alone."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


# --- one picture ---


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_turned_as_its_tag_says(tmp_path, picture, orientation):
    stored = STORED[orientation](picture)
    save(stored, tmp_path / "a.png", orientation)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), picture)
    save(stored, tmp_path / "a.jpg", orientation, quality=95, subsampling=0)
    assert np.abs(read_rgb(tmp_path / "a.jpg").astype(int) - picture).mean() < 3


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_gray_palette_and_alpha(tmp_path, picture, order):
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](picture)))
    for converted in (stored.convert("L"), stored.quantize(24), stored.convert("RGBA")):
        converted.save(tmp_path / "a.png", exif=b"Exif\0\0" + tag(6, order))
        upright = np.rot90(np.asarray(converted.convert("RGB")), -1)
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), upright)


def test_a_tag_after_the_pixels_of_a_png_counts(tmp_path, picture):
    save(STORED[8](picture), tmp_path / "a.png", 8)
    data = (tmp_path / "a.png").read_bytes()
    parts = dict(chunks(data))
    assert list(parts) == [b"IHDR", b"eXIf", b"IDAT", b"IEND"]
    order = (b"IHDR", b"IDAT", b"eXIf", b"IEND")
    (tmp_path / "a.png").write_bytes(data[:8] + b"".join(parts[kind] for kind in order))
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), picture)


def test_a_preview_behind_the_picture_does_not_count(tmp_path, picture):
    """As phones write them: two JPEGs in one file, of which the first one is the frame."""
    first = Image.fromarray(np.ascontiguousarray(STORED[6](picture)))
    exif = Image.Exif()
    exif[0x0112] = 6
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))], exif=exif)
    assert read_rgb(tmp_path / "a.jpg").shape == picture.shape


BROKEN = {
    "no TIFF": b"Exif\0\0garbage that is no TIFF block",
    "empty": b"Exif\0\0",
    "cut": b"Exif\0\0" + tag(6)[:13],
    "loops": b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 8),
    "counts too much": b"Exif\0\0II*\0" + struct.pack("<IH", 8, 65535) + b"\xff" * 40,
    "elsewhere": b"Exif\0\0II*\0" + struct.pack("<I", 2**32 - 1),
    "zero": b"Exif\0\0" + tag(0),
    "nine": b"Exif\0\0" + tag(9),
    "huge": b"Exif\0\0" + tag(65535),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_broken_tag_counts_as_upright(tmp_path, picture, kind, suffix, recwarn):
    Image.fromarray(picture).save(tmp_path / f"a.{suffix}", exif=BROKEN[kind])
    Image.fromarray(picture).save(tmp_path / f"b.{suffix}")
    np.testing.assert_array_equal(read_rgb(tmp_path / f"a.{suffix}"), read_rgb(tmp_path / f"b.{suffix}"))
    assert not recwarn.list


def test_a_cut_file_is_refused_whatever_its_tag(tmp_path, picture):
    save(STORED[6](picture), tmp_path / "a.jpg", 6, quality=100)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="(?i)truncated"):
        read_rgb(tmp_path / "a.jpg")


# --- one clip ---


def test_a_mixture_of_tags_is_an_error_with_the_frames_numbers(tmp_path, picture):
    paths = {number: tmp_path / f"{number}.png" for number in NUMBERS}
    for number, path in paths.items():
        save(STORED[3](picture) if number == 10 else picture, path, 3 if number == 10 else None)
    with pytest.raises(InputError) as caught:
        read_frames(paths)
    text = str(caught.value)
    assert f"{tmp_path}: frames of different EXIF orientation" in text
    assert "orientation 1 (frames 8, 9, 11, 12, 13 and 1 more), orientation 3 (frame 10)" in text


def test_no_tag_and_upright_are_one_way(tmp_path, picture):
    for number, orientation in ((1, None), (2, 1), (3, 0)):
        save(picture, tmp_path / f"{number}.png", orientation)
    frames = read_frames({number: tmp_path / f"{number}.png" for number in (1, 2, 3)})
    assert all((frame == picture).all() for frame in frames.values())


def test_sizes_are_compared_once_turned(tmp_path, picture):
    save(picture, tmp_path / "1.png", 6)
    save(STORED[6](picture), tmp_path / "2.png", 6)
    with pytest.raises(InputError, match=r"64 x 96 \(frame 1\), 96 x 64 \(frame 2\); expected one size"):
        read_frames({1: tmp_path / "1.png", 2: tmp_path / "2.png"})


# --- the stage ---


@pytest.fixture
def database(tmp_path):
    """A function that writes a clip's frames and builds its store."""
    face = np.ascontiguousarray(data.astronaut()[:220, 100:340])
    (tmp_path / "frames/s/c").mkdir(parents=True)
    clip = Clip("mine", "s", "c", 8, 10, 14, "s/c", digest="0" * 64)
    (tmp_path / "clips.csv").write_text(to_csv([clip], labels=False))

    def stored(write):
        for number in NUMBERS:
            write(np.roll(face, number, 1), tmp_path / f"frames/s/c/{number}.png", number)
        build(tmp_path / "clips.csv", tmp_path / "frames", tmp_path / "faces.h5", RECIPE, failed="skip")
        return Store(tmp_path / "faces.h5", "faces")

    return stored


@pytest.mark.parametrize("orientation", [3, 6, 8, 5])
def test_turned_frames_give_the_crops_of_upright_ones(database, orientation):
    upright = database(lambda face, path, _: save(face, path)).read("frames", "s/c")
    turned = database(lambda face, path, _: save(STORED[orientation](face), path, orientation))
    np.testing.assert_array_equal(turned.read("frames", "s/c"), upright)


@pytest.mark.parametrize("odd", [8, 9, 10, 14], ids=["onset", "after the onset", "apex", "offset"])
def test_one_turned_frame_fails_its_clip(database, odd):
    def write(face, path, number):
        save(STORED[6](face) if number == odd else face, path, 6 if number == odd else None)

    (failure,) = database(write).failures
    assert failure.status == "error"
    assert "s/c: frames of different EXIF orientation" in failure.reason
    assert f"orientation 6 (frame {odd})" in failure.reason


@pytest.mark.parametrize(("orientation", "degrees"), [(6, 90), (3, 180), (8, 270)])
def test_frames_turned_without_a_tag_fail_with_a_hint(database, orientation, degrees):
    (failure,) = database(lambda face, path, _: save(STORED[orientation](face), path)).failures
    assert failure.status == "no_face"
    assert f"a face is found once the onset is turned by {degrees} degrees clockwise" in failure.reason


def test_upright_frames_with_a_wrong_tag_fail_with_a_hint(database):
    (failure,) = database(lambda face, path, _: save(face, path, 6)).failures
    assert failure.status == "no_face"
    assert (
        "turned by 270 degrees clockwise: turn the frames that way, or correct their EXIF" in failure.reason
    )


def test_no_hint_where_there_is_no_face(database):
    (failure,) = database(lambda face, path, _: save(np.full_like(face, 120), path)).failures
    assert failure.reason == "no face found on the onset or the frame after it"


def test_pages_show_the_onset_upright(database, tmp_path, picture):
    database(lambda face, path, _: save(STORED[6](picture), path, 6))
    pictures = Pictures({"mine": tmp_path / "faces.h5"}, {"mine": tmp_path / "frames"})
    text = pictures.of("mine", "s/c")
    jpeg = base64.b64decode(text.partition("base64,")[2].partition('"')[0])
    assert Image.open(io.BytesIO(jpeg)).size == (160, 107), "wide, as the picture is"
