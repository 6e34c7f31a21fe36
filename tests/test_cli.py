"""The command line as a process: its output in a terminal that cannot show every character."""

import os
import subprocess
import sys

import pytest
from owners import RELEASES


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "données"), ("latin-1", "数据"), ("gbk", "çığ İI")])
def test_a_path_that_the_terminal_cannot_show_is_escaped(encoding, name, tmp_path):
    annotations, frames = RELEASES["mmew"]().write(tmp_path)
    output = tmp_path / name / "mmew.csv"
    words = ["read", "mmew", "--annotations", annotations, "--frames", frames, "--output", output]
    process = subprocess.run(
        [sys.executable, "-m", "infusenet.cli", *map(str, words)], capture_output=True, check=False,
        env=os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    shown = str(output).encode(encoding, "backslashreplace")
    assert process.stdout.split(b"\n")[0] == shown + b": 3 clips of mmew"
    assert len(output.read_text(encoding="utf-8").splitlines()) == 4
