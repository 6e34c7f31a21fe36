"""Two clones and one environment: a clone's jobs run its own package, with and without activation."""

import os
import shlex
import shutil
import subprocess

import pytest
from projects import copy_package, environment

# What pip writes for an entry point, where blanks in the path forbid a plain first line.
SCRIPT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from {module} import main
sys.exit(main())
"""
# A stage of this clone that takes no time.
STAGE = """

def build(manifest, frames, output, recipe, *, contact_sheet, **_):
    output.write_text("{mark}")
    Path(f"{{output}}.sha256").write_text("0" * 64 + "\\n")
    contact_sheet.write_bytes(b"IEND\\xaeB`\\x82")
"""
SHELL = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}


@pytest.fixture
def clones(project, tmp_path_factory):
    """Two checkouts beside each other; the first one's environment has it installed as editable."""
    parent = tmp_path_factory.mktemp("a lab's clones")
    shutil.rmtree(project / "bin")
    for name in ("first", "second"):
        clone = parent / name
        clone.mkdir()
        for entry in ("Snakefile", "workflow", "raw", "magnifier.pth"):
            (shutil.copytree if (project / entry).is_dir() else shutil.copy)(project / entry, clone / entry)
        copy_package(clone)
        with open(clone / "infusenet/preprocess/faces.py", "a") as file:
            file.write(STAGE.format(mark=name))
    commands = environment(parent / "first/.venv")
    (packages,) = (parent / "first/.venv").glob("lib/python*/site-packages")
    (packages / "0.pth").write_text(f"{parent / 'first'}\n")
    for name, module in (("infusenet", "infusenet.cli"), ("snakemake", "snakemake.cli")):
        (commands / name).write_text(SCRIPT.format(python=commands / "python", module=module))
        (commands / name).chmod(0o755)
    return parent


def run(folder, *words, **env):
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=SHELL | env,
        capture_output=True,
        text=True,
        check=False,
    )


def made(clone, name, snakemake, **env) -> str:
    """The clone whose stage has made a store of ``clone``."""
    done = run(clone, snakemake, "--cores", "1", "--", f"cache/{name}/faces.h5", **env)
    assert done.returncode == 0, done.stderr
    return (clone / f"cache/{name}/faces.h5").read_text()


def test_jobs_run_the_package_of_the_clone_that_snakemake_runs_in(clones, tmp_path):
    first, second = clones / "first", clones / "second"
    commands = first / ".venv/bin"
    decoy = tmp_path / "infusenet"  # of another environment, which is the active one
    decoy.write_text("#!/bin/sh\nexit 9\n")
    decoy.chmod(0o755)
    active = {"PATH": f"{commands}:{SHELL['PATH']}"}
    assert made(second, "one", "snakemake", **active) == "second"
    assert made(second, "two", commands / "snakemake", PATH=f"{tmp_path}:{SHELL['PATH']}") == "second"
    assert made(second, "three", commands / "snakemake", PYTHONPATH=f"{first}:{second}") == "second"
    assert made(first, "one", commands / "snakemake", PYTHONPATH=str(second)) == "first"


def test_commands_by_hand_name_the_package_that_they_are_of(clones):
    first, second = clones / "first", clones / "second"
    command = first / ".venv/bin/infusenet"
    sentence = f"this is the package in {first}, and {second} has its own"
    summary = [command, "summary", first / "raw/one.csv"]
    done = run(second, *summary)
    assert (done.returncode, sentence in done.stderr) == (0, True)
    assert sentence not in run(second, *summary, PYTHONPATH=str(second)).stderr
    assert sentence not in run(first, *summary).stderr + run("/", *summary).stderr

    done = run(second, command, "plan", "cache/one/faces.h5")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"infusenet: {sentence}" in done.stderr.replace("\n", " ")
    assert f"PYTHONPATH={shlex.quote(str(second))} before the command" in done.stderr
    done = run(second, command, "plan", "cache/one/faces.h5", PYTHONPATH=str(second))
    assert "1 jobs" in done.stdout, done.stderr


def test_an_environment_without_the_command_stops_the_parse(clones):
    python = clones / "first/.venv/bin/python"
    python.with_name("infusenet").unlink()
    done = run(clones / "second", python, "-m", "snakemake", "-n")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "has no command `infusenet`" in said
    assert f"pip install --no-deps --editable {shlex.quote(str(clones / 'second'))}" in said
    assert "Traceback" not in said


def test_a_folder_that_jobs_could_not_be_sent_to_stops_the_parse(clones):
    second = (clones / "second").rename(clones / "sec:ond")
    done = run(second, clones / "first/.venv/bin/snakemake", "-n")
    assert done.returncode != 0
    assert f"{second}: ':' separates folders in PYTHONPATH" in done.stdout + done.stderr
