"""Train the magnifier on procedural scenes: one file that reads top to bottom.

Three stages, each the next one's footing: encoder and decoder as an autoencoder; the manipulator in
latent space, against the encoding of the truly magnified frame; then all parts together against
that frame, with brightness changes and noise phased in. Oh et al. (ECCV 2018) train with the L1 of
the output; here each scene's L1 is taken relative to that of the trivial answer (frame b unchanged),
or scenes with little motion would teach nothing.
"""

import json
import math
import os
import platform
import time
from pathlib import Path

import torch
from safetensors.torch import save
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from infusenet.errors import InputError
from infusenet.magnifier import quality, scenes
from infusenet.magnifier.device import prepare
from infusenet.magnifier.initial import start
from infusenet.magnifier.network import Magnifier
from infusenet.runs import load_plain

STEPS = 4_000  # about ten minutes of one CPU core
BATCH = 8
SIZE = 48
MARGIN = 6  # px left out of the loss: what moves in from outside cannot be known
AUTOENCODER, LATENT = 0.04, 0.06  # where the first and the second stage end, as shares of the steps
APART_RATE = 1e-3
RATE, LAST_RATE = 2e-4, 2e-6
WARM_UP = 0.03  # share of the last stage; a first step of full size there breaks the linear start
FLOOR = 0.005  # added to the trivial L1, so that still scenes count as reconstruction
SAVE_EVERY = 500
LOG_EVERY = 50


def train(output, steps: int | None = None, seed: int = 0, device: str = "auto", threads: int | None = None):
    """Train a magnifier and write its weights, its record and its TensorBoard log.

    Parameters
    ----------
    output : path of the weights to write, ``.safetensors``; beside it come ``.json`` (the training
        record: command, data, hardware, figures), ``.tensorboard`` and, until the training is done,
        ``.resume.pt``, from which the same command goes on
    steps : default 4,000
    seed : all random numbers follow from it; same machine, threads and seed give the same bytes
    device : "auto" (CUDA where available), "cpu" or "cuda"
    threads : CPU threads of torch, default 1; other counts give other bits

    Raises
    ------
    InputError
        The output is not named ``.safetensors``, or its ``.resume.pt`` is of another training.
    """
    output = Path(output)
    if output.suffix != ".safetensors":
        raise InputError(f"{output}: the weights are written as .safetensors; name the output so")
    steps = STEPS if steps is None else steps
    settings = {"steps": steps, "seed": seed, "batch": BATCH, "size": SIZE}
    device = prepare(device, threads)
    output.parent.mkdir(parents=True, exist_ok=True)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Magnifier()
    start(model)
    model.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.99))
    resume = output.with_suffix(".resume.pt")
    done, seconds = _resume(resume, settings, model, optimizer)

    supply = scenes.Scenes(seed)
    began = time.monotonic()
    sums = torch.zeros(3)
    with SummaryWriter(output.with_suffix(".tensorboard"), purge_step=done) as board:
        for step in tqdm(range(done, steps), initial=done, total=steps, unit="step", disable=None):
            progress = step / steps
            if _stage(progress) != _stage((step - 1) / steps):
                # Another loss, other gradients: moments kept from the last stage overshoot at once.
                optimizer.state.clear()
            optimizer.param_groups[0]["lr"] = _rate(progress)
            batch = supply.batch(step, BATCH, SIZE, **_curriculum(progress)).to(device)
            loss, sizes = _loss(model, batch, progress)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

            sums += torch.stack(sizes).detach().cpu()
            if (step + 1) % LOG_EVERY == 0:
                error, trivial, spread = (sums / LOG_EVERY).tolist()
                sums.zero_()
                board.add_scalar("L1 over trivial L1", error / trivial, step)
                board.add_scalar("latent deviation", spread, step)
                board.add_scalar("learning rate", _rate(progress), step)
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
                spent = seconds + time.monotonic() - began
                _publish(resume, _snapshot(settings, step + 1, spent, model, optimizer))

    spent = seconds + time.monotonic() - began
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    _publish(output, lambda path: path.write_bytes(save(weights)))
    record = {
        "command": f"infusenet magnifier train --output {output.name} --steps {steps} --seed {seed}",
        **settings,
        "data": scenes.DESCRIPTION,
        "hardware": f"{device.type}, {torch.get_num_threads()} CPU thread(s), {platform.machine()}",
        "minutes": round(spent / 60, 1),
        "L1 over trivial L1": _held_out(model.cpu().eval(), seed),
        "figures": quality.figures(model),
    }
    text = json.dumps(record, indent=2) + "\n"
    _publish(output.with_suffix(".json"), lambda path: path.write_text(text, encoding="utf-8"))
    resume.unlink()


