"""How much of what a model looks at lies where a stand-in's muscles really move."""

from pathlib import Path

import cv2
import numpy as np

from infusenet import faces, folds, models, runs
from infusenet.manifest import AUS
from infusenet.report.gradcam import cam, cam_layers, inside_share
from infusenet.standins import truth
from infusenet.standins.truth import ClipTruth
from infusenet.store import Store

# Of 64 px, block 2 leaves 8 x 8 places; block 4 would leave 2 x 2, too few to tell a brow from a mouth.
BLOCK = 2
# Action Units looked at in one clip.
AUS_PER_CLIP = 2


def region(clip: ClipTruth, onset: int, apex: int, matrix: np.ndarray, crop: int, size: int) -> np.ndarray:
    """Where the muscles move by more than half of the clip's largest motion, head sway aside.

    Parameters
    ----------
    clip : ClipTruth
    onset, apex : int
        Frame numbers.
    matrix : float array (2, 3)
        Native to crop px of the onset, as a faces store has it.
    crop : int
        Side of that crop, px.
    size : int
        Side of the result, which shows the same square in its own pixels.

    Returns
    -------
    bool (size, size); all False where nothing moves
    """
    y, x = np.mgrid[:size, :size]
    # Pixel centres lie at integer coordinates in both grids.
    points = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * crop / size - 0.5
    native = faces.apply(cv2.invertAffineTransform(np.asarray(matrix, float)), points)
    moved = np.hypot(*truth.motion(clip, onset, apex, native, sway=False).T).reshape(size, size)
    return moved > moved.max() / 2


def shares(run: Path, cache: Path, manifests: Path, truths: Path) -> tuple[np.ndarray, np.ndarray]:
    """Grad-CAM's energy inside the true motion, for the positive labels of a run's held-out clips.

    Of each clip its first two positive AUs are asked for, in the order of AUS.

    Parameters
    ----------
    run : Path
        A finished training.
    cache, manifests : Path
        Roots of the stores and of the manifests.
    truths : Path
        Folder with the stand-ins' truth.

    Returns
    -------
    float (n,), the share of each (clip, AU); float (n,), the share of the crop that the region covers,
    which is what a map without any preference would get
    """
    state, facts = runs.load_weights(run)
    recipe, name = facts["recipe"], facts["held_out"]
    device = runs.start("cpu", 1)
    model = models.create(recipe | {"weights": "none"})
    model.load_state_dict(state)
    model.to(device).eval()
    layers = cam_layers(model, BLOCK)
    database = folds.open_database(name, cache, manifests, recipe)
    data = folds.ClipDataset([database], recipe, facts["seed"])
    store = Store(cache / name / "faces.h5", "faces")
    told = truth.read(truths / f"{name}.json")
    crop, size = store.recipe["size"], recipe["size"]
    inside, covered = [], []
    for index, clip in enumerate(database.clips):
        positive = [au for au in AUS if clip.labels[au]][:AUS_PER_CLIP]
        if not positive:
            continue
        matrix = store.read("matrix", clip.key, 0)
        area = region(told[clip.key], clip.onset, clip.apex, matrix, crop, size)
        inputs, _ = data[folds.PREDICTION, index]
        inside += [inside_share(cam(model, inputs, au, layers, size), area) for au in positive]
        covered += [area.mean()] * len(positive)
    return np.array(inside), np.array(covered)
