"""The command for new footage: from folders of frames and videos to scores, pages and pictures."""

from pathlib import Path

from infusenet.cli.shared_options import add_machine
from infusenet.errors import InputError, raise_all


def add_detect_options(sub) -> None:
    sub.add_argument("inputs", type=Path, nargs="*", metavar="INPUT", help="folders of frames, video files")
    sub.add_argument(
        "--model", type=Path, nargs="+", required=True, metavar="RUN",
        help="run folders or bundles of one recipe, such as folds or seeds: mean and spread of their scores",
    )  # fmt: skip
    sub.add_argument("--clips", type=Path, metavar="CSV", help="instead of INPUT: path, onset, apex, offset")
    sub.add_argument(
        "--onset", type=int, metavar="N", help="frame number, as in the file's name; a video's are 1, 2, ..."
    )
    sub.add_argument("--apex", type=int, metavar="N")
    sub.add_argument("--offset", type=int, metavar="N", help="default: the last frame")
    sub.add_argument(
        "--spot", action="store_true", help="find the expressions where no onset and apex are given"
    )
    sub.add_argument("--rate", type=float, help="frames per second, for --spot; default: what a video says")
    sub.add_argument(
        "--magnifier", type=Path, metavar="FILE", help="the one behind the models' latents, if it is your own"
    )
    add_machine(sub)
    sub.add_argument("--output", type=Path, required=True, help="folder of scores.csv, index.html and pages")


def detect(args) -> None:
    from infusenet.detection.detect import detect

    summary = detect(
        _requests(args),
        args.model,
        args.output,
        rate=args.rate,
        magnifier=args.magnifier,
        device=args.device,
        threads=args.threads,
    )
    print(summary)


def _requests(args) -> list:
    """The clips that the words name."""
    from infusenet.detection.clip_list import ClipRequest, read_clips, window_problems

    names = [name for name in ("onset", "apex", "offset") if getattr(args, name) is not None]
    options = " and ".join(f"--{name}" for name in names)
    if args.rate is not None and not args.rate > 0:
        raise InputError(f"--rate is {args.rate:g}, expected a number of frames per second above 0")
    if bool(args.inputs) == bool(args.clips):
        both = "both are given" if args.clips else "none is given"
        raise InputError(f"clips: expected INPUT before --model, or --clips CSV; {both}")
    if args.clips:
        if names:
            raise InputError(f"{options}: not with --clips; write the numbers into {args.clips}")
        return read_clips(args.clips, args.spot)
    if not names and args.spot:
        return [ClipRequest(path) for path in args.inputs]
    if args.spot:
        raise InputError(f"{options} with --spot: give the key frames, or have them found")
    remedy = "give --onset and --apex, or have the expressions found by --spot"
    raise_all(window_problems(names, False, remedy), "clips")
    if len(args.inputs) > 1:
        raise InputError(
            f"{options} for {len(args.inputs)} inputs: expected one; list several with their numbers in a CSV for --clips"
        )
    return [ClipRequest(args.inputs[0], args.onset, args.apex, args.offset)]
