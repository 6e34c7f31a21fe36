"""Options that several subcommands share, and their parsed values."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infusenet.config.options import UNUSED_WORKERS
from infusenet.errors import InputError

if TYPE_CHECKING:
    from infusenet.config.method_recipe import MethodRecipe

CONFIG = Path("workflow/config.yaml")


def key_path(text: str) -> tuple[str, Path]:
    """``KEY=DIR``, as a type of argparse."""
    key, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=DIR")
    return key, Path(path)


def add_config(sub) -> None:
    sub.add_argument("--config", type=Path, default=CONFIG)


def has_configuration(path: Path) -> bool:
    """Whether there is a configuration to read. Only a checkout has the usual one: elsewhere the defaults hold."""
    if path != CONFIG or path.is_file():
        return True
    print(f"{path}: no such file, so every option has its default", file=sys.stderr)
    return False


def add_stores(sub, required: bool = True, about: str = "") -> None:
    sub.add_argument(
        "--stores", nargs="+", required=required, metavar="DIR",
        help=f"{about}the cache, and DATABASE=DIR for each database whose stores lie elsewhere",
    )  # fmt: skip


def add_machine(sub) -> None:
    """Options for running a network outside training."""
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)


def add_fold(sub) -> None:
    """Options for reading a fold; the same for training and prediction."""
    add_stores(sub)
    sub.add_argument("--manifests", type=Path, required=True)
    sub.add_argument(
        "--left-out", type=Path, nargs="+", default=[], help="lists of clips that other methods lack"
    )
    sub.add_argument(
        "--workers", type=int, default=0, help="accepted and ignored: no loader process is needed"
    )
    sub.add_argument("--device", default="auto")


def remark_workers(count: int) -> None:
    """Report on stderr that ``--workers`` changes nothing."""
    if count:
        print(f"--workers {count} {UNUSED_WORKERS}", file=sys.stderr)


def json_object(text: str) -> dict:
    """The object in ``--recipe``."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"--recipe: no JSON ({error}): {text}") from None
    if not isinstance(value, dict):
        raise InputError(f"--recipe is {text}, expected a JSON object of settings")
    return value


def method_recipe(args, method: str) -> "MethodRecipe":
    """The recipe in ``--recipe``, else the method's in ``--config`` or by default."""
    from infusenet.config import configuration, method_recipe

    if args.recipe:
        return method_recipe.from_dict(json_object(args.recipe), "--recipe")
    if has_configuration(args.config):
        return configuration.method_recipe(method, args.config)
    return configuration.resolve_method(configuration.defaults(), method)
