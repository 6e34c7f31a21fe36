"""The ``infusenet`` command: one subcommand a stage."""

import argparse
import sys
from pathlib import Path

from infusenet import audit_commands, commands, store_commands
from infusenet.databases.options import HELP as READ_OPTIONS
from infusenet.errors import InputError
from infusenet.settings import STAGES
from infusenet.standins import NUISANCE


def _key_path(text: str) -> tuple[str, Path]:
    key, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=DIR")
    return key, Path(path)


def _stores(sub, required: bool = True, about: str = "") -> None:
    sub.add_argument(
        "--stores", nargs="+", required=required, metavar="DIR",
        help=f"{about}the cache, and DATABASE=DIR for each database whose stores lie elsewhere",
    )  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infusenet", description=__doc__)
    parser.add_argument("--log", type=Path, help="write what goes to stderr into this file too")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, action, help, parent=subparsers):
        sub = parent.add_parser(name, help=help, description=help)
        sub.set_defaults(action=action)
        return sub

    sub = command("standins", commands.standins, "write six synthetic databases in the real native layouts")
    sub.add_argument("output", type=Path)
    sub.add_argument("--scale", choices=("demo", "full"), default="demo")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--processes", type=int, help="default: all cores")
    sub.add_argument(
        "--nuisance", choices=tuple(NUISANCE), help="one level of brightness change and noise for all"
    )

    sub = command(
        "nuisance-bench", commands.nuisance_bench, "does infusion work? the methods on known artefacts"
    )
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument(
        "--weights", type=Path, nargs="+", default=[], help="magnifiers to compare with the project's own"
    )
    sub.add_argument("--cores", type=int, default=2)

    sub = command("read", commands.read, "read an owner's workbook and frame folders into a manifest")
    sub.add_argument("database")
    sub.add_argument("--annotations", type=Path, required=True)
    sub.add_argument("--frames", type=Path, required=True)
    sub.add_argument("--output", type=Path, required=True)
    for name, text in READ_OPTIONS.items():
        sub.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)

    sub = command("import", commands.import_joint, "split a joint cross-database table into manifests")
    sub.add_argument("table", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--frames", type=_key_path, nargs="+", action="extend", default=[], metavar="KEY=DIR")

    sub = command("summary", commands.summary, "clips, subjects and AU positives by database")
    sub.add_argument("manifests", type=Path, nargs="+")

    sub = command("faces", commands.faces, "detect, align and crop the frames that later stages need")
    sub.add_argument("manifest", type=Path, help="a manifest or a clip list")
    sub.add_argument("--frames", type=Path, required=True)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--size", type=int)
    sub.add_argument("--ecc", action="store_true", default=None)
    sub.add_argument("--failed", choices=("stop", "skip"), default="stop")
    sub.add_argument("--contact-sheet", type=Path)
    sub.add_argument("--processes", type=int, default=1)

    sub = command("flow", commands.flow, "TV-L1 optical flow and strain, onset to apex")
    sub.add_argument("faces", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--photometric", choices=STAGES["flow"]["photometric"].choices)
    sub.add_argument("--strain", choices=STAGES["flow"]["strain"].choices)
    sub.add_argument("--processes", type=int, default=1)

    sub = command("latents", commands.latents, "magnified latents of the onset-apex pairs")
    sub.add_argument("faces", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the stage's recipe as JSON")
    sub.add_argument("--weights", type=Path)
    sub.add_argument("--latent", choices=STAGES["latents"]["latent"].choices)
    sub.add_argument("--factor", type=float)
    sub.add_argument("--form", choices=STAGES["latents"]["form"].choices)
    sub.add_argument("--size", type=int)
    sub.add_argument("--photometric", choices=STAGES["latents"]["photometric"].choices)
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)

    def parts_of(parent):
        return parent.add_subparsers(dest="part", required=True, metavar="PART")

    store_commands.register(command, parts_of)
    audit_commands.register(command, _key_path)

    parts = parts_of(command("magnifier", None, "the motion magnifier's own commands"))
    sub = command(
        "train", commands.magnifier_train, "train the magnifier on procedural sub-pixel motion", parts
    )
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--steps", type=int)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)

    sub = command("evaluate", commands.magnifier_evaluate, "measure magnifiers on known motion", parts)
    sub.add_argument("--weights", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--output", type=Path, required=True, help="folder for tables and picture")
    sub.add_argument("--device", default="auto")
    sub.add_argument("--threads", type=int)

    sub = command("left-out", commands.left_out, "list the clips that failed in any of a database's stores")
    sub.add_argument("stores", type=Path, nargs="+")
    sub.add_argument("--output", type=Path, required=True)

    sub = command("train", commands.train, "train one method on all databases but one")
    sub.add_argument("method")
    sub.add_argument("--held-out", required=True)
    _stores(sub)
    sub.add_argument("--manifests", type=Path, required=True)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--recipe", help="the method's recipe as JSON; default: from --config")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))
    sub.add_argument("--databases", nargs="+", help="default: every manifest in --manifests")
    sub.add_argument(
        "--left-out", type=Path, nargs="+", default=[], help="lists of clips that other methods lack"
    )
    sub.add_argument("--workers", type=int, default=0)
    sub.add_argument("--device", default="auto")

    sub = command("predict", commands.predict, "score a run's held-out database")
    sub.add_argument("run", type=Path)
    _stores(sub)
    sub.add_argument("--manifests", type=Path, required=True)
    sub.add_argument("--output", type=Path, help="default: RUN/predictions.csv")
    sub.add_argument(
        "--left-out", type=Path, nargs="+", default=[], help="lists of clips that other methods lack"
    )
    sub.add_argument("--workers", type=int, default=0)
    sub.add_argument("--device", default="auto")

    sub.add_argument("--standins", action="store_true", help="say in run.json that no real database was used")

    sub = command("evaluate", commands.evaluate, "F1 tables and a heat map from runs' predictions")
    sub.add_argument("runs", type=Path, nargs="+")
    sub.add_argument("--output", type=Path, required=True)

    sub = command("compare", commands.compare, "why two runs differ: the first difference, data to metric")
    sub.add_argument("run_a", type=Path, metavar="RUN_A")
    sub.add_argument("run_b", type=Path, metavar="RUN_B")

    sub = command("report", commands.report, "a table or figure of the paper from finished runs")
    sub.add_argument("target", help="table1 to table3, claims, figure1 to figure5")
    sub.add_argument("runs", type=Path, nargs="*")
    sub.add_argument("--output", type=Path, required=True, help="a folder")
    _stores(sub, required=False, about="figures 1 and 5: ")
    sub.add_argument("--manifests", type=Path, help="figures 1 and 5")
    sub.add_argument("--clips", nargs="*", default=[], help="DATABASE/SUBJECT/CLIP (figure 5: with :AU<n>)")
    sub.add_argument("--weights", type=Path, help="figure 1: the magnifier behind the latents")
    sub.add_argument("--recipe", help="figure 2: InfuseNet's recipe as JSON; default: from --config")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))

    sub = command("methods", commands.methods, "list every method: inputs, parameters, recipe, source")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))

    sub = command("plan", commands.plan, "what a run would do and why, before it runs")
    sub.add_argument("target", nargs="?", default="all_folds", help="a target or file of the workflow")

    sub = command("doctor", commands.doctor, "is this machine ready? what to mend, and how")
    sub.add_argument("--slurm", action="store_true", help="ask the cluster too")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))
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
        return args.action(args) or 0
    except InputError as error:
        print(f"infusenet: {error}", file=sys.stderr)
        return 1
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        print(f"infusenet: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
