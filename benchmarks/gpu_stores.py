"""Made-up stores of the six databases' numbers and sizes for `gpu.py`, and the rates of the stages on them."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from infusenet import magnifier
from infusenet.config.method_recipe import MethodRecipe
from infusenet.config.stage_recipes import resolve
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.hashing import digest
from infusenet.preprocess import flow, latents, optical_flow
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS, SLOTS
from infusenet.standins.database_sizes import FULL
from infusenet.store import Item, Store

COUNTS = {name: size.clips for name, size in FULL.items()}
FLOW_DATABASE = "samm"  # the smallest: its flow is computed, that of the others is made up
REPEATS = {"cuda": 10, "cpu": 2}  # of a network or a step alone


def timed(call: Callable, device: torch.device) -> tuple[float, object]:
    """Seconds until the device has done ``call``, and its result."""
    began = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def report(name: str, value: str) -> None:
    print(f"{name:58} {value}", flush=True)


def crops(size: int, clips) -> Iterator[Item]:
    """Faces items without a face: a texture that moves by a pixel a frame."""
    texture = (
        np.random.default_rng(0)
        .integers(0, 256, (size // 8, size // 8, 3), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
    )
    for clip in clips:
        start = int(digest(clip)[:4], 16)
        frames = np.stack([np.roll(texture, start + slot, 1) for slot in range(SLOTS)])
        yield Item({"frames": frames, "numbers": np.arange(SLOTS, dtype=np.int32)})


def flows(size: int, clips) -> Iterator[Item]:
    rng = np.random.default_rng(0)
    for _ in clips:
        yield Item({"flow": rng.standard_normal((3, size, size), np.float32).astype(np.float16)})


def write(cache: Path, manifests: Path, name: str, count: int, size: int) -> None:
    """The manifest, the faces and, but for `FLOW_DATABASE`, the made-up flow of one database."""
    rng = np.random.default_rng(list(name.encode()))
    clips = [
        Clip(name, "s", f"c{n}", 1, 2, 8, f"s/c{n}", labels={au: int(rng.random() < 0.3) for au in AUS})
        for n in range(count)
    ]
    manifests.mkdir(exist_ok=True)
    (manifests / f"{name}.csv").write_text(to_csv(clips), encoding="utf-8")
    recipes = {"faces": resolve("faces", {"size": size}), "flow": resolve("flow")}
    for stage, work in {"faces": crops, "flow": flows}.items():
        if stage == "flow" and name == FLOW_DATABASE:
            continue
        store = cache / name / f"{stage}.h5"
        source = {} if stage == "faces" else Store(cache / name / "faces.h5").as_source
        keys = [(clip.key, digest([stage, clip.key])) for clip in clips]
        with contextlib.redirect_stderr(io.StringIO()):
            fill(store, stage=stage, database=name, recipe=recipes[stage].as_dict(), source=source, clips=keys,
                 work=partial(work, size))  # fmt: skip


def stages(cache: Path, recipe: MethodRecipe, device: torch.device) -> None:
    """Build the latents of all databases and the flow of one; each stage's rate and that of its network alone."""
    stage_recipe, count = recipe.stores["latents"].recipe, 0
    began = time.perf_counter()
    for name in COUNTS:
        with contextlib.redirect_stderr(io.StringIO()):
            latents.build(
                cache / name / "faces.h5", cache / name / "latents.h5", stage_recipe, device=device.type
            )
        count += len(Store(cache / name / "latents.h5"))
    seconds = time.perf_counter() - began
    faces = Store(cache / FLOW_DATABASE / "faces.h5")
    size = latents.FRAMES // SLOTS if device.type == "cuda" else 1
    clips = faces.clips[:size]
    group = [latents.pictures(faces.read("frames", c), faces.read("numbers", c), stage_recipe) for c in clips]
    model = magnifier.load().to(device, memory_format=torch.channels_last)
    call = partial(latents.encoded, model, group, stage_recipe, device)
    call()
    repeats = REPEATS[device.type]
    alone, _ = timed(lambda: [call() for _ in range(repeats)], device)
    report("latents, clips a second: the stage, the network alone",
           f"{count / seconds:.1f}, {repeats * len(clips) / alone:.1f} ({count} clips in {seconds:.1f} s)")  # fmt: skip

    flow_recipe = recipe.stores["flow"].recipe
    with contextlib.redirect_stderr(io.StringIO()):
        seconds, _ = timed(
            lambda: flow.build(faces.path, faces.path.with_name("flow.h5"), flow_recipe, device=device.type),
            device,
        )
    frames = np.stack([faces.read("frames", clip, slice(0, 2)) for clip in faces.clips[:16]])
    alone, _ = timed(
        lambda: optical_flow.flow_images(frames[:, 0], frames[:, 1:], flow_recipe, device), device
    )
    report("flow, clips a second: the stage, the solver alone",
           f"{len(faces) / seconds:.1f}, {len(frames) / alone:.1f} ({len(faces)} clips in {seconds:.1f} s)")  # fmt: skip
