"""The faces stage: aligned crops of the frames that later stages read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from infusenet.config.stage_arrays import VIDEO_FRAMES
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
    of them interpolated to ten, ``span`` 144 evenly spread; with ``onset`` uint8 (S, S, 3) and
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
        folder, size = self.root / clip.frames, self.recipe.size
        index = frame_index(folder)
        try:
            slotted = slots(clip, index, folder)
        except InputError as error:
            raise InputError(f"{error}{explain(folder, {clip.onset, clip.apex, clip.offset})}") from None
        pairs = self.recipe.keep == "pairs"
        numbers = slotted if pairs else video_numbers(clip, index, self.recipe.keep)
        crop_numbers = {clip.onset, *numbers}
        # The frame after the onset is read too: landmarks found on it must fit the others.
        successor = index.keys() & {clip.onset + 1}
        pictures = read_frames({number: index[number] for number in sorted(crop_numbers | successor)})
        images = {number: picture for number, picture in pictures.items() if number in crop_numbers}
        onset = images[clip.onset]
        detection = detect(onset, pictures.get(clip.onset + 1))

        matrix = alignment.similarity(detection.landmarks, size)
        landmarks = alignment.apply(matrix, detection.landmarks)
        matrices = dict.fromkeys(images, matrix)
        if self.recipe.ecc:
            still = alignment.crop(onset, matrix, size)
            for number, image in images.items():
                if number != clip.onset:
                    warp = alignment.sway(still, alignment.crop(image, matrix, size), landmarks)
                    matrices[number] = alignment.compose_sway(matrix, warp)
        crops = {number: alignment.crop(image, matrices[number], size) for number, image in images.items()}
        arrays = {"landmarks": landmarks.astype(np.float32)}
        if pairs:
            arrays["frames"] = np.stack([crops[number] for number in numbers])
            arrays["numbers"] = np.array(numbers, np.int32)
            arrays["matrix"] = np.stack([matrices[number] for number in numbers])
        else:
            gray = [cv2.cvtColor(crops[number], cv2.COLOR_RGB2GRAY) for number in numbers]
            arrays["video"] = video(np.stack(gray), self.recipe.keep)
            arrays["onset"] = crops[clip.onset]
        return Item(arrays, "recovered" if detection.recovered else "ok")


def video_numbers(clip: Clip, index: dict[int, Path], keep: str) -> list[int]:
    """The frames from onset to offset that a video is made of."""
    numbers = [number for number in range(clip.onset, clip.offset + 1) if number in index]
    count = VIDEO_FRAMES[keep]
    if keep == "span":
        return spread(numbers, count)
    return numbers[:count] if keep == "first10" and len(numbers) >= count else numbers


def video(frames: np.ndarray, keep: str) -> np.ndarray:
    """Gray frames uint8 (n, S, S) as a video of fixed length: ``span`` has it already, the others are
    brought to ten frames (a clip of exactly ten stays as it is)."""
    return frames if keep == "span" else tim(frames, VIDEO_FRAMES[keep])


def slots(clip: Clip, index: dict[int, Path], folder: Path) -> list[int]:
    """The frame numbers of the seven slots: onset, then apex + 0..5 clamped to the offset.

    A frame that dropped out between apex and offset is replaced by the nearest one before it.
    """
    if missing := clip.missing_key_frames(index):
        span = f"{min(index)}..{max(index)}" if index else "none"
        raise InputError(f"{folder}: {numbered(missing)} missing; the folder's frames are {span}")
    numbers = [clip.onset]
    for shift in range(CANDIDATES):
        slot = min(clip.apex + shift, clip.offset)
        numbers.append(max(n for n in range(clip.apex, slot + 1) if n in index))
    return numbers
