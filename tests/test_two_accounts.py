"""One folder, two accounts: with umask 002 both work in it, with umask 022 the second one reads."""

import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from lab import lab
from projects import FORKS, reconfigure, snakemake_of
from synthetic import write_database
from test_cut_outputs import COMMAND, SMALL

from infusenet.evaluation.evaluate import evaluate
from infusenet.preprocess.contact_sheet import contact_sheet
from infusenet.store import Store
from infusenet.store.bundles import export
from infusenet.store.bundles import import_bundle as take_in
from infusenet.training.predict import predict
from infusenet.training.trainer import train

ROOT = Path(__file__).parents[1]
ANNA, BEN, GROUP = 41001, 41002, 41000  # numbers without an account: none is needed
RUN = "results/off_apexnet/gamma/seed0"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")


def folder_for_all() -> Path:
    """Not pytest's own, which only its owner may look into."""
    path = Path(tempfile.mkdtemp(prefix="two-accounts-"))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def python():
    """An interpreter that other accounts may run, with the packages of this one."""
    folder = folder_for_all()
    names = (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
    trial = ["-c", "import venv, sqlite3"]
    usable = [name for name in names if shutil.which(name) and not run_as(BEN, [name, *trial]).returncode]
    if not usable:
        pytest.skip("no interpreter that other accounts may run")
    subprocess.run([usable[0], "-m", "venv", "--without-pip", folder / "env"], check=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    (packages / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    python = folder / "env/bin/python"
    for name, text in (("infusenet", COMMAND), ("snakemake", "#!{python} -m snakemake\n")):
        (folder / "env/bin" / name).write_text(text.format(python=python))
        (folder / "env/bin" / name).chmod(0o755)
    if run_as(BEN, [python, "-c", "import numpy, infusenet"]).returncode:
        pytest.skip("other accounts may not read the packages")
    yield python
    shutil.rmtree(folder)


@functools.cache
def home_of(account: int) -> tempfile.TemporaryDirectory:
    """It lasts: Matplotlib looks for all fonts where it has no cache."""
    home = tempfile.TemporaryDirectory()
    os.chown(home.name, account, GROUP)
    return home


def started_as(account, command, cwd="/", umask=0o002) -> subprocess.Popen:
    path = f"{Path(command[0]).parent}:{os.environ['PATH']}"
    env = {"HOME": home_of(account).name, "USER": str(account), "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        ["env", *command], user=account, group=GROUP, extra_groups=[], umask=umask, cwd=cwd, text=True,
        env=env | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run_as(account, command, cwd="/", umask=0o002) -> subprocess.CompletedProcess:
    process = started_as(account, command, cwd, umask)
    printed = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, *printed)


CALLS = """
import contextlib, io, json, os, sys
from infusenet import cli
for line in sys.stdin:
    folder, umask, words = json.loads(line)
    os.chdir(folder)
    os.umask(umask)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(words.split())
    print(json.dumps([status, err.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def processes(python):
    """{account: its one process, which runs command lines of `infusenet`}."""
    processes = {account: started_as(account, [python, "-c", CALLS]) for account in (ANNA, BEN)}
    yield processes
    for process in processes.values():
        process.communicate()


def commands_as(account, processes, cwd, *lines, umask=0o002) -> dict[str, tuple[int, str]]:
    """{line: (exit status, stderr)} of command lines of `infusenet`, in the process of an account."""
    ends, process = {}, processes[account]
    for line in lines:
        process.stdin.write(json.dumps([str(cwd), umask, line]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, process.communicate()[1]
        ends[line] = json.loads(answer)
    return ends


def give(folder: Path, account: int, umask: int) -> None:
    """As if the account had made all of it: owner and group; with a group's umask also setgid."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account, GROUP, follow_symlinks=False)
        if path.is_dir() and not umask & stat.S_IWGRP:
            path.chmod(path.stat().st_mode | stat.S_ISGID)


def write_all(root: Path) -> None:
    """A cache, a run, its tables, a ledger, bundles, a magnifier: what the project writes."""
    for name in ("alpha", "gamma"):
        write_database(root, name, count=8)
    places = (root / "cache", root / "manifests")
    train("off_apexnet", "gamma", *places, 0, root / RUN, recipe=SMALL, device="cpu")
    predict(root / RUN, *places, device="cpu")
    evaluate([root / RUN], root / "results")
    lab(root / "lab")
    faces = root / "lab/cache/samm/faces.h5"
    contact_sheet(Store(faces), faces.with_suffix(".png"))
    for name in ("bundle", "bundle.tar"):
        export("samm", root / "lab/cache", root / "lab/manifests", root / name, faces=False)
    take_in(root / "bundle.tar", root / "taken")


@pytest.fixture(scope="module")
def written(request):
    """(umask, folder) in which everything was written under that umask."""
    folder, before = folder_for_all(), os.umask(request.param)
    folder.chmod(0o777 & ~request.param)
    try:
        write_all(folder)
    finally:
        os.umask(before)
    yield request.param, folder
    shutil.rmtree(folder)


READING = (
    f"compare {RUN} {RUN}",
    "store verify lab/cache/samm/faces.h5 lab/cache/samm/flow.h5",
    "store info lab/cache/samm/flow.h5",
    "store import bundle",
    "summary manifests/alpha.csv",
)
WRITING = {
    f"predict {RUN} --stores cache --manifests manifests": RUN,
    f"--log {RUN}/predict.log summary manifests/alpha.csv": RUN,
    f"evaluate {RUN} --output results": "results",
    "ledger lab/cache/samm/faces.h5 --output results": "results",
    "left-out cache/alpha/flow.h5 --output cache/alpha/left_out.csv": "cache/alpha",
    "store export samm --without-faces --stores lab/cache --manifests lab/manifests --output new.tar": ".",
    "store import bundle.tar --output taken2": ".",
}


def modes(folder: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*")}


@pytest.mark.parametrize("written", [0o002, 0o022], indirect=True, ids="{:03o}".format)
def test_every_file_follows_the_umask(written):
    umask, folder = written
    assert (folder / RUN / "weights.safetensors").is_file()
    assert modes(folder) == {(True, 0o777 & ~umask), (False, 0o666 & ~umask)}


@root_only
@pytest.mark.parametrize("written", [0o002], indirect=True, ids="{:03o}".format)
def test_a_group_works_in_one_folder(written, processes):
    """One account after the other, and the first one again."""
    umask, folder = written
    give(folder, ANNA, umask)
    for account in (BEN, ANNA):
        for path in (folder / "new.tar", folder / "taken2", *(folder / "results").glob("*.*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (folder / RUN / "predictions.csv").unlink()
        ends = commands_as(account, processes, folder, *WRITING, *READING)
        assert {line: end for line, end in ends.items() if end[0]} == {}
        assert (folder / RUN / "predictions.csv").stat().st_uid == account
    assert modes(folder) == {(True, 0o2775), (False, 0o664)}


@root_only
@pytest.mark.parametrize("written", [0o022], indirect=True, ids="{:03o}".format)
def test_a_second_account_reads_what_it_may_not_write(written, processes):
    umask, folder = written
    # Same predictions are not written again, and where both accounts have one Python they are the same: a stale
    # note gives `predict` something to write.
    (folder / RUN / ".predictions.csv.sizes").write_text("{}\n")
    give(folder, ANNA, umask)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    ends = commands_as(BEN, processes, folder, *READING, umask=umask)
    assert {line: end for line, end in ends.items() if end[0]} == {}
    for line, (status, text) in commands_as(BEN, processes, folder, *WRITING, umask=umask).items():
        assert (status, text.count("\n")) == (1, 1)
        assert f"Permission denied: {WRITING[line]} is of user {ANNA}, group {GROUP}, mode " in text
        assert f"this process is of user {BEN}, groups {GROUP}" in text
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@root_only
@pytest.mark.parametrize(
    ("name", "line"),
    [
        (f"{RUN}/weights.safetensors", f"predict {RUN} --stores cache --manifests manifests"),
        (f"{RUN}/predictions.csv", f"evaluate {RUN} --output out"),
        (f"{RUN}/run.json", f"compare {RUN} {RUN}"),
        ("cache/gamma/flow.h5", f"predict {RUN} --stores cache --manifests manifests"),
        ("lab/cache/samm/flow.h5", "store info lab/cache/samm/flow.h5"),
        ("lab/cache/samm/flow.h5.sha256", "store verify lab/cache/samm/flow.h5"),
        ("manifests/alpha.csv", "summary manifests/alpha.csv"),
    ],
)
@pytest.mark.parametrize("written", [0o022], indirect=True, ids="{:03o}".format)
def test_a_file_that_may_not_be_read_is_named(written, processes, name, line):
    """Such as weights that an earlier version wrote for their owner alone."""
    umask, folder = written
    give(folder, ANNA, umask)
    (folder / name).chmod(0o600)
    try:
        ((status, text),) = commands_as(BEN, processes, folder, line).values()
    finally:
        (folder / name).chmod(0o644)
    assert (status, text.count("\n")) == (1, 1)
    assert text.startswith(f"infusenet: {name}: Permission denied: {name} is of user {ANNA}")


@pytest.fixture(scope="module")
def workflows(python):
    """A function that runs Snakemake as an account, in forks of that account's one process."""
    processes = {account: started_as(account, [python, FORKS]) for account in (ANNA, BEN)}

    def run(account, folder, word, umask=0o002):
        return snakemake_of(processes[account], python, folder, word, umask=umask)

    yield run
    for process in processes.values():
        process.communicate()


@pytest.fixture
def clone(project, workflows):
    """A small workflow in which Anna has run everything with umask 002."""
    reconfigure(project, lambda config: config["databases"].popitem())
    folder = folder_for_all()
    for name in ("Snakefile", "workflow", "raw", "magnifier.pth"):
        copy = shutil.copytree if (project / name).is_dir() else shutil.copy
        copy(project / name, folder / name)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o775 if path.is_dir() else 0o664)
    give(folder, ANNA, 0o002)
    done = workflows(ANNA, folder, "all_folds")
    assert done.returncode == 0, done.stderr + done.stdout
    yield folder
    shutil.rmtree(folder)


@root_only
def test_two_accounts_run_one_workflow(clone, workflows, python):
    plan = [python, "-m", "infusenet.cli", "plan"]
    done = workflows(BEN, clone, "-n")
    assert (done.returncode, "Nothing to be done" in done.stdout + done.stderr) == (0, True)
    done = run_as(BEN, plan, clone)
    assert (done.returncode, "nothing to do" in done.stdout) == (0, True), done.stderr
    for account in (BEN, ANNA):
        (clone / "results/metrics.md").unlink()
        (clone / "results/infusenet_resnet18/one/seed0/predictions.csv").write_bytes(b"")
        frame = clone / "raw/one/s1/c1/5.jpg"
        frame.write_bytes(frame.read_bytes() + b"other")
        done = workflows(account, clone, "all_folds")
        assert done.returncode == 0, done.stderr + done.stdout
        assert (clone / "results/metrics.md").stat().st_uid == account
        assert (clone / "cache/one/faces.h5").stat().st_uid == account

    # The same with umask 022: nothing is for the group to write.
    for path in clone.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o022)
    clone.chmod(0o755)
    refused = [workflows(BEN, clone, word, umask=0o022) for word in ("-n", "all_folds")]
    for done in (*refused, run_as(BEN, plan, clone, umask=0o022)):
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert f"Permission denied: .snakemake is of user {ANNA}, group {GROUP}, mode drwxr-sr-x" in said
        assert "Traceback" not in said
