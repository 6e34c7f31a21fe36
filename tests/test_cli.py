"""The command line as a process: what its terminal cannot show, names that its locale lacks, readers that left."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
import yaml
from owners import RELEASES
from projects import ROOT
from synthetic import clips_of

from infusenet.cli.streams import quiet_pipes
from infusenet.cli.subcommands import EXAMPLE, SUBCOMMANDS, build_parser
from infusenet.databases.clip_table import to_csv

COMMAND = [sys.executable, "-m", "infusenet.cli"]


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "données"), ("latin-1", "数据"), ("gbk", "çığ İI")])
def test_a_path_that_the_terminal_cannot_show_is_escaped(encoding, name, tmp_path):
    annotations, frames = RELEASES["mmew"]().write(tmp_path)
    output = tmp_path / name / "mmew.csv"
    words = ["read", "mmew", "--annotations", annotations, "--frames", frames, "--output", output]
    process = subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, check=False,
        env=os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    shown = str(output).encode(encoding, "backslashreplace")
    assert process.stdout.split(b"\n")[0] == shown + b": 3 clips of mmew"
    assert len(output.read_text(encoding="utf-8").splitlines()) == 4


AUDIT = [*COMMAND, "audit", "mmew"]
SNAKEMAKE = [
    sys.executable,
    "-m",
    "snakemake",
    "--cores",
    "1",
    "--snakefile",
    str(ROOT / "Snakefile"),
    "stores",
]


def configure(folder, annotations, frames):
    """The shipped configuration with one database, in the file where commands look for it."""
    config = yaml.safe_load((ROOT / "workflow/config.yaml").read_text(encoding="utf-8"))
    config["databases"] = {"mmew": {"annotations": str(annotations), "frames": str(frames)}}
    (folder / "workflow").mkdir()
    (folder / "workflow/config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("words", [AUDIT, SNAKEMAKE, [*SNAKEMAKE, "-n"]], ids=["audit", "run", "dry run"])
def test_a_path_that_the_locale_lacks_is_refused_with_what_to_set(tmp_path, words):
    """The C locale has ASCII alone. Python takes it for UTF-8, unless the environment forbids that."""
    annotations, frames = RELEASES["mmew"]().write(tmp_path)
    frames.rename(tmp_path / "帧")
    configure(tmp_path, annotations, tmp_path / "帧")
    process = subprocess.run(
        words, cwd=tmp_path, capture_output=True, check=False,
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    printed = (process.stdout + process.stderr).decode("ascii")
    assert process.returncode == 1
    assert f"databases.mmew.frames: {tmp_path}/\\u5e27: this locale has file names in ascii" in printed
    assert "PYTHONUTF8=1" in printed
    assert "Traceback" not in printed
    for log in tmp_path.glob(".snakemake/log/*.log"):
        assert "/帧: this locale" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("locale", "reason"),
    [
        ("zh_CN.GBK", "its name is UTF-8, and this locale has others"),
        ("tr_TR.ISO-8859-9", "this locale has file names in iso8859-9, which lacks characters of this one"),
    ],
)
def test_a_name_in_utf8_under_a_locale_of_another_encoding(tmp_path, locale, reason):
    """In GBK the path can be written, and is no file then; the file is there under its name in UTF-8."""
    language, _, encoding = locale.partition(".")
    words = ["localedef", "-i", language, "-f", encoding, str(tmp_path / locale)]
    if not shutil.which("localedef") or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this locale cannot be made")
    (tmp_path / "帧").mkdir()
    configure(tmp_path, "a.xlsx", "帧")
    process = subprocess.run(
        AUDIT, cwd=tmp_path, capture_output=True, check=False,
        env=os.environ | {"LC_ALL": locale, "LOCPATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    shown = "帧".encode(encoding, "backslashreplace").decode(encoding)
    expected = f"infusenet: databases.mmew.frames: {shown}: {reason}. Set PYTHONUTF8=1"
    assert process.stderr.decode(encoding).startswith(expected)
    assert process.returncode == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("words", "streams"),
    [
        (["summary", "mmew.csv"], ["stdout"]),
        (["store", "verify", "nothing.h5"], ["stderr"]),
        (["store", "verify", "nothing.h5"], ["stdout", "stderr"]),
    ],
)
def test_a_reader_that_is_gone_ends_a_command_quietly(words, streams, unbuffered, tmp_path):
    """As ``infusenet methods | head -1`` does; that command takes seconds to start."""
    (tmp_path / "mmew.csv").write_text(to_csv(clips_of("mmew", 3)))
    reader, writer = os.pipe()
    os.close(reader)
    other = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | dict.fromkeys(streams, writer)
    process = subprocess.run(
        [*COMMAND, *words], **other, cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writer)
    assert process.returncode == 128 + signal.SIGPIPE
    assert not process.stdout
    assert not process.stderr


def test_help_into_a_closed_pipe_is_quiet():
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [*COMMAND, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False, env=os.environ | {"PYTHONUNBUFFERED": ""}
    )  # fmt: skip
    os.close(writer)
    assert (process.returncode, process.stderr) == (128 + signal.SIGPIPE, b"")


def test_the_pipe_of_a_worker_process_is_no_reader_of_output():
    with pytest.raises(BrokenPipeError), quiet_pipes():
        raise BrokenPipeError


@pytest.mark.parametrize("command", SUBCOMMANDS, ids=lambda command: command.name)
def test_the_example_of_a_command_is_one_of_its_calls(command, capsys):
    args = build_parser().parse_args(command.example.split())
    name = f"{args.command} {args.part}" if "part" in args else args.command
    assert name == command.name or (command.action is None and name.startswith(f"{command.name} "))
    with pytest.raises(SystemExit):
        build_parser().parse_args([*command.name.split(), "--help"])
    assert capsys.readouterr().out.endswith(f"\n\nexample: infusenet {command.example}\n")


def test_the_help_has_an_example(capsys):
    build_parser().parse_args(EXAMPLE.split())
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    assert capsys.readouterr().out.endswith(f"\n\nexample: infusenet {EXAMPLE}\n")
