"""The ``infusenet`` command: its parser and its errors; a file for each group of subcommands.

Each group's ``register(command)`` gets a function ``command(name, action, help, parent)`` that makes a
subcommand. Heavy imports stay inside the actions, so that the command line answers at once.
"""

import argparse
import signal
import sys
from pathlib import Path

from infusenet.cli import before_a_run, databases, folds, magnifier, preprocess, report, store
from infusenet.cli.streams import Tee, quiet_pipes
from infusenet.errors import InputError
from infusenet.files import sentence, unnameable
from infusenet.snakemake_state import checkout


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infusenet", description="Micro-AU detection across databases.")
    parser.add_argument("--log", type=Path, help="write what goes to stderr into this file too")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, action, help, parent=subparsers):
        sub = parent.add_parser(name, help=help, description=help)
        sub.set_defaults(action=action)
        return sub

    # The order of the help follows the data.
    for topic in (databases, preprocess, store, magnifier, folds, report, before_a_run):
        topic.register(command)
    return parser


def main(argv: list[str] | None = None) -> int:
    """The exit status of the command in ``argv``; without it, of the command that this process is."""
    if argv is not None:
        return run(build_parser().parse_args(argv))
    # A path that the terminal's encoding lacks is printed escaped, after the work is done, not refused.
    sys.stdout.reconfigure(errors="backslashreplace")
    # A cluster ends jobs with SIGTERM: exit as after Ctrl-C, so that locks and temporary files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with quiet_pipes():
        return run(build_parser().parse_args())


def run(args: argparse.Namespace) -> int:
    """The exit status of a command; an error that its user can fix is printed in one line."""
    try:
        if args.log:
            sys.stderr = Tee(sys.stderr, args.log)
        if difference := checkout.other_package(Path.cwd()):
            print(f"note: {difference}", file=sys.stderr)
        return args.action(args) or 0
    except InputError as error:
        print(f"infusenet: {error}", file=sys.stderr)
        return 1
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        print(f"infusenet: {sentence(error)}", file=sys.stderr)
        return 1
    except UnicodeEncodeError as error:
        print(f"infusenet: {unnameable(error)}", file=sys.stderr)
        return 1
