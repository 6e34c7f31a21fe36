"""Commands before a run: the plan of its jobs, and the checks of this machine."""

from infusenet.cli.shared_options import add_config
from infusenet.errors import InputError


def add_plan_options(sub) -> None:
    sub.add_argument("target", nargs="?", default="all_folds", help="a target or file of the workflow")


def plan(args):
    from infusenet.snakemake_state.plan.changed_clips import changes
    from infusenet.snakemake_state.plan.jobs import jobs
    from infusenet.snakemake_state.plan.plan_text import show
    from infusenet.snakemake_state.plan.times import estimates

    all_jobs = jobs(args.target)
    job_changes = changes(all_jobs)
    print("\n".join(show(all_jobs, job_changes, estimates(all_jobs, job_changes))))


def add_doctor_options(sub) -> None:
    sub.add_argument("--slurm", action="store_true", help="ask the cluster too")
    add_config(sub)


def doctor(args):
    from infusenet.doctor import examine

    levels = []
    for diagnosis in examine(args.config, args.slurm):
        print(diagnosis, flush=True)
        levels.append(diagnosis.level)
    if errors := levels.count("fix"):
        raise InputError(f"{errors} of {len(levels)} checks failed and must be fixed")
