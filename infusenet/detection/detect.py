"""`infusenet detect`: from new footage and trained models to scores.csv, an index, and a page with pictures per clip."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from infusenet.detection import model_words, score_table
from infusenet.detection.clip_arrays import Window, clip_arrays
from infusenet.detection.clip_list import INDEX, ClipRequest, clip_names, file_stems
from infusenet.detection.clip_maps import clip_maps
from infusenet.detection.clip_page import ClipResult, clip_page, index_page
from infusenet.detection.clip_picture import draw_clip, draw_footage
from infusenet.detection.detector import check_models, scores_of
from infusenet.detection.footage import Footage, open_footage
from infusenet.detection.scores import ClipScores
from infusenet.detection.spotting import Spotting, spot
from infusenet.detection.timeline import Timeline
from infusenet.detection.trained_models import TrainedModel, load_models
from infusenet.errors import InputError, raise_all
from infusenet.files import check_writable, explained, write_if_changed


def detect(
    requests: Sequence[ClipRequest],
    runs: Sequence[Path],
    output: Path,
    *,
    rate: float | None = None,
    magnifier: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> str:
    """Score new footage; write ``scores.csv``, ``index.html``, and per clip an HTML page and a PNG per interval.

    A clip that fails stops no other one: all that failed are reported at the end. The table and the index hold what
    was finished, also where the command is interrupted.

    Parameters
    ----------
    requests : clips; one footage may have several with different key frames
    runs : trained models of one recipe, such as folds or seeds; their scores are averaged
    output : a folder
    rate : frames per second, for spotting; default: what the footage says
    magnifier : the file of the magnifier that the models' recipe names, where it is not one of this package
    device : {"auto", "cpu", "cuda"}
    threads : CPU threads of torch; default: as in training, because other numbers give other last bits

    Returns
    -------
    A line on the result, with the caution of models that were trained on stand-ins.

    Raises
    ------
    InputError
        Models that cannot be loaded or differ, a clip that is listed twice, an output among a clip's frames; at the
        end, all clips that failed.
    """
    groups: dict[str, list[ClipRequest]] = {}
    for request in requests:
        groups.setdefault(os.path.abspath(request.path), []).append(request)
    twice = [str(g[0].path) for g in groups.values() if len({each.key_frames for each in g}) < len(g)]
    raise_all(twice, "clips listed twice")
    _check_output(output, list(groups))
    models = load_models(runs, device, magnifier)
    check_models(models)
    if threads:
        models = [replace(model, recipe=replace(model.recipe, threads=threads)) for model in models]
    names = clip_names([Path(path) for path in groups])
    job = _Job(models, output, rate)
    with explained(output):
        try:
            bar = tqdm(groups.values(), "detect", unit="clip", disable=len(groups) == 1 or None)
            for name, stem, group in zip(names, file_stems(names), bar, strict=True):
                job.add(name, stem, group)
        finally:
            job.write_tables()
    raise_all(
        job.problems, f"{output}: pages of {len(job.clips)} of {len(groups)} inputs; these clips failed"
    )
    intervals = sum(len(clip.scores) for clip in job.clips)
    index = output / f"{INDEX}.html"
    return f"{index}: {len(job.clips)} inputs, {intervals} intervals. {job.caution}".rstrip()


def _check_output(output: Path, footage: Sequence[str]) -> None:
    if output.exists() and not output.is_dir():
        raise InputError(f"{output}: not a folder; expected one for scores.csv and the pages")
    if os.path.realpath(output) in map(os.path.realpath, footage):
        raise InputError(
            f"{output}: a folder of frames, where pictures could be taken for frames; choose another --output"
        )
    check_writable(output)


class _Job:
    """The clips of one command: those that are finished, and what was wrong with the others."""

    def __init__(self, models: Sequence[TrainedModel], output: Path, rate: float | None):
        self.models, self.output, self.rate = models, output, rate
        self.heading, self.caution = model_words.heading(models), model_words.caution(models)
        self.clips: list[ClipResult] = []
        self.problems: list[str] = []

    def add(self, name: str, stem: str, requests: Sequence[ClipRequest]) -> None:
        """Score the clips of one footage and write its pictures and page."""
        try:
            footage = open_footage(requests[0].path)
            spotting = self._spotting(footage) if any(each.is_spotted for each in requests) else None
            found = windows(footage, requests, spotting)
            timeline = _timeline(footage, self.rate or footage.rate, list(found), spotting)
        except InputError as error:
            self.problems.append(str(error))
            return
        scores, pictures = [], []
        for window, confidence in found.items():
            place = f"@{window.onset}-{window.apex}-{window.offset}" if len(found) > 1 else ""
            picture = self.output / f"{stem}{place}.png"
            try:
                scores.append(self._score(footage, name, window, confidence, timeline, picture))
            except InputError as error:
                self.problems.append(str(error))
            else:
                pictures.append(picture)
        if not found:
            pictures = [self.output / f"{stem}.png"]
            draw_footage(timeline, name, self.heading, self.caution, pictures[0])
        if pictures:
            clip = ClipResult(name, stem, timeline, scores)
            contents = [picture.read_bytes() for picture in pictures]
            page = clip_page(clip, contents, self.heading, self.caution)
            write_if_changed(self.output / f"{stem}.html", page)
            self.clips.append(clip)

    def write_tables(self) -> None:
        """Write scores.csv and the index of what is finished."""
        scores = [interval for clip in self.clips for interval in clip.scores]
        table = score_table.to_csv(scores, model_words.origin(self.models))
        write_if_changed(self.output / "scores.csv", table)
        index = index_page(self.clips, self.problems, self.heading, self.caution)
        write_if_changed(self.output / f"{INDEX}.html", index)

    def _spotting(self, footage: Footage) -> Spotting:
        rate = self.rate or footage.rate
        if rate is None:
            raise InputError(f"{footage.path}: no frame rate, which spotting needs; give it with --rate")
        try:
            return spot(footage.frames(), rate, len(footage.numbers))
        except InputError as error:
            raise InputError(_located(footage.path, error)) from None

    def _score(
        self,
        footage: Footage,
        name: str,
        window: Window,
        confidence: float | None,
        timeline: Timeline,
        picture: Path,
    ) -> ClipScores:
        """The scores of one interval, drawn into ``picture``."""
        arrays = clip_arrays(footage, window, self.models[0])
        scores = replace(scores_of(arrays, self.models, confidence), clip=name)
        maps = clip_maps(arrays, self.models, scores)
        draw_clip(maps, scores, timeline, self.heading, self.caution, picture)
        return scores


def windows(
    footage: Footage, requests: Sequence[ClipRequest], spotting: Spotting | None
) -> dict[Window, float | None]:
    """The windows of a footage in order, each with its confidence; None where it is given, be it spotted, too."""
    found: dict[Window, float | None] = {}
    for request in requests:
        if request.is_spotted:
            spotted = {Window(i.onset, i.apex, i.offset): i.confidence for i in spotting.intervals}
            found |= spotted | found
        else:
            offset = footage.numbers[-1] if request.offset is None else request.offset
            found[Window(request.onset, request.apex, offset)] = None
    return found


def _timeline(
    footage: Footage, rate: float | None, windows: Sequence[Window], spotting: Spotting | None
) -> Timeline:
    found = (spotting.numbers, spotting.motion, spotting.without_face) if spotting else ()
    return Timeline(footage.numbers[0], footage.numbers[-1], rate, windows, *found)


def _located(path: Path, error: InputError) -> str:
    """The error's text with the path, which spotting does not know."""
    return str(error) if str(path) in str(error) else f"{path}: {error}"
