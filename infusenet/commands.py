"""What each subcommand does. Heavy imports stay inside, so that the command line answers at once."""

import json

from infusenet import recipe as recipes
from infusenet.errors import InputError, did_you_mean


def _recipe(args, stage: str) -> dict:
    """The stage's recipe: ``--recipe`` whole, else the defaults with the flags given."""
    flags = {name: getattr(args, name, None) for name in recipes.STAGES[stage] if name != "revision"}
    flags = {name: value for name, value in flags.items() if value is not None}
    if not args.recipe:
        return recipes.resolve(stage, flags)
    given = _json(args.recipe)
    settings = {k: v for k, v in given.items() if k not in ("stage", "revision")} | flags
    settings.pop("weights", None)
    resolved = recipes.resolve(
        stage, settings | ({"weights": flags["weights"]} if "weights" in flags else {})
    )
    if not flags and resolved != given:
        raise InputError(f"{stage}: --recipe is {given}, this version and these weights give {resolved}")
    return resolved


def _json(text: str) -> dict:
    """The object in an option's text."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"--recipe: no JSON ({error}): {text}") from None
    if not isinstance(value, dict):
        raise InputError(f"--recipe is {text}, expected a JSON object of settings")
    return value


def standins(args):
    from infusenet.standins import write

    write(
        args.output,
        scale=args.scale,
        seed=args.seed,
        processes=args.processes,
        nuisance=args.nuisance,
    )


def nuisance_bench(args):
    from infusenet.nuisance import bench

    bench(args.output, weights=args.weights, cores=args.cores)


def read(args):
    from infusenet.databases import Options
    from infusenet.databases import read as read_database
    from infusenet.manifest import to_csv, write_if_changed

    clips = read_database(args.database, args.annotations, args.frames, options=Options.of(vars(args)))
    write_if_changed(args.output, to_csv(clips))
    print(f"{args.output}: {len(clips)} clips of {args.database}")


def import_joint(args):
    from infusenet.databases.joint import import_table

    frames = dict(args.frames)
    if len(frames) < len(args.frames):
        keys = [key for key, _ in args.frames]
        twice = ", ".join(sorted({key for key in keys if keys.count(key) > 1}))
        raise InputError(f"--frames names {twice} twice; expected one frames root for a database")
    for path, count in import_table(args.table, args.output, frames):
        print(f"{path}: {count} clips")


def summary(args):
    from infusenet import manifest

    print(manifest.summary(manifest.read_manifest(path) for path in args.manifests))


def faces(args):
    from infusenet.stages.faces import build

    build(
        args.manifest,
        args.frames,
        args.output,
        _recipe(args, "faces"),
        processes=args.processes,
        failed=args.failed,
        contact_sheet=args.contact_sheet,
    )


def flow(args):
    from infusenet.stages.flow import build

    build(args.faces, args.output, _recipe(args, "flow"), processes=args.processes)


def latents(args):
    from infusenet.stages.latents import build

    build(
        args.faces,
        args.output,
        _recipe(args, "latents"),
        weights=args.weights,
        device=args.device,
        threads=args.threads,
    )


def left_out(args):
    from infusenet.folds import write_left_out

    write_left_out(args.stores, args.output)


def magnifier_train(args):
    from infusenet.magnifier.train import train

    train(args.output, steps=args.steps, seed=args.seed, device=args.device, threads=args.threads)


def magnifier_evaluate(args):
    from infusenet.magnifier.bench import evaluate

    evaluate(args.weights, args.output, device=args.device, threads=args.threads)
    print((args.output / "magnifier.md").read_text(encoding="utf-8"), end="")


def train(args):
    from infusenet.config import method_recipe
    from infusenet.folds import Folders
    from infusenet.train import train

    recipe = _json(args.recipe) if args.recipe else method_recipe(args.method, args.config)
    train(
        args.method,
        args.held_out,
        Folders(args.stores),
        args.manifests,
        args.seed,
        args.output,
        recipe=recipe,
        databases=args.databases,
        left_out=args.left_out,
        workers=args.workers,
        device=args.device,
    )


def predict(args):
    from infusenet.folds import Folders
    from infusenet.predict import predict

    predict(
        args.run,
        Folders(args.stores),
        args.manifests,
        args.output,
        left_out=args.left_out,
        workers=args.workers,
        device=args.device,
        standins=args.standins,
    )


def evaluate(args):
    from infusenet.evaluate import evaluate

    evaluate(args.runs, args.output)


def compare(args) -> int:
    """Exit status 1 where the runs differ, as `diff` has it."""
    from infusenet.compare import compare

    found = compare(args.run_a, args.run_b)
    if not found.step:
        print(f"no difference: {found.text}")
        return 0
    print(f"{found.step}: {found.text}")
    print(f"the same in both: {', '.join(found.same) or 'nothing before that'}")
    return 1


def methods(args):
    """Every method with inputs, parameters, recipe and source; settings as the configuration has them."""
    from infusenet import config, models
    from infusenet.methods import METHODS

    raw = config.validate(config.read(args.config))
    config.check_values(raw)
    for name, method in METHODS.items():
        recipe = config.resolve_method(raw, name)
        model = models.create(recipe | {"weights": "none"})
        parameters = sum(p.numel() for p in model.parameters())
        shown = {
            k: v for k, v in recipe.items() if k not in ("method", "model", "stores", "threads", "revision")
        }
        print(name)
        print(f"    {method.title}; {method.source}")
        print(f"    reads {', '.join(method.reads(recipe).values())}; {parameters:,} parameters")
        print(f"    {', '.join(f'{k} {v}' for k, v in shown.items())}")


def plan(args):
    from infusenet.plan.clips import changes
    from infusenet.plan.jobs import jobs
    from infusenet.plan.show import show
    from infusenet.plan.times import estimates

    planned = jobs(args.target)
    changed = changes(planned)
    print("\n".join(show(planned, changed, estimates(planned, changed))))


def doctor(args):
    from infusenet.doctor import examine

    findings = []
    for finding in examine(args.config, args.slurm):
        print(finding, flush=True)
        findings.append(finding)
    if mend := sum(finding.level == "mend" for finding in findings):
        raise InputError(f"{mend} of {len(findings)} findings must be mended")


def report(args):
    from infusenet.report import TARGETS
    from infusenet.report.needs import OUTPUTS, PICTURES

    name = args.target
    if name not in OUTPUTS:
        raise InputError(f"unknown table or figure '{name}' {did_you_mean(name, OUTPUTS)}")
    if name in TARGETS:
        TARGETS[name](args.runs, args.output)
        return
    picture = args.output / OUTPUTS[name][0]
    if name == "figure2":
        from infusenet.config import method_recipe
        from infusenet.report.figure2 import figure2

        recipe = _json(args.recipe) if args.recipe else method_recipe("infusenet_resnet18", args.config)
        figure2(recipe, picture)
        return
    if name in PICTURES and not (args.stores and args.manifests):
        raise InputError(f"{name} shows faces: give --stores and --manifests")
    from infusenet.folds import Folders

    stores = Folders(args.stores)
    if name == "figure1":
        from infusenet.report.figure1 import figure1

        clip = args.clips[0] if args.clips else None
        figure1(args.runs, stores, args.manifests, picture, clip, args.weights)
    else:
        from infusenet.report.figure5 import figure5

        figure5(args.runs, stores, args.manifests, picture, args.clips)
