"""Commands before any stage: stand-ins, workbooks read into manifests, their summary and audit."""

from pathlib import Path

from infusenet.cli.shared_options import add_config, key_path
from infusenet.databases.read_options import FLAGS as READ_FLAGS
from infusenet.errors import InputError
from infusenet.standins import NUISANCE


def add_standins_options(sub) -> None:
    sub.add_argument("output", type=Path)
    sub.add_argument("--scale", choices=("demo", "full"), default="demo")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--processes", type=int, help="default: all cores")
    sub.add_argument(
        "--nuisance", choices=tuple(NUISANCE), help="one level of brightness change and noise for all"
    )
    sub.add_argument(
        "--amplitude", type=float, default=1.0, help="factor on the peaks of Action Units, 0 to 1; default: 1"
    )


def standins(args):
    from infusenet.standins import write

    write(
        args.output,
        scale=args.scale,
        seed=args.seed,
        processes=args.processes,
        nuisance=args.nuisance,
        amplitude=args.amplitude,
    )


def add_read_options(sub) -> None:
    sub.add_argument("database")
    sub.add_argument(
        "--annotations", type=Path, nargs="+", required=True, help="one workbook, or several read as one"
    )
    sub.add_argument("--frames", type=Path, required=True)
    sub.add_argument("--output", type=Path, help="the manifest; may be left out with --compare")
    sub.add_argument(
        "--compare", type=Path, metavar="TABLE",
        help="print each clip that differs from a joint table or a manifest, and why; exit status 1 if one does",
    )  # fmt: skip
    for name, keywords in READ_FLAGS.items():
        sub.add_argument(f"--{name.replace('_', '-')}", **keywords)


def read(args) -> int:
    """Exit status 1 where clips differ from those of ``--compare``, like the command `diff`."""
    from infusenet.databases import Options, table_comparison
    from infusenet.databases import examine as examine_database
    from infusenet.databases.audit import FINDINGS
    from infusenet.databases.clip_table import to_csv
    from infusenet.files import write_if_changed

    if not (args.output or args.compare):
        raise InputError("nothing to do with what is read: give --output CSV, --compare TABLE or both")
    options = Options.of(vars(args), args.not_in_cd6me)
    # A manifest is written of sound rows only; a comparison lists the others with their reason.
    exclude = () if args.output else FINDINGS
    reading = examine_database(args.database, args.annotations, args.frames, options=options, exclude=exclude)
    if args.output:
        write_if_changed(args.output, to_csv(reading.clips))
        print(f"{args.output}: {len(reading.clips)} clips of {args.database}")
    if not args.compare:
        return 0
    table, is_cd6me = table_comparison.read_table(args.compare, args.database)
    differences = table_comparison.differences(args.database, reading, table, is_cd6me)
    print(
        table_comparison.page(differences, f"{len(reading.clips)} clips read, {len(table)} in {args.compare}")
    )
    return int(bool(differences))


def add_import_joint_options(sub) -> None:
    sub.add_argument("table", type=Path)
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument("--frames", type=key_path, nargs="+", action="extend", default=[], metavar="KEY=DIR")


def import_joint(args):
    from infusenet.databases.joint_table import import_table

    frames = dict(args.frames)
    if len(frames) < len(args.frames):
        keys = [key for key, _ in args.frames]
        duplicates = ", ".join(sorted({key for key in keys if keys.count(key) > 1}))
        raise InputError(f"--frames names {duplicates} twice; expected one frames root per database")
    for path, count in import_table(args.table, args.output, frames):
        print(f"{path}: {count} clips")


def add_summary_options(sub) -> None:
    sub.add_argument("manifests", type=Path, nargs="+")


def summary(args):
    from infusenet.databases import clip_table

    print(clip_table.summary(clip_table.read_manifest(path) for path in args.manifests))


def add_audit_options(sub) -> None:
    sub.add_argument("database")
    add_config(sub)
    sub.add_argument("--output", type=Path, help="write every annotated clip with its findings (CSV)")


def audit(args):
    from infusenet.config import configuration
    from infusenet.databases import audit, sync
    from infusenet.files import write_if_changed

    config = configuration.load(args.config)
    policies = config["audit"]
    examined = sync.examine_database(args.database, config)
    excluded = audit.excluded(examined.findings, policies)
    for kind, policy in policies.items():
        findings = [finding for finding in examined.findings if finding.kind == kind]
        if findings:
            print(f"{kind}: {len(findings)}: {policy}")
            for finding in findings:
                print(f"    {finding.clip or 'the table'}: {finding.detail}")
    annotated = len(examined.annotated)
    print(
        f"{args.database}: {annotated} annotated, {annotated - len(excluded)} kept, {len(excluded)} excluded"
    )
    if args.output:
        write_if_changed(args.output, audit.to_csv(examined.annotated, examined.findings, policies))
    audit.stop(examined.findings, policies, args.database)
