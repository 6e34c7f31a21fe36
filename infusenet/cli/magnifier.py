"""Commands ``infusenet magnifier ...``: train a magnifier, measure magnifiers."""

from pathlib import Path

from infusenet.cli.shared_options import add_machine


def add_train_options(sub) -> None:
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--initial", type=Path, metavar="FILE", help="weights to start from")
    sub.add_argument("--steps", type=int)
    sub.add_argument("--seed", type=int, default=0)
    add_machine(sub)


def train(args):
    from infusenet.experiments.magnifier_bench import record
    from infusenet.magnifier.training import train

    train(
        args.output, record, steps=args.steps, seed=args.seed, device=args.device, threads=args.threads,
        initial=args.initial,
    )  # fmt: skip


def add_evaluate_options(sub) -> None:
    sub.add_argument("--weights", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument(
        "--output", type=Path, default=Path("results/magnifier"),
        help="folder for tables and picture (default: results/magnifier)",
    )  # fmt: skip
    add_machine(sub)


def evaluate(args):
    from infusenet.experiments.magnifier_bench import evaluate

    evaluate(args.weights, args.output, device=args.device, threads=args.threads)
    print((args.output / "magnifier.md").read_text(encoding="utf-8"), end="")
