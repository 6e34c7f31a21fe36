"""Settings for all tests: no time limit a case (machines differ), torch on one thread. A lab's cache."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("infusenet", deadline=None)
settings.load_profile("infusenet")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lab's folder with ``cache/samm`` and ``manifests``; read-only, a module's tests share it."""
    from lab import lab

    return lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def bundle(made, tmp_path):
    """The lab's bundle without faces, a test's own."""
    from infusenet.store.bundles import export

    export("samm", made / "cache", made / "manifests", tmp_path / "bundle", faces=False)
    return tmp_path / "bundle"


@pytest.fixture
def project(tmp_path):
    """A checkout's workflow with three tiny databases; the stages' command only writes its outputs."""
    from projects import write_project

    return write_project(tmp_path)


@pytest.fixture
def finished(project):
    """The same after a first run of all folds."""
    from projects import snakemake

    done = snakemake(project, "all_folds")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The shipped configuration over two small databases, written in the working directory."""
    from findings import write_config

    monkeypatch.chdir(tmp_path)
    return write_config(tmp_path)


@pytest.fixture
def config(raw):
    """The same, settled."""
    from infusenet.config import configuration

    return configuration.settle(raw)
