"""Figure 1: one clip's onset and apex, the magnified apex, its flow, and InfuseNet's masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from infusenet import magnifier
from infusenet.config.stage_recipes import shipped_weights, weights_path
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import read_run
from infusenet.evaluation.plots import plt, save
from infusenet.evaluation.protocol_label import protocol
from infusenet.hashing import file_digest
from infusenet.preprocess import photometric
from infusenet.protocol import AUS, ONSET_AND_APEX
from infusenet.report.face_maps import draw_flow, draw_map, face_mask, mask_title, masks
from infusenet.report.figure_inputs import by_database, onset_crop, split
from infusenet.store import Store
from infusenet.training import folds, run_folder
from infusenet.training.trained_run import restore

METHOD = "infusenet_resnet18"
FACTORS = (2, 5, 10, 20)


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
        axis.set_title(title)
    stored = flow.read("flow", key).astype(np.float32)
    images = [draw_flow(axes[1, 0], onset_crop(faces, key), stored[:2])]
    maps = {"strain, px per px": stored[2]}
    for place, mask in masks(trained.model, inputs).items():
        maps[mask_title(place, mask)] = mask.mean(0)
    # One map per block that is infused.
    for axis, (title, values) in zip(axes[1, 1:], maps.items(), strict=False):
        images.append(draw_map(axis, values, faces.read("landmarks", key), len(onset)))
        axis.set_title(title)
    for axis, image in zip(axes[1], images, strict=False):
        figure.colorbar(image, ax=axis, orientation="horizontal", pad=0.02, shrink=0.9)
    for axis in axes.flat:
        axis.title.set_fontsize(11)
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
        recipe = run_folder.recipe_of(path, run_folder.load_facts(path))
        database = folds.open_database(name, stores, manifests, recipe)
        faces, flow = Store(stores / name / "faces.h5", "faces"), database.stores["flow"]
        for clip in database.clips:
            motion = np.hypot(*flow.read("flow", clip.key, slice(0, 2)).astype(np.float32))
            inside = face_mask(faces.read("landmarks", clip.key), len(motion))
            best = max(best, (float(np.median(motion[inside])), name, clip.key))
    return best[1:]


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
