"""Commands for folds: list the methods, train one, score its held-out database."""

import os
from dataclasses import replace
from pathlib import Path

from infusenet.cli.shared_options import (
    add_config,
    add_fold,
    has_configuration,
    method_recipe,
    remark_workers,
)
from infusenet.config.configuration import PRECISION
from infusenet.config.options import COMPUTE


def add_methods_options(sub) -> None:
    add_config(sub)


def methods(args):
    """Print every method with inputs, parameters, recipe, source and departures from it, with the settings of the
    configuration."""
    from infusenet import magnifier, models
    from infusenet.config import configuration, json_schema, yaml_files
    from infusenet.config.departures import departure
    from infusenet.config.methods import METHODS
    from infusenet.models.unfilled_parameters import UnfilledParameters

    if has_configuration(args.config):
        raw = json_schema.validate(yaml_files.read(args.config))
        configuration.check_values(raw)
    else:
        raw = configuration.defaults()
    shipped = magnifier.load()
    cached = sum(p.numel() for part in (shipped.encoder, shipped.manipulator) for p in part.parameters())
    for name, method in METHODS.items():
        recipe = configuration.resolve_method(raw, name)
        # A magnifier given by its digest alone has the shapes of the shipped one.
        with UnfilledParameters():
            model = models.create(replace(recipe, weights="none", magnifier=None))
        parameters = f"{sum(p.numel() for p in model.parameters()):,} parameters"
        if {"latents", "decoded"} & recipe.stores.keys():
            parameters += f" beside the magnifier's {cached:,}, which are cached"
        settings = {
            name: value
            for name, value in recipe.as_dict().items()
            if name not in ("method", "model", "stores", "threads", "revision")
        }
        print(name)
        print(f"    {method.title}; {method.source}")
        print(f"    reads {', '.join(store.name for store in recipe.stores.values())}; {parameters}")
        print(f"    {', '.join(f'{k} {v}' for k, v in settings.items())}")
        if text := departure(name, recipe.as_dict()):
            print(f"    departs from its source: {text}")


def add_train_options(sub) -> None:
    sub.add_argument("method")
    sub.add_argument("--held-out", required=True)
    add_fold(sub)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the method's recipe as JSON; default: from --config")
    add_config(sub)
    sub.add_argument("--databases", nargs="+", help="default: every manifest in --manifests")
    sub.add_argument(
        "--precision", choices=COMPUTE["precision"].choices, default=os.environ.get(PRECISION, "auto"),
        help=f"of the training; default: ${PRECISION}, else auto",
    )  # fmt: skip
    sub.add_argument(
        "--captured", action="store_true",
        help="on CUDA, replay the step as a graph; it changes no bit, but no GPU has run it yet",
    )  # fmt: skip


def train(args):
    from infusenet.training.folds import Folders
    from infusenet.training.trainer import train

    remark_workers(args.workers)
    train(
        args.method,
        args.held_out,
        Folders(args.stores),
        args.manifests,
        args.seed,
        args.output,
        recipe=method_recipe(args, args.method),
        databases=args.databases,
        left_out=args.left_out,
        device=args.device,
        precision=args.precision,
        captured=args.captured,
    )


def add_predict_options(sub) -> None:
    sub.add_argument("run", type=Path)
    add_fold(sub)
    sub.add_argument("--output", type=Path, help="default: RUN/predictions.csv")
    sub.add_argument("--standins", action="store_true", help="say in run.json that no real database was used")
    sub.add_argument(
        "--all-candidates", action="store_true",
        help="the mean over all six pseudo-apexes, not one that the seed draws: scores of `infusenet detect`",
    )  # fmt: skip


def predict(args):
    from infusenet.training.folds import Folders
    from infusenet.training.predict import predict

    remark_workers(args.workers)
    predict(
        args.run,
        Folders(args.stores),
        args.manifests,
        args.output,
        left_out=args.left_out,
        device=args.device,
        standins=args.standins,
        all_candidates=args.all_candidates,
    )
