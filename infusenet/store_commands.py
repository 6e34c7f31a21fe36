"""``infusenet store ...``: the commands on published stores. Heavy imports stay inside."""

from pathlib import Path

from infusenet.errors import raise_all


def register(command, subparsers_of) -> None:
    """Add the subcommands; ``command(name, action, help, parent)`` makes one of them."""
    parts = subparsers_of(command("store", None, "verify, describe, repair and share stores"))

    sub = command("verify", verify, "check bytes, structure, checksums, keys, values and counts", parts)
    sub.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    sub.add_argument(
        "--manifest", type=Path, help="manifest or clip list; default: clips.csv beside the store"
    )

    sub = command("info", info, "where a store comes from, in one screen", parts)
    sub.add_argument("store", type=Path)

    sub = command(
        "repair", repair, "drop the clips that fail, so that the next build computes those alone", parts
    )
    sub.add_argument("store", type=Path)
    sub.add_argument(
        "--manifest", type=Path, help="manifest or clip list; default: clips.csv beside the store"
    )


def verify(args):
    from infusenet.verify import verify

    findings = []
    for path in args.stores:
        found = verify(path, args.manifest)
        findings += found
        if not found:
            print(f"{path}: sound")
    raise_all((finding.text for finding in findings), "stores are not as they were published")


def info(args):
    from infusenet.provenance import describe

    print(describe(args.store))


def repair(args):
    from infusenet.verify import repair

    dropped = repair(args.store, args.manifest)
    for clip in dropped:
        print(f"{args.store}: dropped clip {clip}")
    if dropped:
        print(
            f"{len(dropped)} clips dropped; `snakemake --cores all --force {args.store}` computes them again"
        )
    else:
        print(f"{args.store}: nothing had to be dropped")
