"""Figure 2: the steps of InfuseNet from frames to logits, with shapes measured on the running model."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from infusenet import models
from infusenet.config.method_recipe import MethodRecipe
from infusenet.evaluation.plots import plt, save
from infusenet.magnifier import Magnifier
from infusenet.magnifier.network import as_read
from infusenet.models.infusion import BLOCKS
from infusenet.models.unfilled_parameters import UnfilledParameters

# Okabe and Ito's palette, lightened.
FLOW, MAG, MAGNIFIER, INFUSION, DATA = "#a6d3ec", "#f7d38c", "#e3c2d6", "#9fdcc8", "#e8e8e8"
WIDTH, HEIGHT, STEP = 1.75, 1.0, 2.55  # of a box, and from one column to the next
TOP, MIDDLE, BOTTOM = 4.4, 2.2, 0.0  # FrameFlow's lane, the masks', FrameMag's
RADIUS = 0.17
STEM, POOLED, HEAD = 4, 9, 10  # columns; the blocks stand between stem and pooled vector


def figure2(recipe: MethodRecipe, output: Path) -> None:
    """Draw the network of a recipe of InfuseNet on flow and latents.

    Parameters
    ----------
    recipe : a settled method recipe
    output : the PNG; the same recipe gives the same bytes
    """
    with UnfilledParameters():  # only shapes are shown
        model = models.create(replace(recipe, weights="none")).eval()
    shape_of = shapes(model, recipe)
    figure, axis = plt.subplots(figsize=(17, 4.8), layout="constrained")
    axis.set_xlim(-WIDTH / 2 - 0.1, HEAD * STEP + WIDTH / 2 + 0.1)
    axis.set_ylim(BOTTOM - 1.1, TOP + 1.1)
    axis.set_aspect("equal")
    axis.set_axis_off()
    _front(axis, shape_of, recipe)
    layers = {
        "flow": "same layer" if model.frame_flow.fc is None else "linear layer",
        "mag": "linear layer",
    }
    for lane, name, head, colour in ((TOP, "FrameFlow", "flow", FLOW), (BOTTOM, "FrameMag", "mag", MAG)):
        _network(axis, lane, name, colour, shape_of)
        scored = ", scored" if head == model.heads[0] else ""
        _box(axis, HEAD, lane, f"{layers[head]}\nlogits{scored}", shape_of[f"head.{head}"], DATA)
    for place, infusion in model.infusions.items():
        column = POOLED if place == "pooled" else STEM + 1 + BLOCKS.index(place)
        _infusion(axis, (column + 0.5) * STEP, infusion.scope, shape_of[f"infusion.{place}"])
    axis.set_title(
        f"{recipe.method}: shapes of one clip without the batch dimension, input of {recipe.size} px",
        fontsize=13,
    )
    save(figure, Path(output))


def shapes(model: nn.Module, recipe: MethodRecipe) -> dict[str, tuple[int, ...]]:
    """Run magnifier and model once on a blank clip and return the shapes, without the batch dimension.

    Keys: ``frames``, ``encoded``, ``manipulated``, ``pairs`` and ``flow``; ``FrameFlow.stem`` (what
    the first block reads), ``FrameFlow.block1`` .. ``block4``, ``FrameFlow.pooled``, and the same of
    ``FrameMag``; ``infusion.block1`` ..; ``head.<name>``.
    """
    shape_of, handles = {}, []

    def note(module: nn.Module, name: str, of_input: bool = False) -> None:
        # The result of a hook would replace the output, so it must be None.
        def keep(_, inputs, output) -> None:
            shape_of[name] = _shape(inputs[0] if of_input else output)

        handles.append(module.register_forward_hook(keep))

    for name, network in (("FrameFlow", model.frame_flow), ("FrameMag", model.frame_mag)):
        note(network.blocks[0], f"{name}.stem", of_input=True)
        for place, block in zip(BLOCKS, network.blocks, strict=True):
            note(block, f"{name}.{place}")
        # One head may serve both networks, whose vectors are equally long.
        note(network.fc or model.frame_mag.fc, f"{name}.pooled", of_input=True)
    for place, infusion in model.infusions.items():
        note(infusion, f"infusion.{place}")
    with torch.inference_mode():
        magnifier, size = Magnifier().eval(), recipe.size
        frames = torch.zeros(3, 3, size, size)
        encoded = magnifier.encoder(frames)
        manipulated = magnifier.manipulator(encoded[:1], encoded[1:], recipe.factor)
        pairs = manipulated.flatten(0, 1)[None]
        pooled = as_read(pairs)
        flow = torch.zeros(1, 3, size, size)
        heads = model(flow=flow, latents=pooled if _form(recipe) == "pooled" else pairs)
    for handle in handles:
        handle.remove()
    return shape_of | {
        "frames": tuple(frames.shape),
        "encoded": tuple(encoded.shape),
        "manipulated": tuple(manipulated.shape),
        "pairs": _shape(pairs),
        "flow": _shape(flow),
        **{f"head.{name}": _shape(logits) for name, logits in heads.items()},
    }


def _shape(batch: torch.Tensor) -> tuple[int, ...]:
    return tuple(batch.shape[1:])


def _form(recipe: MethodRecipe) -> str:
    return recipe.stores["latents"].recipe.form


def _front(axis, shape_of: dict, recipe: MethodRecipe) -> None:
    """The steps from the frames to the inputs of the two networks."""
    _box(axis, 0, MIDDLE, "onset, apex,\npseudo-apex", shape_of["frames"], DATA)
    _box(axis, 1.5, TOP, "TV-L1, strain", None, DATA)
    _box(axis, 3, TOP, "flow image", shape_of["flow"], DATA)
    _box(axis, 1, BOTTOM, "encoder", shape_of["encoded"], MAGNIFIER)
    _box(axis, 2, BOTTOM, f"manipulator\n×{recipe.factor}", shape_of["manipulated"], MAGNIFIER)
    _box(axis, 3, BOTTOM, "both pairs\nconcatenated", shape_of["pairs"], MAG)
    for lane, column in ((TOP, 1.5), (BOTTOM, 1)):
        sign = 1 if lane == TOP else -1
        _arrow(axis, (0, MIDDLE + sign * HEIGHT / 2), (column * STEP - WIDTH / 2, lane))
    for lane, *columns in ((TOP, 1.5, 3, STEM), (BOTTOM, 1, 2, 3, STEM)):
        for start, stop in zip(columns, columns[1:], strict=False):
            _arrow(axis, (start * STEP + WIDTH / 2, lane), (stop * STEP - WIDTH / 2, lane))
    _text(axis, 1.5, BOTTOM - 0.75, "magnifier, frozen")
    stored = STEM if _form(recipe) == "pooled" else 3
    _text(axis, 3, TOP + 0.75, "store: flow")
    _text(axis, stored, BOTTOM - 0.75, "store: latents")


def _network(axis, lane: float, name: str, colour: str, shape_of: dict) -> None:
    """A network's lane from its stem to the arrow into its head."""
    _box(axis, STEM, lane, "stem" if lane == TOP else "ReLU, max-pool", shape_of[f"{name}.stem"], colour)
    for column, place in enumerate(BLOCKS, STEM + 1):
        _box(axis, column, lane, place.replace("block", "block "), shape_of[f"{name}.{place}"], colour)
    _box(axis, POOLED, lane, "average pool", shape_of[f"{name}.pooled"], colour)
    for column in range(STEM, HEAD):
        _arrow(axis, (column * STEP + WIDTH / 2, lane), ((column + 1) * STEP - WIDTH / 2, lane))
    _text(axis, (STEM + POOLED) / 2, lane + (0.75 if lane == TOP else -0.75), name, weight="bold")


