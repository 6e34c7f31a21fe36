"""One set of versions: pyproject.toml, environment.yml and constraints.txt say the same."""

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Only a lab with a cluster installs this one; conda users add it by pip.
SLURM = PROJECT["optional-dependencies"]["slurm"]


def pinned() -> list[str]:
    return PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]


def bare(requirement: str) -> str:
    """Name and version, without extras, in the one spelling."""
    name, version = requirement.split("==")
    return f"{name.split('[')[0].lower().replace('_', '-')}=={version}"


def test_every_dependency_is_pinned():
    assert all(requirement.count("==") == 1 for requirement in pinned() + SLURM)


def test_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert sorted(pip) == sorted(pinned())


def test_constraints_hold_the_same_versions():
    lines = (ROOT / "constraints.txt").read_text().split()
    assert {bare(requirement) for requirement in pinned() + SLURM} <= {bare(line) for line in lines}


def test_class_activation_maps_have_one_version():
    """It is installed without its dependencies, so it stands outside pyproject.toml."""
    (line,) = [line for line in (ROOT / "constraints.txt").read_text().split() if line.startswith("grad-cam")]
    assert line in (ROOT / "environment.yml").read_text()
    assert line in (ROOT / "README.md").read_text()
