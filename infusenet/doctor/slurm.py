"""Checks of a SLURM cluster against the profile in workflow/profiles/slurm.

A cluster does not report a wrong request: a job that fits no node stays pending for ever, and a status
command without a source never reports the end of a job. So the profile is compared with the settings
and nodes that the cluster reports.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import yaml

from infusenet.config import configuration
from infusenet.doctor.diagnosis import Diagnosis
from infusenet.doctor.slurm_requests import Nodes, parse_sinfo, requests
from infusenet.doctor.software import requirements, tested_versions, version_fault

PROFILE = Path("workflow/profiles/slurm/config.yaml")
PLUGIN = "snakemake-executor-plugin-slurm"
# A working controller answers in milliseconds; SLURM's own tools wait longer for a dead one.
PATIENCE = 5
# The plugin asks at most this many seconds apart, and refuses squeue if MinJobAge is below three first waits.
LONGEST_SLEEP = 180


class Silent(Exception):
    """A SLURM command that failed or did not answer in time."""


def cluster(config: dict) -> Iterator[Diagnosis]:
    """Check the plugin, the controller, its nodes, the source of job states, and whether jobs fit."""
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    yield plugin()
    if missing := [name for name in ("sinfo", "sbatch", "squeue", "scontrol") if not shutil.which(name)]:
        yield Diagnosis(
            "fix", "slurm", f"no {', '.join(missing)} here", "SLURM's commands", "log in to a submit node"
        )
        return
    try:
        nodes = parse_sinfo(ask("sinfo", "--noheader", "--format=%P|%T|%l|%c|%m|%G"))
        settings = dict(re.findall(r"^(\w+) *= (.*)$", ask("scontrol", "show", "config"), re.M))
    except Silent as error:
        yield Diagnosis(
            "fix", "slurm", f"the controller does not answer: {error}", f"an answer in {PATIENCE} s",
            "ask the administrators (slurmctld, munged); until then every snakemake call here is slow too",
        )  # fmt: skip
        return
    usable = [node for node in nodes if node.usable]
    states = ", ".join(sorted({f"{node.partition} {node.state}" for node in nodes}))
    if usable:
        yield Diagnosis("ok", "slurm", f"{settings.get('SLURM_VERSION')}; nodes: {states}")
    else:
        yield Diagnosis(
            "fix", "slurm", f"no usable node: {states or 'none at all'}", "one that is idle or at work",
            "sinfo -R says why; scontrol update nodename=NODE state=resume",
        )  # fmt: skip
    yield accounting(settings, profile)
    if usable:
        yield gpus(usable, config)
        yield from sizes(usable, config, profile)


def ask(*command: str) -> str:
    """The output of a SLURM command; raises Silent if it fails or takes longer than PATIENCE."""
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise Silent(f"{command[0]}: nothing within {PATIENCE} s") from None
    if process.returncode:
        raise Silent(f"{command[0]}: {(process.stderr or process.stdout).strip()}")
    return process.stdout


def plugin() -> Diagnosis:
    """Check Snakemake's SLURM plugin against the extra `slurm` and constraints.txt."""
    try:
        version = metadata.version(PLUGIN)
    except metadata.PackageNotFoundError:
        version = None
    fault = version_fault(requirements("slurm")[PLUGIN], version, tested_versions(), "plugin")
    remedy = "pip install --constraint constraints.txt --editable '.[slurm]'"
    return replace(fault, remedy=remedy) if fault else Diagnosis("ok", "plugin", f"{PLUGIN} {version}")


def accounting(settings: dict, profile: dict) -> Diagnosis:
    """Check that the profile asks for job states where this cluster keeps them."""
    command = profile.get("slurm-status-command", "sacct")
    off = not settings["AccountingStorageType"].endswith("/slurmdbd")
    age = int(re.match(r"\d+", settings["MinJobAge"])[0])
    needed = max(LONGEST_SLEEP, 3 * profile.get("slurm-init-seconds-before-status-checks", 40))
    if off and command != "squeue":
        return Diagnosis(
            "fix", "states", f"accounting is off, the profile asks {command}: finished jobs are never seen",
            "squeue", f"set slurm-status-command: squeue in {PROFILE}",
        )  # fmt: skip
    if command == "squeue" and age < needed:
        remedy = "ask for a longer MinJobAge in slurm.conf"
        return Diagnosis(
            "fix", "states", f"squeue forgets a finished job after {age} s (MinJobAge)",
            f"at least {needed} s, or the end of a job is missed",
            remedy if off else f"set slurm-status-command: sacct in {PROFILE}, or {remedy}",
        )  # fmt: skip
    if command == "sacct":
        try:
            ask("sacct", "--allocations", "--noheader", "--starttime=now")
        except Silent as error:
            return Diagnosis(
                "fix", "states", f"accounting is on but silent: {error}", "an answer, or another source",
                f"set slurm-status-command: squeue in {PROFILE}, or ask the administrators (slurmdbd)",
            )  # fmt: skip
    return Diagnosis("ok", "states", f"accounting is {'off' if off else 'on'}; the profile asks {command}")


def gpus(nodes: list[Nodes], config: dict) -> Diagnosis:
    """Compare `compute: gpu` with the nodes: `auto` looks at the submit node, which often has no GPU."""
    compute, has_gpus = config["compute"], any(node.gpus for node in nodes)
    requested = configuration.asks_for_gpu(compute)
    asks = f"compute: gpu is {str(compute['gpu']).lower()}, so jobs ask for {'one' if requested else 'none'}"
    if has_gpus and not requested and compute["device"] != "cpu":
        return Diagnosis(
            "fix", "gpu", f"the cluster has GPUs; {asks}", "a GPU for latents, train and predict",
            "set compute: gpu: true (or device: cpu, if the CPU is meant)",
        )  # fmt: skip
    if requested and not has_gpus:
        return Diagnosis(
            "fix", "gpu", f"no node offers a GPU; {asks} and stay pending", "none", "set compute: gpu: false"
        )
    return Diagnosis("ok", "gpu", f"{'GPUs' if has_gpus else 'no GPU'} on the nodes; {asks}")


def sizes(nodes: list[Nodes], config: dict, profile: dict) -> Iterator[Diagnosis]:
    """Check that each rule's request fits a node: SLURM does not report one that never can."""
    all_requests = requests(config, profile)
    unfit = [request for request in all_requests if not any(request.fits(node) for node in nodes)]
    if unfit:
        kinds = {
            f"{n.cores} cores, {n.memory_mb} MB, {n.minutes:g} min{', GPU' * n.gpus} in {n.partition}"
            for n in nodes
        }
        yield Diagnosis(
            "fix", "sizes", f"no node fits {'; '.join(map(str, unfit))}",
            f"a node of: {'; '.join(sorted(kinds))}",
            f"lower them in {PROFILE}, name another slurm_partition there, or lower compute: processes and threads",
        )  # fmt: skip
    else:
        yield Diagnosis(
            "ok", "sizes", f"the requests of {', '.join(r.rules for r in all_requests)} fit a node"
        )
