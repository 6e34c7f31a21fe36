"""Figure 1: one clip's onset and apex, the magnified apex, its flow, and InfuseNet's masks."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from infusenet import magnifier
from infusenet.config.stage_recipes import shipped_weights, weights_path
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.plots import plt, save
from infusenet.evaluation.protocol_label import protocol
from infusenet.hashing import file_digest
from infusenet.models.infusion import BLOCKS, minmax
from infusenet.preprocess import photometric
from infusenet.protocol import AUS, ONSET_AND_APEX
from infusenet.report.figure_inputs import by_database, onset_crop, split
from infusenet.store import Store
from infusenet.training import folds, run_folder
from infusenet.training.trained_run import restore

METHOD = "infusenet_resnet18"
FACTORS = (2, 5, 10, 20)
ARROWS = 18  # arrows along one side of the face


def figure1(
    paths: Sequence[Path],
    stores: Path,
    manifests: Path,
    output: Path,
    clip: str | None = None,
    weights: Path | None = None,
) -> None:
    """Draw one clip: onset, apex, decoded magnified apex, flow, strain and the four masks.

    Parameters
    ----------
    paths : run folders of InfuseNet (ResNet18), with predictions; the masks are of the run that held the clip out
    stores, manifests : folders, as for `infusenet.training.predict.predict`, with ``{database}/faces.h5``
    output : the PNG; the same inputs give the same bytes
    clip : ``DATABASE/SUBJECT/CLIP``; default: the clip with the largest motion (`moving_most`)
    weights : magnifier behind the latents, a file or a name; default: the shipped one that made them

    Raises
    ------
    InputError
        No run, an unknown clip, or a magnifier that did not compute the latents.
    """
    by_name = by_database(paths, METHOD)
    name, key = split(clip, list(by_name)) if clip else moving_most(by_name, stores, manifests)
    trained = restore(by_name[name], stores, manifests)
    faces, flow = Store(stores / name / "faces.h5", "faces"), trained.database.stores["flow"]
    latents_recipe = trained.recipe.stores["latents"].recipe
    weights = weights_path(weights or shipped_weights(latents_recipe.weights))
    if file_digest(weights) != latents_recipe.weights:
        raise InputError(
            f"{weights} is not the magnifier of {name}'s latents, whose sha256 is {latents_recipe.weights}; "
            "give that file's path"
        )
    inputs = trained.inputs(key)
    onset, apex = faces.read("frames", key, ONSET_AND_APEX)
    figure, axes = plt.subplots(2, 6, figsize=(15, 6), layout="constrained")
    decoded = magnify(magnifier.load(weights), onset, apex, latents_recipe.photometric)
    pictures = {"onset": onset, "apex (×1)": apex}
    pictures |= {f"decoded, magnified ×{factor}": image for factor, image in decoded.items()}
    for axis, (title, image) in zip(axes[0], pictures.items(), strict=True):
        axis.imshow(image)
        axis.set_title(title, fontsize=11)
    stored = flow.read("flow", key).astype(np.float32)
    _arrows(figure, axes[1, 0], onset_crop(faces, key), stored[:2])
    maps = {"strain, px per px": stored[2]}
    for place, mask in masks(trained.model, inputs).items():
        maps[f"mask {place[-1]}, {'×'.join(map(str, mask.shape))}"] = mask.mean(0)
    # One map per block that is infused.
    for axis, (title, values) in zip(axes[1, 1:], maps.items(), strict=False):
        _map(figure, axis, title, values, faces.read("landmarks", key), len(onset))
    for axis in axes.flat:
        axis.set_axis_off()
    labels = next(row.labels for row in trained.database.clips if row.key == key)
    active = "+".join(str(n) for n in AUS if labels[n]) or "none of the 12"
    label = protocol([read_run(path) for path in by_name.values()])
    choice = "chosen" if clip else "the clip that moves most"
    figure.suptitle(
        f"{name} {key} ({choice}), AU {active}{label.heading}: magnified motion and its artefacts, "
        f"crops of {len(onset)} px.{label.lines}\n"
        "Masks: FrameFlow's maps after each block, min-max normalised, mean over channels, of a network that "
        f"never saw {name} (input of {trained.recipe.size} px)",
        fontsize=12,
    )
    save(figure, Path(output))


def moving_most(by_name: dict[str, Path], stores: Path, manifests: Path) -> tuple[str, str]:
    """The clip, as (database, ``subject/clip``), with the largest median flow inside the face."""
    best = (-1.0, "", "")
    for name, path in by_name.items():
        recipe = run_folder.recipe_of(path, run_folder.load_weights(path)[1])
        database = folds.open_database(name, stores, manifests, recipe)
        faces, flow = Store(stores / name / "faces.h5", "faces"), database.stores["flow"]
        for clip in database.clips:
            motion = np.hypot(*flow.read("flow", clip.key, slice(0, 2)).astype(np.float32))
            inside = face_mask(faces.read("landmarks", clip.key), len(motion))
            best = max(best, (float(np.median(motion[inside])), name, clip.key))
    return best[1:]


def face_mask(landmarks: np.ndarray, side: int) -> np.ndarray:
    """The convex hull of landmarks (68, 2) px: bool (side, side)."""
    hull = cv2.convexHull(landmarks.round().astype(np.int32))
    return cv2.fillConvexPoly(np.zeros((side, side), np.uint8), hull, 1).astype(bool)


@torch.inference_mode()
def magnify(
    model: magnifier.Magnifier, onset: np.ndarray, apex: np.ndarray, mode: str
) -> dict[int, np.ndarray]:
    """Magnify the motion from onset to apex by each of `FACTORS`, and decode the frames.

    Frames are uint8 (S, S, 3), matched in brightness by `infusenet.preprocess.photometric.match` with ``mode``;
    the results float32 (S, S, 3) in [0, 1], clipped.
    """
    reference, moved = (frame.astype(np.float32) / 255 for frame in (onset, apex))
    moved = photometric.match(reference, moved, mode)
    a, b = (torch.from_numpy(2 * image - 1).permute(2, 0, 1)[None] for image in (reference, moved))
    images = {factor: (model(a, b, factor)[0] + 1) / 2 for factor in FACTORS}
    return {factor: image.permute(1, 2, 0).numpy().clip(0, 1) for factor, image in images.items()}


@torch.inference_mode()
def masks(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The factors of FrameMag's maps after each infused block: float32 (C, h, w) in [0, 1]."""
    block_masks, handles = {}, []
    for place in (place for place in BLOCKS if place in model.infusions):

        def keep(infusion, maps, _, place=place):
            block_masks[place] = minmax(maps[1], infusion.scope)[0].numpy()

        handles.append(model.infusions[place].register_forward_hook(keep))
    model(**{name: value[None] for name, value in inputs.items()})
    for handle in handles:
        handle.remove()
    return block_masks


