"""The ``infusenet`` command: its log and its errors. Its subcommands are in `infusenet.cli.subcommands`."""

import signal
import sys
from pathlib import Path

from infusenet.cli.subcommands import build_parser
from infusenet.errors import InputError
from infusenet.files import sentence
from infusenet.snakemake_state import checkout


class Tee:
    """stderr that also writes a log file; progress bars (which return the carriage) stay out of it."""

    def __init__(self, stream, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.stream, self.file = stream, open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115

    def write(self, text: str) -> int:
        if "\r" not in text:
            self.file.write(text)
            self.file.flush()
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if argv is None:
        # A path that the terminal's encoding lacks is printed escaped, after the work is done, not refused.
        sys.stdout.reconfigure(errors="backslashreplace")
        # A cluster ends jobs with SIGTERM: exit as after Ctrl-C, so that locks and temporary files are removed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
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