def _infusion(axis, x: float, scope: str, shape: tuple[int, ...]) -> None:
    """A mask: from FrameFlow's arrow through min-max to the product on FrameMag's arrow."""
    axis.plot(x, TOP, "o", color="black", markersize=4)
    _arrow(axis, (x, TOP), (x, MIDDLE + HEIGHT / 2))
    _box(axis, x / STEP, MIDDLE, f"min-max by\n{scope}", shape, INFUSION)
    _arrow(axis, (x, MIDDLE - HEIGHT / 2), (x, BOTTOM + RADIUS))
    axis.add_patch(plt.Circle((x, BOTTOM), RADIUS, facecolor=INFUSION, edgecolor="black", zorder=3))
    d = RADIUS * 0.6
    for slope in (1, -1):
        axis.plot([x - d, x + d], [BOTTOM - slope * d, BOTTOM + slope * d], color="black", lw=1.2, zorder=4)


def _box(axis, column: float, y: float, title: str, shape: tuple[int, ...] | None, colour: str) -> None:
    x = column * STEP
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    axis.add_patch(plt.Rectangle(corner, WIDTH, HEIGHT, facecolor=colour, edgecolor="black", zorder=2))
    text = title if shape is None else f"{title}\n{'×'.join(map(str, shape))}"
    axis.text(x, y, text, ha="center", va="center", fontsize=8.5, zorder=3)


def _text(axis, column: float, y: float, text: str, **style) -> None:
    axis.text(column * STEP, y, text, ha="center", va="center", fontsize=10, **style)


def _arrow(axis, start: tuple[float, float], stop: tuple[float, float]) -> None:
    axis.annotate(
        "", stop, start, arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
    )
