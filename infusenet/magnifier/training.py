"""The training of the magnifier on procedural scenes: one file that reads top to bottom.

Two stages: first the decoder learns to invert the encoder, which starts as an invertible code; then
all parts learn together to show the truly magnified frame, with neither too little nor too much
motion, and to keep the difference latent free of what is not motion (`losses`), while larger motion,
changes of light and noise are phased in. Oh et al. (ECCV 2018) train with the L1 of the output.

From weights, the decoder alone learns larger motion, and the difference latent gets another basis (`basis`).
"""

import json
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from infusenet.devices import prepare
from infusenet.errors import InputError
from infusenet.files import aside
from infusenet.hashing import file_digest
from infusenet.magnifier import basis, checkpoint, losses, scenes
from infusenet.magnifier.initialisation import start
from infusenet.magnifier.network import Magnifier, as_read
from infusenet.magnifier.schedule import LINEAR, TUNING
from infusenet.tensor_files import read_checkpoint

# Steps, scenes per step and their side in px: about an hour of one CPU core; of a GPU, by estimate.
SIZES = {"cpu": (5_000, 4, 96), "cuda": (40_000, 32, 96)}
WEIGHTS = {"frame": 1, "gain": 1.5, "fidelity": 0.4, "following": 0.5, "spread": 1}  # of the losses
READING_BATCHES = 96  # scenes on which the difference latent of a tuned magnifier is made readable
SAVE_EVERY = 250
LOG_EVERY = 50


