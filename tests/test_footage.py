"""Footage: frame folders and videos of every odd kind are read right, or refused on one line that says why."""

import builtins
import os
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from films import pictures, write_film, write_sound
from PIL import Image

from infusenet.detection import video
from infusenet.detection.footage import open_footage
from infusenet.errors import InputError

FRAMES = pictures(9)


def content(footage):
    return np.stack([frame for _, frame in footage.frames()])


def refusal(path):
    """The one line by which reading all of a footage is refused."""
    with pytest.raises(InputError) as caught:
        list(open_footage(path).numbers)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_frames(folder, numbers, frames=FRAMES, name="img{:03}.png"):
    folder.mkdir(exist_ok=True)
    for number, frame in zip(numbers, frames, strict=False):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def test_a_folder_has_the_numbers_of_its_names(tmp_path):
    folder = write_frames(tmp_path / "clip", (7, 8, 11))
    for name in (".DS_Store", "._img007.png", "Thumbs.db", "notes.txt"):
        (folder / name).write_bytes(b"of the operating system")
    footage = open_footage(folder)
    assert (footage.name, footage.rate, list(footage.numbers)) == ("clip", None, [7, 8, 11])
    np.testing.assert_array_equal(content(footage), FRAMES[:3])
    np.testing.assert_array_equal(footage.read([11, 7])[11], FRAMES[2])
    with pytest.raises(InputError, match=r"clip: no frame 9, 10; its frames are 7\.\.11"):
        footage.read([7, 9, 10])


def test_frames_of_a_folder_that_differ_are_refused_while_they_pass(tmp_path):
    folder = write_frames(tmp_path / "clip", (1, 2))
    Image.fromarray(FRAMES[0][:-2]).save(folder / "img003.png")
    passed = open_footage(folder).frames()
    assert [next(passed)[0], next(passed)[0]] == [1, 2]
    with pytest.raises(InputError, match=r"different sizes: 64 x 48 \(frame 1\), 64 x 46 \(frame 3\)"):
        next(passed)


