"""The GPU benchmark runs on a CPU, small, and prints all parts that a CPU has."""

import re
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_every_part_is_printed_and_a_fold_runs(monkeypatch, capsys, narrow_resnets):
    """On narrow networks and without the pause for stamps: what is printed differs by its times alone."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.syspath_prepend(BENCHMARKS)
    words = "--scale .01 --size 32 --batch 32 --epochs 1 --side-by-side 0 --device cpu"
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words.split()])
    monkeypatch.setenv(
        "INFUSENET_PRECISION", "auto"
    )  # the benchmark sets its own, until the end of this test
    import gpu

    gpu.main()
    printed = capsys.readouterr().out
    for part in (
        "made-up crops", "latents, clips a second", "flow, clips a second", "start, first", "start, again",
        "start: read the clips", "float32, bare eager step", "one fold of 1 epochs",
    ):  # fmt: skip
        assert re.search(rf"^{re.escape(part)}.* \d", printed, re.M), part
    assert re.search(r"^float32, eager, .* \d+; True$", printed, re.M), "same bits twice"
    assert "25 of 25 clips held" in printed
