"""SLURM, as the profile in workflow/profiles/slurm will meet it.

A cluster answers a wrong request with silence: a job that fits no node stays pending for ever, and
a status command that has nothing to ask never sees a job end. So the profile is held against what
the cluster says of itself.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import yaml

from infusenet.config import configuration
from infusenet.doctor.finding import Finding
from infusenet.doctor.requests import Nodes, parse_sinfo, requests
from infusenet.doctor.software import pins

PROFILE = Path("workflow/profiles/slurm/config.yaml")
PLUGIN = "snakemake-executor-plugin-slurm"
# A controller in order answers in milliseconds; SLURM's own tools wait longer for a dead one.
PATIENCE = 5
# The plugin asks at most this many seconds apart, and gives up squeue below three first waits.
LONGEST_SLEEP = 180


class Silent(Exception):
    """A SLURM command that failed or did not answer in time."""


def cluster(config: dict) -> Iterator[Finding]:
    """The plugin, the controller, its nodes, how job states are asked for, and whether jobs fit."""
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    yield plugin()
    if missing := [name for name in ("sinfo", "sbatch", "squeue", "scontrol") if not shutil.which(name)]:
        yield Finding(
            "mend", "slurm", f"no {', '.join(missing)} here", "SLURM's commands", "log in to a submit node"
        )
        return
    try:
        nodes = parse_sinfo(ask("sinfo", "--noheader", "--format=%P|%T|%l|%c|%m|%G"))
        settings = dict(re.findall(r"^(\w+) *= (.*)$", ask("scontrol", "show", "config"), re.M))
    except Silent as error:
        yield Finding(
            "mend", "slurm", f"the controller does not answer: {error}", f"an answer in {PATIENCE} s",
            "ask the administrators (slurmctld, munged); until then every snakemake call here is slow too",
        )  # fmt: skip
        return
    usable = [node for node in nodes if node.usable]
    states = ", ".join(sorted({f"{node.partition} {node.state}" for node in nodes}))
    if usable:
        yield Finding("ok", "slurm", f"{settings.get('SLURM_VERSION')}; nodes: {states}")
    else:
        yield Finding(
            "mend", "slurm", f"no usable node: {states or 'none at all'}", "one that is idle or at work",
            "sinfo -R says why; scontrol update nodename=NODE state=resume",
        )  # fmt: skip
    yield accounting(settings, profile)
    if usable:
        yield gpus(usable, config)
        yield from sizes(usable, config, profile)


def ask(*command: str) -> str:
    """What a SLURM command prints; Silent if it fails or takes longer than it may."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise Silent(f"{command[0]}: nothing within {PATIENCE} s") from None
    if done.returncode:
        raise Silent(f"{command[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def plugin() -> Finding:
    """Snakemake's SLURM plugin, in the version that the extra `slurm` pins."""
    pin = pins("slurm")[PLUGIN]
    try:
        found = metadata.version(PLUGIN)
    except metadata.PackageNotFoundError:
        found = None
    if found == pin:
        return Finding("ok", "plugin", f"{PLUGIN} {found}")
    return Finding(
        "note" if found else "mend", "plugin", f"{PLUGIN} {found or 'is not installed'}",
        f"{pin}, the tested version", "pip install --constraint constraints.txt --editable '.[slurm]'",
    )  # fmt: skip


def accounting(settings: dict, profile: dict) -> Finding:
    """Does the profile ask for job states where this cluster keeps them?"""
    asked = profile.get("slurm-status-command", "sacct")
    off = not settings["AccountingStorageType"].endswith("/slurmdbd")
    age = int(re.match(r"\d+", settings["MinJobAge"])[0])
    needed = max(LONGEST_SLEEP, 3 * profile.get("slurm-init-seconds-before-status-checks", 40))
    if off and asked != "squeue":
        return Finding(
            "mend", "states", f"accounting is off, the profile asks {asked}: finished jobs are never seen",
            "squeue", f"set slurm-status-command: squeue in {PROFILE}",
        )  # fmt: skip
    if asked == "squeue" and age < needed:
        remedy = "ask for a longer MinJobAge in slurm.conf"
        return Finding(
            "mend", "states", f"squeue forgets a finished job after {age} s (MinJobAge)",
            f"at least {needed} s, or the end of a job is missed",
            remedy if off else f"set slurm-status-command: sacct in {PROFILE}, or {remedy}",
        )  # fmt: skip
    if asked == "sacct":
        try:
            ask("sacct", "--allocations", "--noheader", "--starttime=now")
        except Silent as error:
            return Finding(
                "mend", "states", f"accounting is on but silent: {error}", "an answer, or another source",
                f"set slurm-status-command: squeue in {PROFILE}, or ask the administrators (slurmdbd)",
            )  # fmt: skip
    return Finding("ok", "states", f"accounting is {'off' if off else 'on'}; the profile asks {asked}")


def gpus(nodes: list[Nodes], config: dict) -> Finding:
    """`compute: gpu: auto` looks at the machine that submits, which often has no GPU itself."""
    compute, there = config["compute"], any(node.gpus for node in nodes)
    wanted = configuration.asks_for_gpu(compute)
    asks = f"compute: gpu is {str(compute['gpu']).lower()}, so jobs ask for {'one' if wanted else 'none'}"
    if there and not wanted and compute["device"] != "cpu":
        return Finding(
            "mend", "gpu", f"the cluster has GPUs; {asks}", "a GPU for latents, train and predict",
            "set compute: gpu: true (or device: cpu, if the CPU is meant)",
        )  # fmt: skip
    if wanted and not there:
        return Finding(
            "mend", "gpu", f"no node offers a GPU; {asks} and stay pending", "none", "set compute: gpu: false"
        )
    return Finding("ok", "gpu", f"{'GPUs' if there else 'no GPU'} on the nodes; {asks}")


def sizes(nodes: list[Nodes], config: dict, profile: dict) -> Iterator[Finding]:
    """Does each rule's request fit a node? SLURM says nothing of one that never can."""
    asked = requests(config, profile)
    unfit = [request for request in asked if not any(request.fits(node) for node in nodes)]
    if unfit:
        kinds = {
            f"{n.cores} cores, {n.memory_mb} MB, {n.minutes:g} min{', GPU' * n.gpus} in {n.partition}"
            for n in nodes
        }
        yield Finding(
            "mend", "sizes", f"no node fits {'; '.join(map(str, unfit))}",
            f"a node of: {'; '.join(sorted(kinds))}",
            f"lower them in {PROFILE}, name another slurm_partition there, or lower compute: processes and threads",
        )  # fmt: skip
    else:
        yield Finding("ok", "sizes", f"the requests of {', '.join(r.rules for r in asked)} fit a node")
