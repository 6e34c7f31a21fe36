"""Commands on finished runs and stores: tables, figures, pages, the comparison of runs; the nuisance bench."""

from pathlib import Path

from infusenet.cli.shared_options import add_config, add_stores, key_path, method_recipe
from infusenet.errors import InputError, did_you_mean
from infusenet.files import note_sizes


def add_evaluate_options(sub) -> None:
    sub.add_argument("runs", type=Path, nargs="+")
    sub.add_argument("--output", type=Path, required=True)


def evaluate(args):
    from infusenet.evaluation.evaluate import evaluate

    evaluate(args.runs, args.output)


def add_compare_options(sub) -> None:
    sub.add_argument("run_a", type=Path, metavar="RUN_A")
    sub.add_argument("run_b", type=Path, metavar="RUN_B")


def compare(args) -> int:
    """Print the first difference; exit status 1 where the runs differ, as of `diff`."""
    from infusenet.evaluation.run_comparison import compare

    difference = compare(args.run_a, args.run_b)
    if not difference.step:
        print(f"no difference: {difference.text}")
        return 0
    print(f"{difference.step}: {difference.text}")
    print(f"the same in both: {', '.join(difference.same) or 'nothing before that'}")
    return 1


def add_report_options(sub) -> None:
    sub.add_argument("target", help="table1 to table3, claims, activation, figure1 to figure5")
    sub.add_argument("runs", type=Path, nargs="*")
    sub.add_argument("--output", type=Path, required=True, help="a folder")
    add_stores(sub, required=False, about="activation, figures 1 and 5: ")
    sub.add_argument("--manifests", type=Path, help="activation, figures 1 and 5")
    sub.add_argument("--clips", nargs="*", default=[], help="DATABASE/SUBJECT/CLIP (figure 5: with :AU<n>)")
    sub.add_argument("--weights", type=Path, help="figure 1: the magnifier behind the latents")
    sub.add_argument("--recipe", help="figure 2: InfuseNet's recipe as JSON; default: from --config")
    add_config(sub)


def report(args):
    from infusenet.report.tables_and_figures import TARGETS

    name = args.target
    if name not in TARGETS:
        raise InputError(f"unknown table or figure '{name}' {did_you_mean(name, TARGETS)}")
    target = TARGETS[name]
    if target.function:
        target.make(args.runs, args.output)
    else:
        _look_into_models(args, name, args.output / target.files[0])
    note_sizes(args.output, target.files)


def _look_into_models(args, name: str, output: Path) -> None:
    from infusenet.report.tables_and_figures import INFUSENET, TARGETS

    if name == "figure2":
        from infusenet.report.figure2 import figure2

        figure2(method_recipe(args, INFUSENET), output)
        return
    if TARGETS[name].reads_stores and not (args.stores and args.manifests):
        raise InputError(
            f"{name} looks into models with the clips of their stores: give --stores and --manifests"
        )
    from infusenet.training.folds import Folders

    stores = Folders(args.stores)
    if name == "figure1":
        from infusenet.report.figure1 import figure1

        clip = args.clips[0] if args.clips else None
        figure1(args.runs, stores, args.manifests, output, clip, args.weights)
    elif name == "activation":
        from infusenet.report.activation import activation

        activation(args.runs, stores, args.manifests, output)
    else:
        from infusenet.report.figure5 import figure5

        figure5(args.runs, stores, args.manifests, output, args.clips)


def add_ledger_options(sub) -> None:
    sub.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    sub.add_argument("--frames", type=key_path, action="append", default=[], metavar="DATABASE=DIR",
                     help="owners' frames, for pictures of clips without a crop")  # fmt: skip
    sub.add_argument("--output", type=Path, required=True, help="folder of ledger.csv and ledger.html")


def ledger(args):
    from infusenet.files import write_if_changed
    from infusenet.report.ledger import collect, to_csv
    from infusenet.report.ledger_page import Pictures, page
    from infusenet.store import Store

    faces = {Store(path).database: path.with_name("faces.h5") for path in args.stores}
    faces = {name: path for name, path in faces.items() if path.is_file()}
    result = collect(args.stores)
    write_if_changed(args.output / "ledger.csv", to_csv(result))
    write_if_changed(args.output / "ledger.html", page(result, Pictures(faces, dict(args.frames))))
    note_sizes(args.output, ("ledger.csv", "ledger.html"))
    print(f"{args.output / 'ledger.csv'}: {len(result.entries)} clips")


def add_nuisance_bench_options(sub) -> None:
    sub.add_argument("--output", type=Path, required=True)
    sub.add_argument(
        "--weights", type=Path, nargs="+", default=[], help="magnifiers to compare with the project's own"
    )
    sub.add_argument("--cores", type=int, default=2)


def nuisance_bench(args):
    from infusenet.experiments.infusion_bench import bench

    bench(args.output, weights=args.weights, cores=args.cores)
