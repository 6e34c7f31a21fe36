"""Commands ``infusenet model ...``: share trained models, take them in, describe them."""

import os
from pathlib import Path


def _add_magnifier(sub) -> None:
    sub.add_argument(
        "--magnifier", type=Path, metavar="FILE",
        help="the magnifier that the recipe names, where it is not one of this package",
    )  # fmt: skip


def add_export_options(sub) -> None:
    sub.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folds or seeds of one method")
    sub.add_argument("--output", type=Path, required=True, help="a folder, or a file that ends in .tar")
    sub.add_argument("--licence", metavar="TEXT|FILE", help="the licence note of the model card")
    _add_magnifier(sub)
    sub.add_argument(
        "--standins", action="store_true", help="say in the bundle that no real database was used"
    )
    sub.add_argument(
        "--onnx",
        type=Path,
        metavar="FILE",
        help="also write the classifier of a single RUN as ONNX (extra: onnx)",
    )


def export(args):
    from infusenet.detection.model_sharing import export_models
    from infusenet.detection.onnx_export import export_onnx
    from infusenet.errors import InputError

    if args.onnx and len(args.runs) > 1:
        raise InputError(
            f"--onnx takes one classifier, {len(args.runs)} runs are named; give each its own call"
        )
    licence = args.licence
    if licence and os.path.isfile(licence):  # of a long text, pathlib raises an error
        licence = Path(licence).read_bytes().decode(errors="replace").strip()
    if args.onnx:
        export_onnx(args.runs[0], args.onnx, magnifier=args.magnifier)
        print(f"{args.onnx}: the classifier of {args.runs[0]}")
    export_models(args.runs, args.output, licence=licence, magnifier=args.magnifier, standins=args.standins)
    print(f"{args.output}: {len(args.runs)} models. Read model_card.md in it before you pass it on")


def add_import_options(sub) -> None:
    sub.add_argument("bundle", type=Path, metavar="BUNDLE")
    sub.add_argument(
        "--output", type=Path, metavar="DIR",
        help="where a .tar is unpacked (default: its name without .tar); a folder is used in its place",
    )  # fmt: skip


def import_(args):
    from infusenet.detection.model_sharing import import_models

    folder = args.bundle if args.bundle.is_dir() else args.output or Path(args.bundle.stem)
    models = import_models(args.bundle, folder)
    for model in models:
        print(model.title)
    print(f"{folder}: sound; give it to --model")


def add_info_options(sub) -> None:
    sub.add_argument("path", type=Path, metavar="RUN|BUNDLE")
    _add_magnifier(sub)


def info(args):
    from infusenet.detection.model_sharing import describe

    print(describe(args.path, args.magnifier))
