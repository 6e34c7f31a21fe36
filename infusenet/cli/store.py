"""Commands ``infusenet store ...``: verify, describe, repair and share published stores."""

from pathlib import Path

from infusenet.errors import InputError, raise_all


def _add_manifest(sub) -> None:
    sub.add_argument(
        "--manifest", type=Path, help="manifest or clip list; default: clips.csv beside the store"
    )


def add_verify_options(sub) -> None:
    sub.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    _add_manifest(sub)


def verify(args):
    from infusenet.store.verify import verify

    defects = []
    for path in args.stores:
        store_defects = verify(path, args.manifest)
        defects += store_defects
        if not store_defects:
            print(f"{path}: sound")
    raise_all((defect.text for defect in defects), "stores are not as they were published")


def add_info_options(sub) -> None:
    sub.add_argument("store", type=Path)


def info(args):
    from infusenet.store.provenance import describe

    print(describe(args.store))


def add_repair_options(sub) -> None:
    sub.add_argument("store", type=Path)
    _add_manifest(sub)


def repair(args):
    from infusenet.store.verify import repair

    dropped = repair(args.store, args.manifest)
    for clip in dropped:
        print(f"{args.store}: dropped clip {clip}")
    if args.store.is_file():
        print(f"{args.store}: sound, nothing had to be dropped")
    else:
        print(f"{args.store}: withdrawn; the next build takes its sound clips over and computes the others")


def add_diff_options(sub) -> None:
    sub.add_argument("a", type=Path, metavar="A", help="a store, or a folder of one database's stores")
    sub.add_argument("b", type=Path, metavar="B")


def diff(args) -> int:
    from infusenet.store.diff import diff

    for name, text in diff(args.a, args.b):
        print(f"{name}: {text or 'the same'}")
        if text:
            return 1
    return 0


def add_export_options(sub) -> None:
    sub.add_argument("database")
    group = sub.add_mutually_exclusive_group(required=True)
    group.add_argument(
        "--without-faces", dest="faces", action="store_false",
        help="leave out crops, decoded images and latents that hold the apex itself",
    )  # fmt: skip
    group.add_argument("--with-faces", dest="faces", action="store_true", help="everything in the cache")
    sub.add_argument(
        "--output", type=Path, help="a folder, or a file that ends in .tar (default: DATABASE.tar)"
    )
    sub.add_argument("--stores", type=Path, default=Path("cache"), metavar="DIR", help="default: cache")
    sub.add_argument("--manifests", type=Path, default=Path("data_manifests"), metavar="DIR")


def export(args):
    from infusenet.store.bundles import export

    output = args.output or Path(f"{args.database}.tar")
    names = export(args.database, args.stores, args.manifests, output, args.faces)
    print(f"{output}: {', '.join(names)}, manifest and README. Read its licence notice before you pass it on")


def add_import_options(sub) -> None:
    sub.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    sub.add_argument(
        "--output", type=Path, default=Path("shared"),
        help="where a .tar is unpacked (default: shared); a folder is used in its place",
    )  # fmt: skip


def import_(args):
    from infusenet.store.bundles import configuration_text, import_bundle

    folders = {}
    for bundle in args.bundles:
        database, folder = import_bundle(bundle, args.output)
        if database in folders:
            raise InputError(
                f"{bundle} and {folders[database]} both hold {database}; import only one of them"
            )
        folders[database] = folder
        print(f"{folder}: sound")
    print(
        f"In workflow/config.yaml (other databases beside them as before):\n\n{configuration_text(folders)}"
    )
