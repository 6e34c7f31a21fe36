"""Tiny videos for tests, written by PyAV."""

from fractions import Fraction

import av
import numpy as np


def pictures(count, height=48, width=64, seed=0):
    """Random RGB frames in blocks of 4 px, uint8 (count, height, width, 3)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (count, -(-height // 4), -(-width // 4), 3), np.uint8)
    return blocks.repeat(4, 1).repeat(4, 2)[:, :height, :width]


def write_film(
    path, frames, codec="ffv1", pix_fmt="bgr0", *, form="rgb24", rate=30, times=None, audio=False, prepare=None,
    faststart=False, **options,
):  # fmt: skip
    """Write frames, by default without loss; ``times`` in ms in place of a rate; ``prepare`` gets the stream."""
    container_options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        if prepare:
            prepare(stream)
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono") if audio else None
        for place, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format=form)
            if times:
                picture.pts, picture.time_base = times[place], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio:
            write_sound(container, sound)
    return path


def write_sound(container, stream):
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
    silence.sample_rate = 8000
    container.mux(stream.encode(silence))
    container.mux(stream.encode())
