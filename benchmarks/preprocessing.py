"""Clips per second of faces and flow, two processes compared with one, after warm-up.

Both sides get the same clips of the configured databases in turns, so that other load on the machine
slows both. Writing stores is not timed. On an idle machine, after `make demo`:
python benchmarks/preprocessing.py
"""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from infusenet import devices
from infusenet.config import configuration
from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import read_manifest
from infusenet.preprocess.faces import Crops
from infusenet.preprocess.optical_flow import flow_images

GROUP = 4  # clips that a process takes at a time
TURN = 20  # clips of one database and turn
FLOW = resolve("flow")


def preprocess(crops: Crops, names: list[str]) -> int:
    """Faces and flow of some clips, as their stages compute them; how many were computed."""
    devices.prepare("cpu", threads=1)
    frames = np.stack([item.arrays["frames"][:2] for item in crops(names)])
    return len(flow_images(frames[:, 0], frames[:, 1:], FLOW))


def seconds(pool: ProcessPoolExecutor, crops: Crops, names: list[str]) -> float:
    began = time.perf_counter()
    groups = [names[start : start + GROUP] for start in range(0, len(names), GROUP)]
    count = sum(pool.map(preprocess, [crops] * len(groups), groups))
    if count != len(names):
        raise RuntimeError(f"{count} of {len(names)} clips were computed")
    return time.perf_counter() - began


def main() -> None:
    databases = configuration.load("workflow/config.yaml")["databases"]
    pools = {n: ProcessPoolExecutor(n, mp_context=get_context("spawn")) for n in (1, 2)}
    spent, clips = dict.fromkeys(pools, 0.0), 0
    for key, source in databases.items():
        manifest = {clip.key: clip for clip in read_manifest(Path("data_manifests") / f"{key}.csv")}
        crops, names = Crops(manifest, Path(source["frames"]), resolve("faces")), list(manifest)
        if not clips:
            for n, pool in pools.items():  # every process imports and computes before the clock runs
                seconds(pool, crops, names[: 4 * n])
        for start in range(0, len(names), TURN):
            turn = names[start : start + TURN]
            for n, pool in pools.items():
                spent[n] += seconds(pool, crops, turn)
            clips += len(turn)
    rates = {n: clips / total for n, total in spent.items()}
    print(
        f"faces and flow, {clips} clips: 1 process {rates[1]:.2f} clips/s, 2 processes {rates[2]:.2f} clips/s, "
        f"ratio {rates[2] / rates[1]:.2f} (goal at least 1.8)"
    )


if __name__ == "__main__":
    main()
