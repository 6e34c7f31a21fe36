"""Findings of `infusenet doctor`, and the shipped configuration that it looks at."""

from pathlib import Path

import yaml

from infusenet.databases.clip_table import Clip, to_csv
from infusenet.protocol import AUS

ROOT = Path(__file__).parents[1]
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())


def write_config(folder: Path) -> dict:
    """The shipped configuration over two databases of three clips each, that start from scratch."""
    (folder / "workflow/profiles").mkdir(parents=True)
    (folder / "workflow/profiles/slurm").symlink_to(ROOT / "workflow/profiles/slurm")
    raw = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())
    raw["methods"]["infusenet_resnet18"]["weights"] = "none"
    raw["compute"] |= {"processes": 1, "threads": 1}
    for name in ("one", "two"):
        labels = dict.fromkeys(AUS, 0)
        clips = [Clip(name, "s", f"c{n}", 1, 2, 3, f"s/c{n}", "", "", labels) for n in range(3)]
        (folder / f"{name}.csv").write_text(to_csv(clips))
        raw["databases"][name] = {"manifest": f"{name}.csv", "frames": "."}
    return raw


def levels(findings) -> dict[str, str]:
    """{check: its worst level}; every finding that is not ok says what to expect and what to do."""
    findings = list(findings)
    assert all(f.expected and f.remedy for f in findings if f.level != "ok")
    order = ("ok", "note", "fix")
    worst = {}
    for finding in findings:
        worst[finding.check] = max(worst.get(finding.check, "ok"), finding.level, key=order.index)
    return worst


def failures(findings) -> str:
    """The text of all that must be fixed."""
    return "\n".join(str(f) for f in findings if f.level == "fix")
