"""Figure 5: the parts of the face in which FrameFlow, FrameMag and InfuseNet find an AU."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.plots import plt, save
from infusenet.evaluation.protocol_label import protocol
from infusenet.protocol import AUS
from infusenet.report.face_maps import draw_activation
from infusenet.report.figure_inputs import by_database, onset_crop, split
from infusenet.report.gradcam import cam, cam_layers, resolving_block
from infusenet.store import Store
from infusenet.training.trained_run import restore

SYSTEMS = {"FrameFlow": "resnet18_flow", "FrameMag": "resnet18_mag", "InfuseNet": "infusenet_resnet18"}
ROWS = 6


@dataclass(frozen=True)
class Sample:
    """An AU of a clip: one row of the figure."""

    au: int
    database: str
    clip: str


def figure5(
    paths: Sequence[Path],
    stores: Path,
    manifests: Path,
    output: Path,
    clips: Sequence[str] = (),
) -> None:
    """Draw class activation maps over the onset crop, one AU per row.

    Each map is of the network that held the clip's database out, taken after the last block that
    resolves a face, block 4 at 224 px, and for InfuseNet after the infusion's product
    (`infusenet.report.gradcam`).

    Parameters
    ----------
    paths : run folders of the methods in `SYSTEMS`, with predictions; of several seeds the lowest is used
    stores, manifests : folders, as for `infusenet.training.predict.predict`, with ``{database}/faces.h5``
    output : the PNG; the same inputs give the same bytes
    clips : at most 6 of ``DATABASE/SUBJECT/CLIP:AU<n>``; default: `best_true_positives`

    Raises
    ------
    InputError
        A method without a run or without a run of a fold, an unknown clip or AU, too many rows, or
        no true positive.
    """
    systems = {title: by_database(paths, method) for title, method in SYSTEMS.items()}
    guided = systems["InfuseNet"]
    samples = [parse(text, list(guided)) for text in clips] or best_true_positives(guided)
    if len(samples) > ROWS:
        raise InputError(f"{len(samples)} samples are named for figure 5, expected at most {ROWS}")
    for title, by_name in systems.items():
        if missing := sorted({sample.database for sample in samples} - set(by_name)):
            raise InputError(f"{SYSTEMS[title]}: no run holds out {', '.join(missing)}; train and predict it")

    @cache
    def open_run(title: str, database: str):
        run = systems[title][database]
        return restore(run, stores, manifests), read_run(run)

    figure, axes = plt.subplots(
        len(samples), 1 + len(SYSTEMS), figsize=(9.6, 1.5 + 2.35 * len(samples)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, sample in zip(axes, samples, strict=True):
        crop = onset_crop(Store(stores / sample.database / "faces.h5", "faces"), sample.clip)
        row[0].imshow(crop, "gray", vmin=0, vmax=1)
        for axis in row:
            axis.set(xticks=[], yticks=[])
        present = _labelled(open_run("InfuseNet", sample.database)[1], sample)
        row[0].set_ylabel(f"AU{sample.au}", fontsize=14, fontweight="bold")
        row[0].set_title(f"{sample.database} {sample.clip}\nAU{sample.au} {present}", fontsize=9)
        for axis, title in zip(row[1:], SYSTEMS, strict=True):
            trained, fold = open_run(title, sample.database)
            block = resolving_block(trained.recipe.size)
            layers = cam_layers(trained.model, block)
            activation = cam(trained.model, trained.inputs(sample.clip), sample.au, layers, len(crop))
            image = draw_activation(axis, crop, activation)
            empty = "" if activation.any() else " (empty map)"
            axis.set_title(
                f"{title}, block {block}\nprobability {_probability(fold, sample):.2f}{empty}", fontsize=9
            )
    bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, label="each map from 0 to 1")
    bar.solids.set_alpha(1)
    label = protocol([read_run(path) for path in guided.values()]).caption
    best = f"the true positives that InfuseNet scores highest, at most {ROWS} of 12 AUs"
    figure.suptitle(
        f"Class activation maps of networks that never saw the clip's database{label}\n"
        f"(Grad-CAM in the form of HiResCAM: the same after block 4)\nRows: {'chosen clips' if clips else best}",
        fontsize=11,
    )
    save(figure, Path(output))


def parse(text: str, databases: Sequence[str]) -> Sample:
    """A sample from ``DATABASE/SUBJECT/CLIP:AU<n>``."""
    clip, _, au = text.rpartition(":")
    if au not in {f"AU{n}" for n in AUS}:
        raise InputError(f"sample '{text}': expected DATABASE/SUBJECT/CLIP:AU<n> with n of {AUS}")
    return Sample(int(au[2:]), *split(clip, databases))


def best_true_positives(guided: dict[str, Path]) -> list[Sample]:
    """The true positive of each AU that InfuseNet scores highest over all held-out databases.

    Only the 6 AUs with the highest scores, in AU order; of equal scores the first.
    """
    best: dict[int, tuple[float, Sample]] = {}
    for run in guided.values():
        fold = read_run(run)
        for place, au in enumerate(AUS):
            score = np.where(fold.labels[:, place] == 1, fold.score[:, place], -np.inf)
            top = int(score.argmax())
            if score[top] > max(0.0, best[au][0] if au in best else 0.0):
                best[au] = float(score[top]), Sample(au, *split(fold.clips[top], list(guided)))
    if not best:
        raise InputError("figure 5: InfuseNet finds no AU in any clip that has it; choose clips by name")
    aus = sorted(best, key=lambda au: -best[au][0])[:ROWS]
    return [best[au][1] for au in sorted(aus)]


def _place(fold, sample: Sample) -> tuple[int, int]:
    name = f"{sample.database}/{sample.clip}"
    if name not in fold.clips:
        raise InputError(f"{fold.path}: no prediction of {name}; predict again")
    return fold.clips.index(name), AUS.index(sample.au)


def _probability(fold, sample: Sample) -> float:
    return float(1 / (1 + np.exp(-fold.score[_place(fold, sample)])))


def _labelled(fold, sample: Sample) -> str:
    return "labelled" if fold.labels[_place(fold, sample)] else "not labelled"
