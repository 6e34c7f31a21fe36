"""Latents per second, on the CPU and on a CUDA device if there is one: python benchmarks/latents.py

A latent is of one onset-apex pair, from decoded frames to float16; reading and writing of stores is
not timed. Both devices are timed on the same clips, in turn, and must agree.
"""

import time

import numpy as np
import torch

from infusenet.config.stage_recipes import resolve
from infusenet.devices import prepare
from infusenet.magnifier import load, quality
from infusenet.preprocess.latents import FRAMES, encoded, pictures

PAIRS = 6
ROUNDS = 3


def clip() -> np.ndarray:
    """Onset and six frames of a growing motion, uint8 (7, 224, 224, 3)."""
    onset = quality.face()
    frames = [onset.displaced(quality.bump(0.2 * i)) for i in range(PAIRS + 1)]
    return np.uint8(np.round(255 * np.clip(frames, 0, 1)))


def timed(model, frames, recipe, device, clips: int) -> tuple[float, np.ndarray]:
    """Latents a second over ``clips`` clips, after one call of warm-up, and one clip's latents.

    A call has the clips that the stage gives it: one on a CPU, as many as fit on a GPU.
    """
    size = FRAMES // len(frames) if device.type == "cuda" else 1

    def call() -> np.ndarray:
        group = [pictures(frames, range(PAIRS + 1), recipe) for _ in range(size)]
        return encoded(model, group, recipe, device)[0]

    result = call()
    began = time.perf_counter()
    for _ in range(-(-clips // size)):
        call()
    return PAIRS * -(-clips // size) * size / (time.perf_counter() - began), result


def main() -> None:
    frames = clip()
    names = ["cpu"] + ["cuda"] * torch.cuda.is_available()
    print(f"latents a second, median of {ROUNDS} rounds; CPU threads: 1")
    for size in (64, 224):
        recipe = resolve("latents", {"size": size})
        rates, results = {name: [] for name in names}, {}
        for _ in range(ROUNDS):
            for name in names:
                device = prepare(name, 1)
                model = load().to(device, memory_format=torch.channels_last)
                rate, results[name] = timed(
                    model, frames, recipe, device, clips=200 if name == "cuda" else 4 * 224 // size
                )
                rates[name].append(rate)
        text = ", ".join(f"{name} {np.median(rates[name]):.1f}" for name in names)
        print(f"size {size}: {text}")
        if "cuda" in results:
            cpu, cuda = (results[name].astype(np.float32) for name in names)
            ratio = np.median(rates["cuda"]) / np.median(rates["cpu"])
            error = np.abs(cuda - cpu).max() / cpu.std()
            print(f"  cuda over cpu {ratio:.0f}; largest difference {error:.1e} standard deviations")
    if len(names) == 1:
        print("no CUDA device here: agreement between the devices was not checked")


if __name__ == "__main__":
    main()
