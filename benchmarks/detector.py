"""Time of `infusenet.Detector` per clip: frames of 512 x 512 px in, scores out, by an untrained InfuseNet.

python benchmarks/detector.py

Prints CPU time in ms, which is the waiting time on a free core: the scores are computed by one thread, as in training.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.data import astronaut

from infusenet import Detector, models
from infusenet.api.model_functions import method_recipe
from infusenet.config import stage_recipes
from infusenet.protocol import AUS
from infusenet.training import run_folder

# The functions of the parts, by name and file.
PARTS = {
    "face": ("crops", "faces.py"), "flow": ("images", "flow.py"), "latents": ("encoded", "latents.py"),
    "network": ("score", "predict.py"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print(f"| px | a clip, ms | {', ms | '.join(PARTS)}, ms | a frame added, ms |")
    print(f"|---|---|{'---|' * len(PARTS)}---|")
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            detector = Detector(write_run(Path(folder), size))
        added, clip, parts = measure(detector, args.repeats)
        columns = " | ".join(f"{parts[part]:.0f}" for part in PARTS)
        print(f"| {size} | {clip:.0f} | {columns} | {added:.1f} |")


def write_run(folder: Path, size: int) -> Path:
    """A run folder of untrained weights; faces, flow, latents and networks of ``size`` px."""
    recipe = method_recipe("infusenet_resnet18", weights="none", size=size)
    source = {"faces_recipe": stage_recipes.resolve("faces", {"size": size}).as_dict(), "data": "none"}
    facts = {
        "recipe": recipe.as_dict(), "held_out": "none", "seed": 0, "n_train": 1,
        "label_counts": {f"AU{n}": 0 for n in AUS},
        "stores": {"none": {name: {"content": "none", "source": source} for name in recipe.stores}},
    }  # fmt: skip
    torch.manual_seed(0)
    run_folder.save_weights(folder, models.create(recipe), facts)
    return folder


def measure(detector: Detector, repeats: int) -> tuple[float, float, dict[str, float]]:
    """Median ms of a frame added and of a clip scored; mean ms of the parts of a clip."""
    face, times, added = astronaut(), [], []
    for place in range(10):
        move = np.array([[1, 0, 0.2 * place], [0, 1, -0.1 * place]])
        frame = cv2.warpAffine(face, move, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        start = time.process_time()
        detector.add(frame)
        added.append(time.process_time() - start)
    detector.scores(1, 4)  # dlib and the magnifier are loaded by the first clip
    for _ in range(repeats):
        start = time.process_time()
        detector.scores(1, 4)
        times.append(time.process_time() - start)
    with cProfile.Profile(time.process_time) as profile:
        for _ in range(repeats):
            detector.scores(1, 4)
    stats = pstats.Stats(profile).stats
    parts = {
        part: 1000 / repeats * sum(
            row[3] for (file, _, name), row in stats.items() if name == function and Path(file).name == module
        )
        for part, (function, module) in PARTS.items()
    }  # fmt: skip
    return 1000 * float(np.median(added)), 1000 * float(np.median(times)), parts


if __name__ == "__main__":
    main()
