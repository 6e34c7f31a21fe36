"""Scores of new clips by trained models, and the object that takes frames one by one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from infusenet.detection.clip_arrays import ClipArrays, Window, clip_arrays
from infusenet.detection.footage import Footage
from infusenet.detection.scores import ClipScores
from infusenet.detection.trained_models import TrainedModel, load_models
from infusenet.errors import InputError, raise_all
from infusenet.models import infusion
from infusenet.preprocess.images import check_frames
from infusenet.protocol import AUS
from infusenet.training.predict import score


def check_models(models: Sequence[TrainedModel]) -> None:
    """Raise InputError for models that have no score for a clip by itself."""
    raise_all(
        (
            f"{model.path}: min-max spans the batch (preset {model.recipe.preset}), so a clip's score depends on the "
            "clips that are scored with it, and a new clip stands alone; train with another preset"
            for model in models
            if model.recipe.preset and infusion.settings(model.recipe).scope == "batch"
        ),
        "models refused",
    )


def clip_scores(footage: Footage, window: Window, models: Sequence[TrainedModel]) -> ClipScores:
    """Scores of one clip of new footage: the same bits as ``infusenet predict --all-candidates`` gives of it.

    Parameters
    ----------
    footage : `infusenet.detection.footage.open_footage`
    window : onset, apex and offset, frame numbers of the footage
    models : of one recipe (`infusenet.detection.trained_models.load_models`), such as folds or seeds

    Raises
    ------
    InputError
        As `infusenet.detection.clip_arrays.clip_arrays`; a model whose min-max spans a batch.
    """
    check_models(models)
    return scores_of(clip_arrays(footage, window, models[0]), models)


def scores_of(
    arrays: ClipArrays, models: Sequence[TrainedModel], confidence: float | None = None
) -> ClipScores:
    """The scores of a clip whose arrays are there already; ``confidence`` of its spotted interval."""
    logits = [
        score(model.network, arrays.dataset(model.recipe), model.device, all_candidates=True)[0][
            0, : len(AUS)
        ]
        for model in models
    ]
    return ClipScores(arrays.name, arrays.window, confidence, np.stack(logits))


class FrameBuffer(Footage):
    """The last frames of a stream, in memory: at most ``maximum``, older ones are dropped."""

    def __init__(self, maximum: int):
        super().__init__(Path("frames"), "frames")
        self.maximum = maximum
        self._frames: dict[int, np.ndarray] = {}

    @property
    def numbers(self) -> Sequence[int]:
        return list(self._frames)

    def add(self, frame: np.ndarray, number: int | None) -> int:
        last = next(reversed(self._frames), 0)
        number = last + 1 if number is None else number
        if self._frames and number <= last:
            raise InputError(
                f"frame {number} after frame {last}: expected ascending numbers; `clear` starts anew"
            )
        check_frames("frame", frame, (3,))
        if self._frames and frame.shape != self._frames[last].shape:
            raise InputError(
                f"frame {number} is {frame.shape}, expected {self._frames[last].shape}, as frame {last}"
            )
        self._frames[number] = frame.copy()  # the caller may fill the same array again
        if len(self._frames) > self.maximum:
            del self._frames[next(iter(self._frames))]
        return number

    def clear(self) -> None:
        self._frames.clear()

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        yield from self._frames.items()

    def _read(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        return {number: self._frames[number] for number in numbers}


class Detector:
    """Action Units of new footage: frames in one by one, scores out.

    Frames are kept in memory until ``maximum`` are there; then each new one takes the place of the oldest. A clip's
    scores have the same bits as those of the same frames in a folder or in a lossless video, and as those of ``infusenet
    predict --all-candidates``.

    Parameters
    ----------
    runs : a run folder such as results/infusenet_resnet18/samm/seed0, or several of one method (folds or seeds)
    device : {"auto", "cpu", "cuda"}; torch is set as in training, with the training's number of threads
    maximum : frames in memory; 512 frames of 640 x 480 px take 472 MB

    Raises
    ------
    InputError
        A run that is no finished training, runs of different recipes, a model that scores no clip by itself (preset
        ``released``), or a maximum below 1.

    Examples
    --------
    ``run_folder`` is that of the example of `load_run`; a real clip has frames between onset and apex, too.

    >>> from infusenet import Detector
    >>> from skimage.data import astronaut
    >>> detector = Detector(run_folder)
    >>> onset, apex = (detector.add(frame) for frame in (astronaut(), astronaut()))
    >>> scores = detector.scores(onset, apex)
    >>> scores.logits.shape, scores.probability.shape, scores.window
    ((1, 12), (12,), Window(onset=1, apex=2, offset=2))
    """

    def __init__(self, runs: Path | str | Sequence[Path | str], *, device: str = "cpu", maximum: int = 512):
        if maximum < 1:
            raise InputError(f"maximum is {maximum}, expected at least 1 frame")
        self.models = load_models([runs] if isinstance(runs, Path | str) else runs, device)
        check_models(self.models)
        self._buffer = FrameBuffer(maximum)

    def add(self, frame: np.ndarray, number: int | None = None) -> int:
        """Take a frame, uint8 (H, W, 3), RGB, upright, and return its number: by default 1, 2, ...

        Raises InputError for a frame of another type or size than those before it, or a number that is not larger.
        """
        return self._buffer.add(frame, number)

    def scores(self, onset: int, apex: int, offset: int | None = None) -> ClipScores:
        """The scores of a clip by the numbers of its frames; the offset is the last frame unless given.

        Raises InputError where one of them is not, or no longer, in memory, or the onset has no single face.
        """
        numbers = self._buffer.numbers
        if not numbers:
            raise InputError("no frames: `add` them first")
        window = Window(onset, apex, numbers[-1] if offset is None else offset)
        return clip_scores(self._buffer, window, self.models)

    def clear(self) -> None:
        """Drop all frames, for other footage."""
        self._buffer.clear()