def _stage(progress: float) -> int:
    return (progress >= AUTOENCODER) + (progress >= LATENT)


def _together(progress: float) -> float:
    """How much of the last stage is done, in [0, 1]."""
    return max(progress - LATENT, 0) / (1 - LATENT)


def _curriculum(progress: float) -> dict[str, float]:
    """Small and clean motion first, where the linear start is right; then larger motion and nuisances."""
    share = _together(progress)
    return {"reach": min(1 + 10 * share, 6), "nuisance": min(2 * share, 1)}


def _rate(progress: float) -> float:
    """The learning rate: constant while the parts are trained apart, then a warm-up and a cosine down."""
    if progress < LATENT:
        return APART_RATE
    share = _together(progress)
    if share < WARM_UP:
        return RATE * share / WARM_UP
    return LAST_RATE + (RATE - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def _loss(model: Magnifier, batch: scenes.Batch, progress: float):
    """The stage's loss, and (L1, trivial L1, latent deviation) for the log."""
    if progress < AUTOENCODER:
        # The encoder starts as an invertible code; here only the decoder learns to invert it.
        with torch.no_grad():
            latents = model.encoder(batch.magnified)
        output, target, trivial = model.decoder(latents), batch.magnified, batch.magnified * 0
    elif progress < LATENT:
        with torch.no_grad():
            a, latents, target = (model.encoder(x) for x in (batch.a, batch.b, batch.magnified))
        output, trivial = latents + model.manipulator(a, latents, batch.factor), latents
    else:
        a, latents = model.encoder(batch.a), model.encoder(batch.b)
        output = model.decoder(latents + model.manipulator(a, latents, batch.factor))
        target, trivial = batch.magnified, batch.b
    error, reference = _distance(output, target), _distance(trivial, target)
    # The logarithm bounds what one scene weighs: brightness magnified by 20 is 50 times the trivial L1.
    loss = torch.log1p(error / (reference + FLOOR)).mean()
    return loss, (error.mean(), reference.mean(), latents.std())


@torch.no_grad()
def _held_out(model: Magnifier, seed: int) -> dict[str, float]:
    """L1 over trivial L1 on scenes of another seed, without and with nuisances."""
    supply = scenes.Scenes(seed + 1)
    ratios = {}
    for name, nuisance in (("clean", 0), ("with nuisances", 1)):
        batches = (supply.batch(step, BATCH, SIZE, nuisance=nuisance) for step in range(24))
        error, trivial, _ = torch.tensor([_loss(model, batch, 1)[1] for batch in batches]).mean(0).tolist()
        ratios[name] = round(error / trivial, 3)
    return ratios


def _distance(x, y):
    """L1 of each scene (N,) inside the margin."""
    margin = MARGIN * x.shape[-1] // SIZE
    return (x - y)[..., margin:-margin, margin:-margin].abs().mean(dim=(1, 2, 3))


def _resume(path: Path, settings: dict, model, optimizer) -> tuple[int, float]:
    """Load what an interrupted training left; (steps done, seconds spent)."""
    if not path.exists():
        return 0, 0.0
    state = load_plain(path)
    if state.get("settings") != settings:
        raise InputError(
            f"{path} is of a training with {state.get('settings')}, this one has {settings}; delete it"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["done"], state["seconds"]


def _snapshot(settings, done, seconds, model, optimizer):
    state = {"settings": settings, "done": done, "seconds": seconds}
    state |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    return lambda path: torch.save(state, path)


def _publish(path: Path, write) -> None:
    """Write aside, then rename: a killed training leaves the last whole file."""
    aside = path.with_name(f".{path.name}.part")
    write(aside)
    os.replace(aside, path)
