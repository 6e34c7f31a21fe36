"""The ``infusenet`` command and its errors. Its subcommands are in `infusenet.cli.subcommands`."""

import signal
import sys
from argparse import Namespace
from pathlib import Path

from infusenet.cli.streams import Tee, quiet_pipes
from infusenet.cli.subcommands import build_parser
from infusenet.errors import InputError
from infusenet.files import sentence, unnameable
from infusenet.snakemake_state import checkout


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


def run(args: Namespace) -> int:
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
