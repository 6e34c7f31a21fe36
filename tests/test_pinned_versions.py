"""Versions: lower bounds in pyproject.toml, exact ones in constraints.txt, the same in environment.yml."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infusenet.doctor import software

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Only a lab with a cluster installs the extra slurm; conda users add it by pip.
BY_CONDA = [*PROJECT["dependencies"], *EXTRAS["standins"], *EXTRAS["video"], *EXTRAS["onnx"], *EXTRAS["test"]]
LINES = [*BY_CONDA, *EXTRAS["slurm"]]


def test_every_dependency_has_a_lower_bound_and_no_other():
    """Beside newer versions of anything else, the package can be installed."""
    assert not [line for line in LINES if not re.fullmatch(r"[\w-]+(\[\w+\])?>=[0-9.]+(post[0-9]+)?", line)]


def test_constraints_are_exact_and_within_the_bounds():
    tested = software.tested_versions()
    assert all(tested.values())
    for requirement in map(Requirement, LINES):
        assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)]), requirement


def test_conda_environment_has_the_versions_of_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    tested = software.tested_versions()
    names = [line.partition(">=")[0] for line in BY_CONDA]
    assert pip == [f"{name}=={tested[canonicalize_name(Requirement(name).name)]}" for name in names]


def test_ci_and_conda_take_the_oldest_python():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert PROJECT["classifiers"][0] == f"Programming Language :: Python :: {oldest}"
    assert f"PYTHON=python{oldest}\n" in (ROOT / ".ci/run").read_text()
    assert f"python={oldest}" in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
