"""The faces stage: aligned crops of the frames that later stages read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from infusenet.config.stage_recipes import FacesRecipe
from infusenet.databases.clip_table import Clip, numbered, read_manifest
from infusenet.databases.frames.frame_files import explain, frame_index
from infusenet.databases.sync import clip_digest
from infusenet.errors import InputError
from infusenet.files import explained
from infusenet.hashing import clip_key, digest, file_digest
from infusenet.preprocess import alignment
from infusenet.preprocess.build_store import fill
from infusenet.preprocess.contact_sheet import contact_sheet as draw
from infusenet.preprocess.face_detection import detect
from infusenet.preprocess.failed_faces import FailedFace
from infusenet.preprocess.images import read_frames
from infusenet.preprocess.temporal import spread, tim
from infusenet.protocol import CANDIDATES
from infusenet.store import Failure, Item, Store, publish
from infusenet.store.lock import hold
from infusenet.texts import visible

# Lengths of the videos that LBP-TOP and LED read.
TEN, SPAN = 10, 32


def build(
    manifest: Path,
    frames: Path,
    output: Path,
    recipe: FacesRecipe,
    *,
    processes: int = 1,
    failed: str = "stop",
    contact_sheet: Path | None = None,
) -> None:
    """Write the faces store of a manifest or clip list.

    Items of a clip: ``frames`` uint8 (7, S, S, 3) RGB, slot 0 the onset, slots 1..6 the apex and
    the five frames after it, clamped to the offset; ``numbers`` int32 (7,), their frame numbers;
    ``landmarks`` float32 (68, 2), (x, y) of the onset in crop px; ``matrix`` float64 (7, 2, 3), native
    px to crop px for each slot (all equal unless ``ecc``).

    A recipe that keeps something else than the pairs makes a gray ``video`` uint8 (T, S, S) instead, from
    onset to offset: ``first10`` the first ten frames (shorter clips interpolated to ten), ``tim10`` all
    of them interpolated to ten, ``span`` 32 evenly spread; with ``onset`` uint8 (S, S, 3) and
    ``landmarks``.

    Parameters
    ----------
    frames : Path
        Root of the clips' folders.
    failed : {"stop", "skip"}
        See `infusenet.preprocess.build_store.fill`.
    contact_sheet : Path, optional
        Where to draw the onset crops with their landmarks (PNG).
    """
    clips = read_manifest(manifest)
    if not clips:
        raise InputError(f"{manifest}: no clips; expected one row per clip")
    frames = Path(frames)
    digests = {c.key: c.digest or _digest(c, frames) for c in clips}
    recipe_values = recipe.as_dict()
    fill(
        Path(output),
        stage="faces",
        database=clips[0].database,
        recipe=recipe_values,
        source={
            "clips": file_digest(manifest),
            "data": digest([[c.key, digests[c.key], c.onset, c.apex, c.offset] for c in clips]),
        },
        clips=[(c.key, clip_key(digests[c.key], c.onset, c.apex, c.offset, recipe_values)) for c in clips],
        work=Crops({c.key: c for c in clips}, frames, recipe),
        processes=processes,
        failed=failed,
    )
    if contact_sheet:
        sheet = Path(contact_sheet)
        with explained(sheet), hold(Path(output)):
            publish.sweep(sheet)
            draw(Store(output, "faces"), sheet)


def _digest(clip: Clip, frames: Path) -> str:
    """Of a clip whose list has none; that of nothing where its folder cannot be read, so that it fails alone."""
    try:
        return clip_digest(frames / clip.frames, clip.onset, clip.offset)
    except InputError:
        return digest([])


@dataclass(frozen=True)
class Crops:
    """Computes the items of some clips; picklable, so that any process can."""

    clips: dict[str, Clip]
    root: Path
    recipe: FacesRecipe

    def __call__(self, names: Sequence[str]) -> Iterator[Item | Failure]:
        cv2.setNumThreads(1)  # the processes share the cores already
        for name in names:
            try:
                yield self._item(self.clips[name])
            except FailedFace as failed:
                yield Failure(name, failed.status, str(failed))
            except InputError as error:
                # The same wherever the frames lie: stores are shared, and compared by their bytes.
                text = visible(str(error)).replace(f"{visible(str(self.root))}/", "")
                yield Failure(name, "error", text)

    def _item(self, clip: Clip) -> Item:
        folder = self.root / clip.frames
        index = frame_index(folder)
        try:
            numbers = frame_numbers(clip, index, self.recipe.keep, folder)
        except InputError as error:
            raise InputError(f"{error}{explain(folder, {clip.onset, clip.apex, clip.offset})}") from None
        read = frames_to_read(clip.onset, numbers, index)
        return crops(
            read_frames({number: index[number] for number in read}), clip.onset, numbers, self.recipe
        )


def frame_numbers(clip: Clip, present: Collection[int], keep: str, origin: object) -> list[int]:
    """The frames of an item's ``frames`` or ``video``, of those that are ``present`` in ``origin``.

    Raises
    ------
    InputError
        The onset, apex or offset is not present.
    """
    slotted = slots(clip, present, origin)
    return slotted if keep == "pairs" else video_numbers(clip, present, keep)


def frames_to_read(onset: int, numbers: Sequence[int], present: Collection[int]) -> list[int]:
    """The frames that `crops` reads: ``numbers``, the onset, and the frame after it where there is one."""
    # Landmarks found on the frame after the onset must fit the others, so it is always read.
    return sorted({onset, *numbers} | {number for number in (onset + 1,) if number in present})


def crops(
    pictures: Mapping[int, np.ndarray], onset: int, numbers: Sequence[int], recipe: FacesRecipe
) -> Item:
    """The item of a clip (see `build`), from its frames of `frames_to_read`, uint8 (H, W, 3), RGB.

    Raises
    ------
    FailedFace
        No face on the onset, or several.
    """
    images = {number: picture for number, picture in pictures.items() if number in {onset, *numbers}}
    detection = detect(images[onset], pictures.get(onset + 1))

    matrix = alignment.similarity(detection.landmarks, recipe.size)
    landmarks = alignment.apply(matrix, detection.landmarks)
    matrices = dict.fromkeys(images, matrix)
    if recipe.ecc:
        still = alignment.crop(images[onset], matrix, recipe.size)
        for number, image in images.items():
            if number != onset:
                warp = alignment.sway(still, alignment.crop(image, matrix, recipe.size), landmarks)
                matrices[number] = alignment.compose_sway(matrix, warp)
    faces = {number: alignment.crop(image, matrices[number], recipe.size) for number, image in images.items()}
    arrays = {"landmarks": landmarks.astype(np.float32)}
    if recipe.keep == "pairs":
        arrays["frames"] = np.stack([faces[number] for number in numbers])
        arrays["numbers"] = np.array(numbers, np.int32)
        arrays["matrix"] = np.stack([matrices[number] for number in numbers])
    else:
        gray = [cv2.cvtColor(faces[number], cv2.COLOR_RGB2GRAY) for number in numbers]
        arrays["video"] = video(np.stack(gray), recipe.keep)
        arrays["onset"] = faces[onset]
    return Item(arrays, "recovered" if detection.recovered else "ok")


def video_numbers(clip: Clip, present: Collection[int], keep: str) -> list[int]:
    """The frames from onset to offset that a video is made of."""
    numbers = [number for number in range(clip.onset, clip.offset + 1) if number in present]
    if keep == "span":
        return spread(numbers, SPAN)
    return numbers[:TEN] if keep == "first10" and len(numbers) >= TEN else numbers


def video(frames: np.ndarray, keep: str) -> np.ndarray:
    """Gray frames uint8 (n, S, S) as a video of fixed length: ``span`` has it already, the others are
    brought to ten frames (a clip of exactly ten stays as it is)."""
    return frames if keep == "span" else tim(frames, TEN)


def slots(clip: Clip, present: Collection[int], origin: object) -> list[int]:
    """The frame numbers of the seven slots: onset, then apex + 0..5 clamped to the offset.

    A frame that dropped out between apex and offset is replaced by the nearest one before it.
    """
    if missing := clip.missing_key_frames(present):
        span = f"{min(present)}..{max(present)}" if present else "none"
        raise InputError(f"{origin}: {numbered(missing)} missing; the folder's frames are {span}")
    numbers = [clip.onset]
    for shift in range(CANDIDATES):
        slot = min(clip.apex + shift, clip.offset)
        numbers.append(max(n for n in range(clip.apex, slot + 1) if n in present))
    return numbers