def _map(figure, axis, title: str, values: np.ndarray, landmarks: np.ndarray, side: int) -> None:
    """A map stretched over the crop, with the face's landmarks for orientation."""
    image = axis.imshow(values, "cividis", extent=(0, side, side, 0), interpolation="nearest")
    axis.plot(*landmarks.T, ".", color="white", markersize=1.5)
    axis.set_title(title, fontsize=11)
    figure.colorbar(image, ax=axis, orientation="horizontal", pad=0.02, shrink=0.9)


def _arrows(figure, axis, picture: np.ndarray, flow: np.ndarray) -> None:
    """The flow as arrows on the gray face, scaled so that the longest spans nearly two places."""
    side = len(picture)
    step = side / ARROWS
    at = ((np.arange(ARROWS) + 0.5) * step).astype(int)
    x, y = flow[:, at][:, :, at]
    scale = 1.8 * step / max(float(np.hypot(x, y).max()), 1e-6)
    axis.imshow(picture, "gray", vmin=0, vmax=1)
    arrows = axis.quiver(
        *np.meshgrid(at, at), scale * x, scale * y, np.hypot(x, y), cmap="viridis", angles="xy",
        scale_units="xy", scale=1, width=0.009,
    )  # fmt: skip
    axis.set_title(f"flow, px (arrows ×{scale:.0f})", fontsize=11)
    figure.colorbar(arrows, ax=axis, orientation="horizontal", pad=0.02, shrink=0.9)
