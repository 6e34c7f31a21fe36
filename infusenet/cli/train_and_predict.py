"""Commands for folds: list the methods, train one, score its held-out database."""

from dataclasses import replace
from pathlib import Path

from infusenet.cli.shared_options import add_config, add_fold, has_configuration, method_recipe


def add_methods_options(sub) -> None:
    add_config(sub)


def methods(args):
    """Print every method with inputs, parameters, recipe and source, with the settings of the configuration."""
    from infusenet import magnifier, models
    from infusenet.config import configuration, json_schema, yaml_files
    from infusenet.config.methods import METHODS

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


def add_train_options(sub) -> None:
    sub.add_argument("method")
    sub.add_argument("--held-out", required=True)
    add_fold(sub)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the method's recipe as JSON; default: from --config")
    add_config(sub)
    sub.add_argument("--databases", nargs="+", help="default: every manifest in --manifests")


def train(args):
    from infusenet.training.folds import Folders
    from infusenet.training.trainer import train

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
        workers=args.workers,
        device=args.device,
    )


def add_predict_options(sub) -> None:
    sub.add_argument("run", type=Path)
    add_fold(sub)
    sub.add_argument("--output", type=Path, help="default: RUN/predictions.csv")
    sub.add_argument("--standins", action="store_true", help="say in run.json that no real database was used")


def predict(args):
    from infusenet.training.folds import Folders
    from infusenet.training.predict import predict

    predict(
        args.run,
        Folders(args.stores),
        args.manifests,
        args.output,
        left_out=args.left_out,
        workers=args.workers,
        device=args.device,
        standins=args.standins,
    )
