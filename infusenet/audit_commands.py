"""``infusenet audit`` and ``infusenet ledger``. Heavy imports stay inside."""

from pathlib import Path


def register(command, key_path) -> None:
    """Add the subcommands; ``command(name, action, help)`` makes one, ``key_path`` reads KEY=DIR."""
    sub = command("audit", audit, "what looks wrong with a configured database, and what becomes of it")
    sub.add_argument("database")
    sub.add_argument("--config", type=Path, default=Path("workflow/config.yaml"))
    sub.add_argument("--output", type=Path, help="write every annotated clip with its findings (CSV)")

    sub = command("ledger", ledger, "one table and page of all failed, recovered and excluded clips")
    sub.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    sub.add_argument("--frames", type=key_path, action="append", default=[], metavar="DATABASE=DIR",
                     help="owners' frames, for pictures of clips without a crop")  # fmt: skip
    sub.add_argument("--output", type=Path, required=True, help="folder of ledger.csv and ledger.html")


def audit(args):
    from infusenet import audit, config, index
    from infusenet.manifest import write_if_changed

    settled = config.load(args.config)
    policies = settled["audit"]
    found = index.examine(args.database, settled)
    excluded = audit.excluded(found.findings, policies)
    for kind, policy in policies.items():
        these = [finding for finding in found.findings if finding.kind == kind]
        if these:
            print(f"{kind}: {len(these)}: {policy}")
            for finding in these:
                print(f"    {finding.clip or 'the table'}: {finding.detail}")
    annotated = len(found.annotated)
    print(
        f"{args.database}: {annotated} annotated, {annotated - len(excluded)} kept, {len(excluded)} excluded"
    )
    if args.output:
        write_if_changed(args.output, audit.to_csv(found.annotated, found.findings, policies))
    audit.stop(found.findings, policies, args.database)


def ledger(args):
    from infusenet.ledger import collect, to_csv
    from infusenet.manifest import write_if_changed
    from infusenet.report.ledger_page import Pictures, page
    from infusenet.store import Store

    faces = {Store(path).database: path.with_name("faces.h5") for path in args.stores}
    faces = {name: path for name, path in faces.items() if path.is_file()}
    found = collect(args.stores)
    write_if_changed(args.output / "ledger.csv", to_csv(found))
    write_if_changed(args.output / "ledger.html", page(found, Pictures(faces, dict(args.frames))))
    print(f"{args.output / 'ledger.csv'}: {len(found.entries)} clips")
