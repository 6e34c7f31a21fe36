"""Reading of frames: the one place that decides what a pixel is and which way is up.

A damaged file is an error that names the reason, never half a picture. Every stage and page reads its
frames here.
"""

import os
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

from infusenet.errors import InputError

# The text of an error here is the reason of a failed clip, which is in the bytes of a store: words that change
# here change stores and all that is made from them.
MAX_PIXELS = 100_000_000
# Tried whatever the suffix is, and no others: some of Pillow's other formats start programs to be decoded.
FORMATS = ("JPEG", "PNG", "BMP")
# The transpose that undoes each EXIF orientation; 1 is upright.
UPRIGHT = 1
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
# Frames that a message names of each kind.
NAMED = 5


def read_rgb(path: Path | str) -> np.ndarray:
    """Read an image as uint8 RGB, upright.

    Gray becomes three equal channels, palettes are resolved, alpha is dropped, channels of fewer than 8 bits
    are spread over 0..255. The picture is turned as its EXIF orientation says; a damaged EXIF block or a
    value outside 1..8 counts as upright. Of several pictures in one file the first one is read. Gamma and
    colour profiles are ignored: motion is measured in the values as they are stored. Pillow decodes, because
    OpenCV returns a full-size picture for half a JPEG.

    Parameters
    ----------
    path : the file of the frame

    Returns
    -------
    uint8 array (H, W, 3)

    Raises
    ------
    InputError
        The file is missing, not permitted, empty, cut off, no JPEG, PNG or BMP, larger than 100 megapixels,
        has more than 8 bits per channel (a depth map is no colour frame), or is a CMYK JPEG that does not say
        whether its inks are inverted.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from infusenet import read_frame
    >>> Image.fromarray(np.full((2, 3), 200, np.uint8)).save("gray.png")
    >>> read_frame("gray.png").shape
    (2, 3, 3)
    """
    return _read(Path(path))[0]


def read_frames(paths: Mapping[int, Path]) -> dict[int, np.ndarray]:
    """Read frames of one clip, {number: file}, as `read_rgb` does: {number: uint8 array (H, W, 3)}.

    Raises
    ------
    InputError
        A frame cannot be read, or the frames differ in EXIF orientation or, once turned, in size: the motion
        between such frames is not the face's.
    """
    pictures = {number: _read(path) for number, path in paths.items()}
    _check_pictures(pictures, next(iter(paths.values())).parent)
    return {number: image for number, (image, _) in pictures.items()}


def read_in_order(paths: Mapping[int, Path]) -> Iterator[tuple[int, np.ndarray]]:
    """The same frames one at a time, so that memory holds two at most; each is compared with the first one."""
    first = None
    for number, path in paths.items():
        picture = _read(path)
        first = first or (number, picture)
        _check_pictures(dict([first, (number, picture)]), path.parent)
        yield number, picture[0]


def _check_pictures(pictures: Mapping[int, tuple[np.ndarray, int]], folder: Path) -> None:
    _check_alike(
        {number: f"orientation {orientation}" for number, (_, orientation) in pictures.items()},
        f"{folder}: frames of different EXIF orientation",
        "one for a clip; turn the odd frames and take the tag out, or copy the frames from the release again",
    )
    _check_alike(
        {number: f"{image.shape[1]} x {image.shape[0]}" for number, (image, _) in pictures.items()},
        f"{folder}: frames of different sizes",
        "one size a clip",
    )


def _check_alike(kinds: Mapping[int, str], headline: str, expected: str) -> None:
    numbers: dict[str, list[int]] = {}
    for number, kind in kinds.items():
        numbers.setdefault(kind, []).append(number)
    if len(numbers) > 1:
        groups = ", ".join(f"{kind} ({_list(group)})" for kind, group in numbers.items())
        raise InputError(f"{headline}: {groups}; expected {expected}")


def _list(numbers: list[int]) -> str:
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"frame{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:NAMED]))}{more}"


def _read(path: Path) -> tuple[np.ndarray, int]:
    """The upright picture and the EXIF orientation, 1..8, that it was stored in."""
    try:
        # Pillow only warns of bombs at first; the limit below is ours and holds before decoding.
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            # Pillow reduces deep colours to 8 bits without a warning, so the depth is read from the file itself.
            if (bits := _bits(file)) > 8:
                raise InputError(
                    f"{path}: {bits} bits a channel, expected at most 8 bits; convert all frames of the "
                    "database by one fixed scale, or take its release of 8 bits"
                )
            if _is_zeroed(file):
                raise InputError(
                    f"{path}: its picture ends in zeros, as a broken copy leaves it; restore the file from the "
                    "database"
                )
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                return _decode(image, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such frame") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        reason = str(error) if not isinstance(error, UnidentifiedImageError) else "no JPEG, PNG or BMP"
        raise InputError(
            f"{path}: not a readable image ({reason}); restore the file from the database"
        ) from None


def _bits(file: BinaryIO) -> int:
    """Bits per channel by the header of a PNG or JPEG; 0 for other files and damaged headers."""
    head = file.read(26)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return head[24] if len(head) > 24 else 0
    if not head.startswith(b"\xff\xd8"):
        return 0
    file.seek(2)
    while len(segment := file.read(5)) == 5:
        mark, code, length, precision = struct.unpack(">BBHB", segment)
        if mark != 0xFF:
            return 0
        if code == 0xFF:  # padding before a marker
            file.seek(-4, 1)
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):  # start of frame
            return precision
        else:
            file.seek(length - 3, 1)
    return 0


def _is_zeroed(file: BinaryIO) -> bool:
    """Whether a JPEG ends in zeros where its scan should go on: they decode, to flat gray, without an error."""
    file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
    if file.read() != b"\0":
        return False
    file.seek(0)
    data = file.read()
    return data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def _decode(image: Image.Image, path: Path) -> tuple[np.ndarray, int]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: {width} x {height} pixels, expected at most {MAX_PIXELS // 10**6} megapixels"
        )
    if image.mode == "CMYK" and "adobe" not in image.info:
        raise InputError(
            f"{path}: CMYK without the marker that says whether inks are inverted; convert the frame to RGB"
        )
    orientation = _orientation(image)
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")  # so that a palette's alpha is dropped, not blended
    image = image.convert("RGB")
    if orientation != UPRIGHT:
        image = image.transpose(TURNS[orientation])
    return np.asarray(image), orientation


def _orientation(image: Image.Image) -> int:
    image.load()  # a damaged picture is reported as such; in a PNG the tag may follow the pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a damaged EXIF block can raise any exception
        return UPRIGHT
    return orientation if orientation in TURNS else UPRIGHT


def resize(frame: np.ndarray, size: int) -> np.ndarray:
    """A uint8 frame area-resized to float32 (size, size, 3) in [0, 1]."""
    return cv2.resize(np.float32(frame) / 255, (size, size), interpolation=cv2.INTER_AREA)


def check_frames(name: str, frames: np.ndarray, dimensions: tuple[int, ...]) -> None:
    """Raise InputError where an array, ``name`` in the message, is no RGB frames with as many ``dimensions``."""
    if frames.dtype != np.uint8 or frames.ndim not in dimensions or frames.shape[-1] != 3 or not frames.size:
        raise InputError(
            f"{name}: {frames.dtype} array {frames.shape}, expected RGB as uint8, "
            f"({'N, ' if dimensions == (4,) else ''}H, W, 3){'' if len(dimensions) == 1 else ' or a batch of such'}"
        )
