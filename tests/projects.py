"""A checkout's workflow in a folder of its own, and Snakemake on it.

The stages are replaced by a command that only writes its outputs, so that Snakemake's decisions on
the real rules are tested in seconds; the stages themselves have tests of their own.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import yaml

from infusenet import files
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.protocol import AUS
from infusenet.report.tables_and_figures import TARGETS

ROOT = Path(__file__).parents[1]
NAMES = ("one", "two", "three")
FORKS = Path(__file__).with_name("snakemake_forks.py")

# The head of commands that stand in for `infusenet`: the files of a job by its words, None for a stage. They start
# without the environment's packages, for which each job would wait longer than for the rest of it.
JOB_FILES = f"""#!{{python}} -IS
import os, sys
OUTPUTS = dict({[(name, target.files) for name, target in TARGETS.items()]!r})
words = sys.argv[3:]
output = words[words.index("--output") + 1]
files = dict(
    train=["weights.safetensors", "log.csv"],
    evaluate=["metrics.csv", "metrics.md", "heatmap.png", "reliability.png", "training.png"],
    report=OUTPUTS.get(words[1], ()),
    ledger=["ledger.csv", "ledger.html"],
).get(words[0])
if files is not None:
    files = [os.path.join(output, name) for name in files]
elif words[0] == "predict":
    files = [output, os.path.join(os.path.dirname(output), "run.json")]
"""
STAND_IN_COMMAND = (
    JOB_FILES
    + """
import zlib
text = " ".join(words)
if files is None:
    files = [output, output + ".sha256"]
if words[0] == "left-out":
    files, union = [output], "union.txt"
    text = open(union).read() if os.path.exists(union) else ""
if "--contact-sheet" in words:
    files.append(words[words.index("--contact-sheet") + 1])
ends = {{".png": b"IEND\\xaeB`\\x82", ".html": b"</html>"}}
for file in files:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as opened:
        opened.write(b"%064x" % zlib.crc32(text.encode()) + ends.get(os.path.splitext(file)[1], b"\\n"))
"""
)


def write_project(tmp_path: Path) -> Path:
    """A checkout's workflow with three tiny databases that came as manifests, and an environment in
    which `infusenet` is the stand-in command."""
    environment(tmp_path)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    config = yaml.safe_load((tmp_path / "workflow/config.yaml").read_text())
    config["databases"] = {}
    (tmp_path / "magnifier.pth").write_bytes(b"weights")
    config["latents"]["weights"] = "magnifier.pth"
    for name in NAMES:
        folder = tmp_path / "raw" / name / "s1" / "c1"
        folder.mkdir(parents=True)
        for number in range(1, 9):
            (folder / f"{number}.jpg").write_bytes(f"{name} {number}".encode())
        labels = {n: int(n == 4) for n in AUS}
        clip = Clip(name, "s1", "c1", 1, 3, 8, "s1/c1", "tense", "4", labels)
        files.write_if_changed(tmp_path / f"raw/{name}.csv", clip_table.to_csv([clip]))
        config["databases"][name] = {"manifest": f"raw/{name}.csv", "frames": f"raw/{name}"}
    (tmp_path / "workflow/config.yaml").write_text(yaml.safe_dump(config))
    command = tmp_path / "bin" / "infusenet"
    command.write_text(STAND_IN_COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> Path:
    """A virtual environment in ``folder`` with the packages of this one, without their commands."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return folder / "bin"


def copy_package(folder: Path) -> None:
    """``folder/infusenet`` with its bytecode, which else each copy would compile, but for what is just being written."""
    shutil.copytree(ROOT / "infusenet", folder / "infusenet", ignore=shutil.ignore_patterns("*.pyc.*"))


@functools.cache
def forks() -> subprocess.Popen:
    """The process that forks them; it ends when its input closes, with this one."""
    return subprocess.Popen(
        [sys.executable, FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def snakemake(project, *words, env=None) -> subprocess.CompletedProcess:
    """``project/bin/python -m snakemake --cores 2`` in ``project``, without the second of CPU time that
    its imports take: a fork of a process that has imported it."""
    return snakemake_of(forks(), project / "bin/python", project, *words, env=os.environ | (env or {}))


def snakemake_of(process, python, folder, *words, env=None, umask=0o022) -> subprocess.CompletedProcess:
    """The same in a fork of ``process``, whose account it has and, without ``env``, whose environment.

    The scheduler is Snakemake's quick one, unless ``words`` name another: it chooses the jobs' order alone.
    """
    words = ["--cores", "2", "--scheduler", "greedy", *words]
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        printed = [Path(place, name) for name in ("stdout", "stderr")]
        start = [*map(str, (python, folder)), env and dict(env), umask, words, list(map(str, printed))]
        process.stdin.write(json.dumps(start) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return subprocess.CompletedProcess(words, status, *(path.read_text() for path in printed))


def would_run(project, target="all_folds") -> dict[str, int]:
    """Rule name -> number of jobs that a dry run announces."""
    return announced(snakemake(project, "-n", "--quiet", "rules", "--", target))


def ran(project, target="all_folds") -> dict[str, int]:
    """Rule name -> number of jobs that a run has done."""
    return announced(snakemake(project, "--", target))


def announced(done: subprocess.CompletedProcess) -> dict[str, int]:
    assert done.returncode == 0, done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.M))
    return {rule: int(n) for rule, n in counts.items() if rule not in ("total", "all_folds", "paper")}


def reconfigure(project, edit):
    path = project / "workflow/config.yaml"
    config = yaml.safe_load(path.read_text())
    edit(config)
    path.write_text(yaml.safe_dump(config))
