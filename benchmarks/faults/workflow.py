"""Snakemake itself killed, and two working directories at one cache."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from lab import DATABASE, Lab, TrialRow, kill

from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.store import Store
from infusenet.store.lock import Lock

ROOT = Path(__file__).parents[2]


def project(lab: Lab, folder: Path, cache: Path) -> Path:
    """A working directory of a lab member: one database, a cache that others share."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    config = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())
    # Two, as the configuration wants them; the targets are of the first.
    shutil.copytree(lab.root / "standins", lab.root / "twins", dirs_exist_ok=True)
    databases = {
        name: {"reader": DATABASE}
        | {kind: str(root / place) for kind, place in STANDIN_SOURCES[DATABASE].items()}
        for name, root in ((DATABASE, lab.root / "standins"), ("twin", lab.root / "twins"))
    }
    config |= {"databases": databases, "cache": str(cache), "failed_clips": "skip"}
    config["faces"]["size"] = config["latents"]["size"] = 64
    config["every_method"] = {"size": 64}
    config["compute"]["processes"] = 1
    (folder / "workflow/config.yaml").write_text(yaml.safe_dump(config))
    return folder


def snakemake(folder: Path, *words: str) -> subprocess.Popen:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *words], cwd=folder, text=True,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}, stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def orphans(lab: Lab, count: int) -> list[TrialRow]:
    """Kill only Snakemake while its job builds faces; unlock and run again at once."""
    problems, met = [], 0
    for _ in range(count):
        home = lab.fresh("killed")
        folder, output = project(lab, home / "dir", home / "cache"), home / "cache" / DATABASE / "faces.h5"
        target = str(output.with_name("flow.h5"))
        first = snakemake(folder, "--", target)
        while not Lock(output).path.exists() and first.poll() is None:
            time.sleep(0.005)
        if first.returncode is not None:
            problems.append(first.communicate()[0][-500:])
            continue
        kill(first.pid)
        first.wait()
        # Suspended until the second run meets it, because that run starts slower than so few faces are built.
        orphan = json.loads(Lock(output).path.read_text())["pid"]
        os.kill(orphan, signal.SIGSTOP)
        snakemake(folder, "--unlock").communicate()
        second, log = snakemake(folder, "--rerun-incomplete", "--", target), ""
        for line in second.stdout:
            log += line
            if "waiting for it" in line:
                met += 1
                os.kill(orphan, signal.SIGCONT)
        second.wait()
        if second.returncode:
            problems.append(log[-500:])
        elif Store(output).sha256 != lab.digests["faces", "now"]:
            problems.append("another sha256")
    return [
        TrialRow(
            "SIGKILL of Snakemake, its job lives on as an orphan; unlock, second run at once",
            f"{count} runs",
            "; ".join(problems)
            or f"{met} second runs met the orphan and waited for it; all ended well, with the sha256 of an "
            "undisturbed build",
            not problems,
        )
    ]


def directories(lab: Lab, count: int) -> list[TrialRow]:
    """Let two members start the same targets on one empty cache at the same time."""
    problems, waited = [], 0
    for _ in range(count):
        home = lab.fresh("shared")
        folders = [project(lab, home / name, home / "cache") for name in ("ann", "bob")]
        target = home / "cache" / DATABASE / "flow.h5"
        runs = [snakemake(folder, "--", str(target)) for folder in folders]
        ends = [(run.communicate()[0], run.returncode) for run in runs]
        waited += sum("waiting for it" in log for log, _ in ends)
        problems += [log[-500:] for log, code in ends if code]
        if not target.exists() or Store(target).source["faces"] != lab.digests["faces", "now"]:
            problems.append("another sha256")
    return [
        TrialRow(
            "two Snakemake runs from two working directories on one empty cache",
            f"{count} pairs",
            "; ".join(problems)
            or f"all ended well, {waited} jobs waited for the other run's builder; faces.h5 has the sha256 "
            "of an undisturbed build",
            not problems,
        )
    ]
