"""Decode one frame, or say why not. Damaged files are refused, never half shown."""

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from infusenet.errors import InputError

MAX_PIXELS = 100_000_000
# Whatever a file is called: some of Pillow's other formats start programs to be decoded.
FORMATS = ("JPEG", "PNG", "BMP")
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr", "CMYK")


def read_rgb(path: Path | str) -> np.ndarray:
    """Read an image as uint8 RGB.

    Gray becomes three equal channels, palettes are resolved, alpha is dropped. Pillow decodes,
    because OpenCV returns a full-size picture for half a JPEG.

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    InputError
        The file is missing, empty, cut off, no JPEG, PNG or BMP, larger than 100 megapixels, or has more than
        8 bits a channel (a depth map is no colour frame).
    """
    try:
        # Pillow only warns of bombs at first; the limit below is ours and holds before decoding.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return _decode(image, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such frame") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable image ({error}); restore the file from the database"
        ) from None


def _decode(image: Image.Image, path) -> np.ndarray:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: {width} x {height} pixels, expected at most {MAX_PIXELS // 10**6} megapixels"
        )
    if image.mode not in EIGHT_BIT:
        raise InputError(
            f"{path}: mode {image.mode} with more than 8 bits a channel, expected an 8-bit frame"
        )
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")  # so that a palette's alpha is dropped, not blended
    return np.asarray(image.convert("RGB"))


def resize(frame: np.ndarray, size: int) -> np.ndarray:
    """A uint8 frame area-resized to float32 (size, size, 3) in [0, 1]."""
    return cv2.resize(np.float32(frame) / 255, (size, size), interpolation=cv2.INTER_AREA)