def train(
    output: Path,
    bench: Callable[[Magnifier], dict],
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    initial: Path | None = None,
) -> None:
    """Train a magnifier and write its weights, its record and its TensorBoard log.

    Parameters
    ----------
    output : path of the weights to write, ``.safetensors``, which carry the training record (command,
        data, hardware, bench); beside it come the record as ``.json``, ``.tensorboard`` and, until the
        training is done, ``.resume.pt``, from which the same command goes on
    bench : measures the trained magnifier; what it returns (JSON values) is kept in the record
    steps : default 5,000 on a CPU, 40,000 with CUDA, where batches and crops are larger too
    seed : all random numbers follow from it; on a CPU the same machine, threads and seed give the same
        weights (CUDA adds in no fixed order, so that its last bits differ)
    device : "auto" (CUDA where available), "cpu" or "cuda"
    threads : CPU threads of torch, default 1; other counts give other bits
    initial : weights to start from instead of a linear magnifier. Their decoder alone is trained, and its
        mean with the initial one is taken; then their difference latent is made readable (`basis`).

    Raises
    ------
    InputError
        The output is not named ``.safetensors``, or its ``.resume.pt`` is of another training.
    """
    output = Path(output)
    if output.suffix != ".safetensors":
        raise InputError(f"{output}: the weights are written as .safetensors; name the output so")
    device = prepare(device, threads)
    default, batch_size, size = SIZES[device.type]
    steps = default if steps is None else steps
    settings = {"steps": steps, "seed": seed, "batch": batch_size, "size": size}
    settings |= {"initial": file_digest(initial)} if initial else {}
    output.parent.mkdir(parents=True, exist_ok=True)

    supply = scenes.Scenes(seed, device)
    schedule = TUNING if initial else LINEAR
    if initial:
        model = checkpoint.load(initial).to(device).train().requires_grad_(True)
        for part in (model.encoder, model.manipulator):
            part.requires_grad_(False)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Magnifier()
        start(model)
    model.to(device, memory_format=torch.channels_last)
    if device.type == "cuda":
        for part in model.children():
            part.compile()
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad], lr=schedule.peak, betas=(0.9, 0.99)
    )
    resume = output.with_suffix(".resume.pt")
    step_count, seconds = _resume(resume, settings, model, optimizer)

    began = time.monotonic()
    recent = defaultdict(list)
    with SummaryWriter(output.with_suffix(".tensorboard"), purge_step=step_count) as board:
        for step in tqdm(
            range(step_count, steps), initial=step_count, total=steps, unit="step", disable=None
        ):
            progress = step / steps
            if step and (step - 1) / steps < schedule.autoencoder <= progress:
                # Another loss, other gradients: moments kept from the first stage overshoot at once.
                optimizer.state.clear()
            optimizer.param_groups[0]["lr"] = schedule.rate(progress)
            batch = supply.batch(step, batch_size, size, **schedule.curriculum(progress))
            if initial:
                terms = _tune(model, batch)
            else:
                terms = (
                    _reconstruct(model, batch) if progress < schedule.autoencoder else _magnify(model, batch)
                )
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

            for name, term in terms.items():
                recent[name].append(term.detach())
            if (step + 1) % LOG_EVERY == 0:
                for name, values in recent.items():
                    board.add_scalar(name, torch.stack(values).mean(), step)
                board.add_scalar("learning rate", schedule.rate(progress), step)
                recent.clear()
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
                spent = seconds + time.monotonic() - began
                _save(resume, settings, step + 1, spent, model, optimizer)

    if initial:
        _halve(model, checkpoint.load(initial).to(device))
        basis.make_readable(model, [supply.batch(k, batch_size, size) for k in range(READING_BATCHES)])
    spent = seconds + time.monotonic() - began
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    source = f" --initial {Path(initial).name}" if initial else ""
    record = {
        "command": f"infusenet magnifier train{source} --output {output.name} --steps {steps} --seed {seed}",
        **settings,
        **({"initial_record": checkpoint.training_record(initial)} if initial else {}),
        "data": scenes.DESCRIPTION,
        "hardware": _hardware(device),
        "minutes": round(spent / 60, 1),
    }
    record["bench"] = bench(model.eval().requires_grad_(False))
    with aside(output) as temporary:
        save_file(weights, temporary, {"record": json.dumps(record)})
    with aside(output.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    resume.unlink(missing_ok=True)  # without a step there is none


def _reconstruct(model: Magnifier, batch: scenes.Batch) -> dict[str, torch.Tensor]:
    """The first stage's loss: the encoder is fixed, the decoder learns."""
    with torch.no_grad():
        latents = model.encoder(batch.clean_a)
    return {"loss": losses.distance(model.decoder(latents), batch.clean_a).mean()}


def _tune(model: Magnifier, batch: scenes.Batch) -> dict[str, torch.Tensor]:
    """The loss of the decoder alone, and its terms."""
    with torch.no_grad():
        a, b = model.encoder(torch.cat([batch.a, batch.b])).chunk(2)
        latents = b + model.manipulator(a, b, batch.factor)
    return _weighted(_frame_terms(model, latents, batch))


@torch.no_grad()
def _halve(model: Magnifier, initial: Magnifier) -> None:
    """Take the mean of both decoders: part of the larger motion, and frames as sharp as the initial ones."""
    for tensor, before in zip(model.decoder.parameters(), initial.decoder.parameters(), strict=True):
        tensor.lerp_(before, 0.5)


def _magnify(model: Magnifier, batch: scenes.Batch) -> dict[str, torch.Tensor]:
    """The second stage's loss and its terms."""
    # Fidelity needs two more frames a scene through the encoder: half of the scenes are enough for it.
    half = batch.first(len(batch.a) // 2)
    latents = model.encoder(torch.cat([batch.a, batch.b, half.clean_a, half.clean_b]))
    a, b, clean_a, clean_b = latents.split([len(batch.a)] * 2 + [len(half.a)] * 2)
    noisy, clean = model.manipulator(torch.cat([a, clean_a]), torch.cat([b, clean_b]), 2).split(
        [len(batch.a), len(half.a)]
    )
    seen = as_read(noisy)
    terms = _frame_terms(model, b + (batch.factor - 1) * noisy, batch) | {
        "fidelity": losses.fidelity(seen[: len(half.a)], as_read(clean), half).mean(),
        "following": losses.following(seen, batch).mean(),
        "spread": losses.spread(noisy),
    }
    return _weighted(terms)


def _frame_terms(model: Magnifier, latents: torch.Tensor, batch: scenes.Batch) -> dict[str, torch.Tensor]:
    """The losses of the decoded frame."""
    # The encoder stays in float32: a sub-pixel motion is the small difference of two latents, which
    # bfloat16 would round away. The decoder, where most of the work is, does not mind.
    with torch.autocast("cuda", torch.bfloat16, enabled=latents.is_cuda):
        output = model.decoder(latents)
    return {loss.__name__: loss(output.float(), batch).mean() for loss in (losses.frame, losses.gain)}


def _weighted(terms: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"loss": sum(WEIGHTS[name] * term for name, term in terms.items()), **terms}


def _hardware(device: torch.device) -> str:
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    return f"{device.type}, {name}, {torch.get_num_threads()} CPU thread(s), torch {torch.__version__}"


def _resume(path: Path, settings: dict, model, optimizer) -> tuple[int, float]:
    """Load the state of an interrupted training: (number of finished steps, seconds spent)."""
    if not path.exists():
        return 0, 0.0
    state = read_checkpoint(path)
    if state.get("settings") != settings:
        raise InputError(
            f"{path} belongs to a training with {state.get('settings')}, but this training has {settings}; "
            "delete the file to start again"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["done"], state["seconds"]


def _save(path: Path, settings: dict, step_count: int, seconds: float, model, optimizer) -> None:
    """Write the state that `_resume` loads; a killed training leaves the last whole file."""
    state = {"settings": settings, "done": step_count, "seconds": seconds}
    state |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    with aside(path) as temporary:
        torch.save(state, temporary)
