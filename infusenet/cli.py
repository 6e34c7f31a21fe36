"""The ``infusenet`` command: one subcommand a stage. Heavy imports stay inside the subcommands."""

import argparse
import json
import sys
from pathlib import Path

from infusenet import recipe as recipes
from infusenet.errors import InputError


def _key_path(text: str) -> tuple[str, Path]:
    key, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=DIR")
    return key, Path(path)


def _recipe(args, stage: str) -> dict:
    """The stage's recipe: ``--recipe`` whole, else the defaults with the flags given."""
    flags = {name: getattr(args, name, None) for name in recipes.STAGES[stage] if name != "revision"}
    flags = {name: value for name, value in flags.items() if value is not None}
    if not args.recipe:
        return recipes.resolve(stage, flags)
    given = json.loads(args.recipe)
    settings = {k: v for k, v in given.items() if k not in ("stage", "revision")} | flags
    settings.pop("weights", None)
    resolved = recipes.resolve(
        stage, settings | ({"weights": flags["weights"]} if "weights" in flags else {})
    )
    if not flags and resolved != given:
        raise InputError(f"{stage}: --recipe is {given}, this version and these weights give {resolved}")
    return resolved


def standins(args):
    from infusenet.standins import write

    write(args.output, scale=args.scale, seed=args.seed, processes=args.processes)


def read(args):
    from infusenet.databases import read as read_database
    from infusenet.manifest import to_csv, write_if_changed

    clips = read_database(args.database, args.annotations, args.frames)
    write_if_changed(args.output, to_csv(clips))
    print(f"{args.output}: {len(clips)} clips of {args.database}")


def import_joint(args):
    from infusenet.databases.joint import import_table

    for path, count in import_table(args.table, args.output, dict(args.frames or [])):
        print(f"{path}: {count} clips")


def summary(args):
    from infusenet import manifest

    print(manifest.summary(manifest.read_manifest(path) for path in args.manifests))


def faces(args):
    from infusenet.stages.faces import build

    build(
        args.manifest,
        args.frames,
        args.output,
        _recipe(args, "faces"),
        processes=args.processes,
        failed=args.failed,
        contact_sheet=args.contact_sheet,
    )


def flow(args):
    from infusenet.stages.flow import build

    build(args.faces, args.output, _recipe(args, "flow"), processes=args.processes)


def latents(args):
    from infusenet.stages.latents import build

    build(
        args.faces,
        args.output,
        _recipe(args, "latents"),
        weights=args.weights,
        device=args.device,
        threads=args.threads,
    )


def magnifier_train(args):
    from infusenet.magnifier.train import train

    train(args.output, steps=args.steps, seed=args.seed, device=args.device, threads=args.threads)


def train(args):
    from infusenet.config import method_recipe
    from infusenet.train import train

    recipe = json.loads(args.recipe) if args.recipe else method_recipe(args.method, args.config)
    train(
        args.method,
        args.held_out,
        args.stores,
        args.manifests,
        args.seed,
        args.output,
        recipe=recipe,
        databases=args.databases,
        workers=args.workers,
        device=args.device,
    )


def predict(args):
    from infusenet.predict import predict

    predict(args.run, args.stores, args.manifests, args.output, workers=args.workers, device=args.device)


def evaluate(args):
    from infusenet.evaluate import evaluate

    evaluate(args.runs, args.output)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infusenet", description=__doc__)
    parser.add_argument("--log", type=Path, help="write what goes to stderr into this file too")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, action, help, parent=commands):
        sub = parent.add_parser(name, help=help, description=help)
        sub.set_defaults(action=action)
        return sub

    sub = command("standins", standins, "write six synthetic databases in the real native layouts")
    sub.add_argument("output", type=Path)
    sub.add_argument("--scale", choices=("demo", "full"), default="demo")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--processes", type=int, help="default: all cores")

    sub = command("read", read, "read an owner's workbook and frame folders into a manifest")
    sub.add_argument("database")
    sub.add_argument("--annotations", type=Path, required=True)
    sub.add_argument("--frames", type=Path, required=True)
    sub.add_argument("--output", type=Path, required=True)

    sub = command("import", import_joint, "split a joint cross-database table into manifests")
    sub.add_argument("table", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--frames", type=_key_path, action="append", metavar="KEY=DIR")

    sub = command("summary", summary, "clips, subjects and AU positives by database")
    sub.add_argument("manifests", type=Path, nargs="+")

    sub = command("faces", faces, "detect, align and crop the frames that later stages need")
    sub.add_argument("manifest", type=Path, help="a manifest or a clip list")
    sub.add_argument("--frames", type=Path, required=True)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--size", type=int)
    sub.add_argument("--ecc", action="store_true", default=None)
    sub.add_argument("--failed", choices=("stop", "skip"), default="stop")
    sub.add_argument("--contact-sheet", type=Path)
    sub.add_argument("--processes", type=int, default=1)

    sub = command("flow", flow, "TV-L1 optical flow and strain, onset to apex")
    sub.add_argument("faces", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--photometric", choices=recipes.CHOICES["photometric"])
    sub.add_argument("--strain", choices=recipes.CHOICES["strain"])
    sub.add_argument("--processes", type=int, default=1)

    sub = command("latents", latents, "magnified latents of the onset-apex pairs")
    sub.add_argument("faces", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--weights", type=Path)
    sub.add_argument("--latent", choices=recipes.CHOICES["latent"])
    sub.add_argument("--factor", type=float)
    sub.add_argument("--form", choices=recipes.CHOICES["form"])
    sub.add_argument("--size", type=int)
    sub.add_argument("--photometric", choices=recipes.CHOICES["photometric"][:2])
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)

    magnifier = command("magnifier", None, "the motion magnifier's own commands")
    parts = magnifier.add_subparsers(dest="part", required=True, metavar="PART")
    sub = command("train", magnifier_train, "train the magnifier on procedural sub-pixel motion", parts)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--steps", type=int)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)

    sub = command("train", train, "train one method on all databases but one")
    sub.add_argument("method")
    sub.add_argument("--held-out", required=True)
    sub.add_argument("--stores", type=Path, required=True)
    sub.add_argument("--manifests", type=Path, required=True)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the method's recipe as JSON; default: from --config")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))
    sub.add_argument("--databases", nargs="+", help="default: every manifest in --manifests")
    sub.add_argument("--workers", type=int, default=0)
    sub.add_argument("--device", default="auto")

    sub = command("predict", predict, "score a run's held-out database")
    sub.add_argument("run", type=Path)
    sub.add_argument("--stores", type=Path, required=True)
    sub.add_argument("--manifests", type=Path, required=True)
    sub.add_argument("--output", type=Path, help="default: RUN/predictions.csv")
    sub.add_argument("--workers", type=int, default=0)
    sub.add_argument("--device", default="auto")

    sub = command("evaluate", evaluate, "F1 tables and a heat map from runs' predictions")
    sub.add_argument("runs", type=Path, nargs="+")
    sub.add_argument("--output", type=Path, required=True)
    return parser


class Tee:
    """stderr that also writes a log file; progress bars (which return the carriage) stay out of it."""

    def __init__(self, stream, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.stream, self.file = stream, open(path, "w", encoding="utf-8")  # noqa: SIM115

    def write(self, text: str) -> int:
        if "\r" not in text:
            self.file.write(text)
            self.file.flush()
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if args.log:
        sys.stderr = Tee(sys.stderr, args.log)
    try:
        args.action(args)
    except InputError as error:
        print(f"infusenet: {error}", file=sys.stderr)
        return 1
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        print(f"infusenet: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
