"""Commands for the stages of the preprocessing (faces, flow, latents) and for the clips that failed in them."""

import os
import sys
from pathlib import Path

from infusenet.cli.shared_options import add_machine, json_object
from infusenet.config import stage_recipes
from infusenet.config.configuration import FLOW_DEVICE
from infusenet.config.options import STAGES
from infusenet.errors import InputError
from infusenet.large_imports import first_import_of


def _add_result(sub) -> None:
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")


def add_faces_options(sub) -> None:
    sub.add_argument("manifest", type=Path, help="a manifest or a clip list")
    sub.add_argument("--frames", type=Path, required=True)
    _add_result(sub)
    sub.add_argument("--size", type=int)
    sub.add_argument("--ecc", action="store_true", default=None)
    sub.add_argument("--failed", choices=("stop", "skip"), default="stop")
    sub.add_argument("--contact-sheet", type=Path)
    sub.add_argument("--processes", type=int, default=1)


def faces(args):
    from infusenet.preprocess.faces import build

    build(
        args.manifest,
        args.frames,
        args.output,
        _recipe(args, "faces"),
        processes=args.processes,
        failed=args.failed,
        contact_sheet=args.contact_sheet,
    )


def add_flow_options(sub) -> None:
    sub.add_argument("faces", type=Path)
    _add_result(sub)
    sub.add_argument("--solver", choices=STAGES["flow"]["solver"].choices)
    sub.add_argument("--frames", type=int, choices=(1, 3))
    sub.add_argument("--photometric", choices=STAGES["flow"]["photometric"].choices)
    sub.add_argument("--strain", choices=STAGES["flow"]["strain"].choices)
    sub.add_argument("--processes", type=int, default=1)
    sub.add_argument(
        "--device", default=os.environ.get(FLOW_DEVICE, "auto"), help=f"default: ${FLOW_DEVICE}, else auto"
    )


def flow(args):
    from infusenet.preprocess.flow import build

    build(args.faces, args.output, _recipe(args, "flow"), processes=args.processes, device=args.device)


def add_latents_options(sub) -> None:
    sub.add_argument("faces", type=Path)
    _add_result(sub)
    sub.add_argument("--weights", type=Path)
    sub.add_argument("--latent", choices=STAGES["latents"]["latent"].choices)
    sub.add_argument("--factor", type=float)
    sub.add_argument("--form", choices=STAGES["latents"]["form"].choices)
    sub.add_argument("--size", type=int)
    sub.add_argument("--photometric", choices=STAGES["latents"]["photometric"].choices)
    add_machine(sub)


def latents(args):
    with first_import_of("torch"):
        from infusenet.preprocess.latents import build

    build(
        args.faces,
        args.output,
        _recipe(args, "latents"),
        weights=args.weights,
        device=args.device,
        threads=args.threads,
    )


def add_left_out_options(sub) -> None:
    sub.add_argument("stores", type=Path, nargs="+")
    sub.add_argument("--output", type=Path, required=True)


def left_out(args):
    from infusenet.training.left_out import write_left_out

    write_left_out(args.stores, args.output)


def _recipe(args, stage: str) -> stage_recipes.StageRecipe:
    """The stage's recipe: that in ``--recipe``, else the defaults with the flags of the command line."""
    flags = {name: getattr(args, name, None) for name in stage_recipes.STAGES[stage]}
    flags = {name: value for name, value in flags.items() if value is not None}
    recipe = json_object(args.recipe) if args.recipe else {}
    settings = stage_recipes.settings_of(recipe) | flags
    for name in stage_recipes.ignored(stage, flags, settings):
        print(f"--{name} {stage_recipes.IGNORED}", file=sys.stderr)
    if not args.recipe:
        return stage_recipes.resolve(stage, flags)
    if stage == "latents" and not stage_recipes.shipped_weights(recipe.get("weights")):
        settings["weights"] = flags.get("weights")
    resolved = stage_recipes.resolve(stage, settings)
    if not flags and resolved.as_dict() != recipe:
        raise InputError(
            f"{stage}: --recipe is {recipe}, this version and these weights give {resolved.as_dict()}"
        )
    return resolved