REFUSED_PATHS = {
    "nowhere": (lambda path: None, "no such file or folder; expected a folder of frames or a video file"),
    "empty_folder": (lambda path: path.mkdir(), "it holds no frames; expected JPEG, PNG or BMP"),
    "folder_of_text": (lambda path: write_text_folder(path), "it holds no frames, but 1 .txt files"),
    "picture.png": (lambda path: Image.fromarray(FRAMES[0]).save(path), "a single picture; expected the folder"),
    "picture.mp4": (lambda path: Image.fromarray(FRAMES[0]).save(path, format="PNG"), "cannot be read as a video"),
    "empty.mp4": (lambda path: path.touch(), "an empty file; copy the video again"),
    "notes.txt": (lambda path: path.write_text("AU4 at 3.2 s\n" * 99), "cannot be read as a video"),
    "notes.mp4": (lambda path: path.write_text("AU4 at 3.2 s\n" * 99), "cannot be read as a video"),
    "._film.mp4": (lambda path: path.write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X" + bytes(99)), "cannot be read as a video"),
    "loop.mp4": (lambda path: path.symlink_to(path), "no such file or folder"),
    "pipe.mp4": (os.mkfifo, "neither a file nor a folder"),
}  # fmt: skip


def write_text_folder(path):
    path.mkdir()
    (path / "readme.txt").touch()


@pytest.mark.parametrize("name", REFUSED_PATHS)
def test_what_is_no_footage_is_refused(tmp_path, name):
    make, message = REFUSED_PATHS[name]
    make(tmp_path / name)
    assert message in refusal(tmp_path / name)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mkv", FRAMES)

    def forbidden(name, *words):
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(builtins, "open", forbidden)
    assert "permission denied; give this account the right to read it" in refusal(path)


LOSSLESS = {
    "h264.mp4": {"codec": "libx264rgb", "pix_fmt": "rgb24", "qp": "0", "g": "4"},
    "ffv1.mkv": {},
    "png.mov": {"codec": "png", "pix_fmt": "rgb24"},
    "alpha.mov": {"codec": "png", "pix_fmt": "rgba"},
    "huffman.avi": {"codec": "huffyuv", "pix_fmt": "rgb24"},
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_video_has_the_frames_from_one_on(tmp_path, name):
    path = write_film(tmp_path / name, FRAMES, rate=25, **LOSSLESS[name])
    footage = open_footage(path)
    assert (footage.name, footage.rate, list(footage.numbers)) == (name.split(".")[0], 25, list(range(1, 10)))
    np.testing.assert_array_equal(footage.read([3, 8])[8], FRAMES[7])
    np.testing.assert_array_equal(content(footage), FRAMES)
    frames = footage.read([3, 8])  # now by a seek
    assert list(frames) == [3, 8]
    np.testing.assert_array_equal(np.stack(list(frames.values())), FRAMES[[2, 7]])
    with pytest.raises(InputError, match=r"no frame 10; its frames are 1\.\.9"):
        footage.read([10])


def test_frames_are_in_the_order_of_showing(tmp_path):
    shades = np.repeat(np.arange(10, 250, 12, dtype=np.uint8), 48 * 64 * 3).reshape(-1, 48, 64, 3)
    path = write_film(tmp_path / "film.mp4", shades, "libx264", "yuv420p", bf="3", g="8")
    footage = open_footage(path)
    order = content(footage).mean((1, 2, 3))
    np.testing.assert_allclose(order, shades[:, 0, 0, 0], atol=3)
    np.testing.assert_array_equal(footage.read([11])[11], content(footage)[10])


def test_a_seek_that_leads_to_other_frames_is_not_trusted(tmp_path):
    footage = open_footage(write_film(tmp_path / "film.mkv", FRAMES))
    content(footage)
    footage._index[6] = (footage._index[6][0], 0)
    np.testing.assert_array_equal(footage.read([7])[7], FRAMES[6])
    footage._index = [(None, 0)] * 9
    np.testing.assert_array_equal(footage.read([7])[7], FRAMES[6])


def test_only_frames_that_are_asked_for_are_converted(tmp_path, monkeypatch):
    footage, converted = open_footage(write_film(tmp_path / "film.mkv", FRAMES)), []
    image = video.Video._image
    monkeypatch.setattr(video.Video, "_image", lambda self, frame: converted.append(1) or image(self, frame))
    assert len(footage.read([4, 6])) == len(converted) == 2


@pytest.mark.parametrize("name", ["film.txt", "film", "a:b %d é.mkv", "http:film.mp4"])
def test_names_do_not_matter(tmp_path, name):
    path = write_film(tmp_path / "film.mkv", FRAMES).rename(tmp_path / name)
    np.testing.assert_array_equal(content(open_footage(path)), FRAMES)


@pytest.mark.parametrize(("height", "width"), [(31, 25), (48, 65), (2, 64)])
def test_odd_sizes(tmp_path, height, width):
    frames = pictures(2, height, width)
    np.testing.assert_array_equal(content(open_footage(write_film(tmp_path / "film.mkv", frames))), frames)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_frame_is_turned_as_the_stream_says(tmp_path, degrees, mirrored):
    path = write_film(
        tmp_path / "film.mov", FRAMES, "png", "rgb24",
        prepare=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored),
    )  # fmt: skip
    turned = np.rot90(FRAMES, degrees // 90, (1, 2))  # counterclockwise, as PyAV writes it; then it mirrors
    np.testing.assert_array_equal(content(open_footage(path)), turned[:, :, ::-1] if mirrored else turned)


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = FRAMES[..., 0]
    footage = open_footage(write_film(tmp_path / "film.mkv", gray, pix_fmt="gray", form="gray"))
    np.testing.assert_array_equal(content(footage), gray[..., None].repeat(3, -1))


def test_alpha_is_dropped(tmp_path):
    alpha = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.ones((48, 64, 1), np.uint8)
    frames = np.concatenate([FRAMES, alpha], -1)
    footage = open_footage(write_film(tmp_path / "film.mov", frames, "png", "rgba", form="rgba"))
    np.testing.assert_array_equal(content(footage), FRAMES)


@pytest.mark.parametrize("space", [1, 5])
def test_colours_are_those_of_the_matrix_that_the_stream_names(tmp_path, space):
    """BT.709 and BT.601 (BT.470BG) give other luma to a red."""
    red = np.full((48, 64, 3), (200, 60, 30), np.uint8)
    name = {1: "ITU709", 5: "ITU601"}[space]
    coded = av.VideoFrame.from_ndarray(red).reformat(
        format="yuv444p", dst_colorspace=name, dst_color_range="MPEG"
    )
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.colorspace = space
        container.mux([*stream.encode(coded), *stream.encode()])
    np.testing.assert_allclose(content(open_footage(path))[0], red, atol=2)


def test_a_variable_frame_rate_is_reported(tmp_path, capsys):
    path = write_film(tmp_path / "film.mkv", FRAMES, times=[0, 33, 67, 100, 133, 300, 333, 367, 400])
    footage = open_footage(path)
    assert list(footage.numbers) == list(range(1, 10))
    assert "variable frame rate (33 to 167 ms between frames, mostly 33)" in capsys.readouterr().err
    np.testing.assert_array_equal(footage.read([6])[6], FRAMES[5])
    assert not capsys.readouterr().err
    assert list(open_footage(write_film(tmp_path / "even.mkv", FRAMES)).numbers)
    assert not capsys.readouterr().err


def test_one_frame(tmp_path):
    footage = open_footage(write_film(tmp_path / "film.mkv", FRAMES[:1]))
    assert (list(footage.numbers), footage.span) == ([1], "1..1")


@pytest.mark.parametrize("share", [0.4, 0.9])
@pytest.mark.parametrize("name", ["film.mp4", "late.mp4", "film.mkv", "film.avi", "sound.mkv"])
def test_a_video_that_broke_off_is_refused(tmp_path, name, share):
    codec = {"mp4": ("libx264", "yuv420p"), "mkv": ("ffv1", "bgr0"), "avi": ("mpeg4", "yuv420p")}
    path = write_film(
        tmp_path / name,
        pictures(30),
        *codec[name[-3:]],
        faststart=name == "film.mp4",
        audio=name == "sound.mkv",
    )
    assert len(open_footage(path).numbers) == 30
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "broke off" in refusal(path)


def test_bytes_that_no_decoder_takes_are_refused(tmp_path):
    path = write_film(tmp_path / "film.mov", FRAMES, "png", "rgb24")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    assert "cannot be read as a video" in refusal(path)


def write_only_sound(path):
    with av.open(str(path), "w") as container:
        write_sound(container, container.add_stream("pcm_s16le", rate=8000, layout="mono"))


def write_without_frames(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def write_two_sizes(path):
    streams = []
    for height in (48, 64):
        part = write_film(path.with_name(f"{height}.m2v"), pictures(3, height), "mpeg2video", "yuv420p")
        streams.append(part.read_bytes())
    path.write_bytes(b"".join(streams))


def deep(path):
    write_film(path, FRAMES.astype(np.uint16)[..., 0] * 256, pix_fmt="gray16le", form="gray16le")


def squeezed(stream):
    stream.codec_context.sample_aspect_ratio = Fraction(16, 11)


REFUSED_VIDEOS = {
    "sound.mkv": (write_only_sound, "no video stream, only audio; expected a video of a face"),
    "none.avi": (write_without_frames, "a video stream without a frame"),
    "sizes.m2v": (write_two_sizes, "has 64 x 64 pixels, frame 1 64 x 48"),
    "gray16.mkv": (deep, "16 bits a channel, expected 8 bits"),
    "ten.mkv": (
        lambda path: write_film(path, FRAMES, pix_fmt="yuv420p10le"), "10 bits a channel, expected 8 bits"
    ),
    "squeezed.mp4": (
        lambda path: write_film(path, FRAMES, "libx264", "yuv420p", prepare=squeezed), "its pixels are 16/11 times as wide as high"
    ),
    "interlaced.mkv": (
        lambda path: write_film(path, FRAMES, "mpeg2video", "yuv420p", flags="+ildct+ilme", top="1"),
        "frame 1 is interlaced",
    ),
    "skewed.mov": (
        lambda path: write_film(path, FRAMES, "png", "rgb24", prepare=lambda stream: stream.set_display_rotation(30)),
        "expected quarter turns",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_VIDEOS)
def test_a_video_of_another_kind_is_refused(tmp_path, name):
    write, message = REFUSED_VIDEOS[name]
    write(tmp_path / name)
    assert message in refusal(tmp_path / name)


def test_without_pyav_one_line_says_how_to_install_it(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mkv", FRAMES)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "infusenet.detection.video")
    assert 'run pip install "infusenet[video]", or give a folder of frames' in refusal(path)
    assert len(open_footage(write_frames(tmp_path / "clip", (1, 2))).numbers) == 2
