"""Frames of a video file by PyAV: its stream, the number of each frame, colours, and which way is up.

A video that is damaged or broke off is an error that names the reason, never a shorter clip. Memory holds the
frames that are asked for and no others.
"""

import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from infusenet.detection.footage import Footage
from infusenet.errors import InputError
from infusenet.preprocess.images import MAX_PIXELS

try:
    import av
    from av.sidedata.sidedata import Type
    from av.stream import Disposition
    from av.video.reformatter import Interpolation
except ImportError:
    raise InputError(
        'PyAV, which reads videos, is not installed; run pip install "infusenet[video]", or give a folder of frames'
    ) from None

# libavformat's names of the file formats that are tried, whatever the suffix is, and no others: some of the rest
# open more files, or make a picture of any text.
FORMATS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,asf,flv,ogg,nut,mxf,ivf,yuv4mpegpipe,gif"
# Rounded in the same way on every machine; chroma is interpolated as ffmpeg does by default.
CONVERSION = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)
# Of a display matrix: 1 in the fixed-point format of its upper left 2 x 2 part.
ONE = 1 << 16


class Video(Footage):
    """A video file. Its frames are numbered 1, 2, ... as they are shown, whatever their timestamps are, as
    ``ffmpeg -i film.mp4 -fps_mode passthrough %d.png`` numbers them.

    Of several video streams the one that players choose is read. A frame is turned as the stream's display matrix
    says. YUV becomes RGB by the matrix and range that the stream names, else BT.601; gray becomes three equal
    channels, alpha is dropped.
    """

    def __init__(self, path: Path):
        super().__init__(path, path.stem)
        self._count: int | None = None
        self._index: list[
            tuple[int | None, int]
        ] = []  # timestamp and checksum of every frame, after `frames`
        with self._opened() as (_, stream):
            rate = stream.average_rate or stream.guessed_rate
            self.rate = float(rate) if rate else None

    @property
    def numbers(self) -> Sequence[int]:
        if self._count is None:  # no header of every format has the number; those that have it may be wrong
            for _ in self._decoded():
                pass
        return range(1, self._count + 1)

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        index = []
        for number, frame in self._decoded():
            image = self._image(frame)
            index.append((frame.pts, zlib.crc32(image)))
            yield number, image
        self._index = index

    def _read(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        if self._index and (images := self._sought(numbers)):
            return images
        images = {}
        for number, frame in self._decoded():
            if number in numbers:
                images[number] = self._image(frame)
            if number == numbers[-1]:
                break
        return images

    def _sought(self, numbers: Sequence[int]) -> dict[int, np.ndarray] | None:
        """The frames from the key frame before the first one on; None where they are not those of `frames`, as
        after a seek in a stream without timestamps or without true key frames."""
        timestamps = [timestamp for timestamp, _ in self._index]
        if None in timestamps or sorted(set(timestamps)) != timestamps:
            return None
        number_at = {timestamps[number - 1]: number for number in numbers}
        images = {}
        with self._opened() as (container, stream):
            container.seek(timestamps[numbers[0] - 1], stream=stream)
            for frame in container.decode(stream):
                if (number := number_at.get(frame.pts)) is not None:
                    images[number] = self._image(frame)
                    if zlib.crc32(images[number]) != self._index[number - 1][1]:
                        return None
                if len(images) == len(numbers):
                    return images
        return None

    def _decoded(self) -> Iterator[tuple[int, "av.VideoFrame"]]:
        """Every frame in the order of showing, with its number; checked, not converted."""
        times, number, first, packets, end = [], 0, None, 0, 0.0
        with self._opened() as (container, stream):
            for packet in container.demux():
                if packet.size and packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream.index != stream.index:
                    continue
                packets += bool(packet.size)
                for frame in [] if packet.is_corrupt else packet.decode():
                    number += 1
                    first = first or frame
                    self._check(frame, first, number)
                    if frame.pts is not None:
                        times.append(float(frame.pts * frame.time_base))
                    yield number, frame
                if packet.is_corrupt:
                    raise InputError(self._broken(number))
            if packets < len(stream.index_entries) or _is_short(container, end, stream.average_rate):
                raise InputError(self._broken(number))
            tick = float(stream.time_base)
        if not number:
            raise InputError(f"{self.path}: a video stream without a frame; make the video again")
        if self._count is None:
            self._report_rate(np.diff(times), tick)
        self._count = number

    @contextmanager
    def _opened(self):
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        try:
            # The prefix keeps names with a colon from being read as addresses.
            with av.open(
                f"file:{self.path.absolute()}", options=options, metadata_errors="replace"
            ) as container:
                yield container, self._stream(container)
        except av.FFmpegError as error:
            raise InputError(
                f"{self.path}: cannot be read as a video ({error.strerror}); it is damaged, broke off in a copy, or "
                "is in a format that is not supported: copy it again, or convert it to MP4 or Matroska"
            ) from None

    def _stream(self, container):
        streams = [s for s in container.streams.video if Disposition.attached_pic not in s.disposition]
        if not streams:
            kinds = sorted({stream.type for stream in container.streams})
            raise InputError(
                f"{self.path}: no video stream, only {', '.join(kinds)}; expected a video of a face"
            )
        best = container.streams.best("video")
        stream = best if best in streams else streams[0]
        if stream.codec_context is None:
            raise InputError(f"{self.path}: PyAV has no decoder for its video; convert it to H.264")
        if stream.width * stream.height > MAX_PIXELS:
            raise InputError(
                f"{self.path}: {stream.width} x {stream.height} pixels, expected at most "
                f"{MAX_PIXELS // 10**6} megapixels"
            )
        if stream.sample_aspect_ratio not in (None, 0, 1):
            raise InputError(
                f"{self.path}: its pixels are {stream.sample_aspect_ratio} times as wide as high, expected square ones; "
                "convert it by `ffmpeg -vf scale=iw*sar:ih,setsar=1`"
            )
        stream.thread_type = "AUTO"
        return stream

    def _check(self, frame: "av.VideoFrame", first: "av.VideoFrame", number: int) -> None:
        if frame.is_corrupt:
            raise InputError(f"{self.path}: frame {number} is damaged; copy the video again")
        if (bits := max(component.bits for component in frame.format.components)) > 8:
            raise InputError(
                f"{self.path}: {bits} bits a channel, expected 8 bits, as the databases have; convert the video by "
                "`ffmpeg -pix_fmt yuv420p`"
            )
        if frame.interlaced_frame:
            raise InputError(
                f"{self.path}: frame {number} is interlaced, so its rows are of two moments; convert the video by "
                "`ffmpeg -vf bwdif`, or by `-vf setfield=prog` where only the flag is wrong"
            )
        sizes = [f"{each.width} x {each.height}" for each in (first, frame)]
        if sizes[0] != sizes[1] or self._turn(first) != self._turn(frame):
            raise InputError(
                f"{self.path}: frame {number} has {sizes[1]} pixels, frame 1 {sizes[0]}, or another orientation; "
                "expected one size and orientation: cut the video there"
            )

    def _turn(self, frame: "av.VideoFrame") -> tuple[int, int, int, int]:
        """The upper left part of the display matrix: (x, y) of the stored frame is shown at (a x + c y, b x + d y)."""
        matrix = frame.side_data.get(Type.DISPLAYMATRIX)
        if matrix is None:
            return 1, 0, 0, 1
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5] / ONE
        turn = tuple(round(float(value)) for value in (a, b, c, d))
        if sorted(map(abs, turn)) != [0, 0, 1, 1] or not np.allclose((a, b, c, d), turn, atol=0.01):
            raise InputError(
                f"{self.path}: to be turned or scaled by {a:.2f}, {b:.2f}, {c:.2f}, {d:.2f}, expected quarter turns; "
                "convert the video by `ffmpeg`, which turns the frames themselves"
            )
        return turn

    def _image(self, frame: "av.VideoFrame") -> np.ndarray:
        """uint8 (H, W, 3), RGB, upright."""
        image = frame.to_ndarray(format="rgb24", interpolation=CONVERSION)
        a, b, c, d = self._turn(frame)
        if b:  # rows become columns
            image, a, d = image.swapaxes(0, 1), c, b
        return np.ascontiguousarray(image[::d, ::a])

    def _broken(self, number: int) -> str:
        return f"{self.path}: broke off after frame {number}, as a copy or recording that was stopped; copy it again"

    def _report_rate(self, intervals: np.ndarray, tick: float) -> None:
        if len(intervals) and np.ptp(intervals) > 0.1 * np.median(intervals) + 2 * tick:
            low, middle, high = 1000 * np.quantile(intervals, (0, 0.5, 1))
            print(
                f"{self.path}: variable frame rate ({low:.0f} to {high:.0f} ms between frames, mostly {middle:.0f}); "
                "frame numbers count frames, whatever their time",
                file=sys.stderr,
            )


def _is_short(container, end: float, rate: Fraction | None) -> bool:
    """Whether a Matroska file ends before the duration in its header: its reader reports no end that is too early."""
    if "matroska" not in container.format.name or not container.duration:
        return False
    return container.duration / av.time_base - end > 1.5 / float(rate or 30)
