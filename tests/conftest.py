"""Settings for all tests: no time limit a case (machines differ), torch on one thread. A lab's cache."""

import os
import sys

import pytest
from hypothesis import settings

from infusenet.large_imports import first_import_of

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("infusenet", deadline=None)
settings.load_profile("infusenet")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collects the tests; what their modules import is not looked through for garbage, at no time of the session."""
    with first_import_of("torch"):
        return (yield)


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


@pytest.fixture(scope="module")
def narrow():
    """The module that has `RECIPE`, a training of narrow networks; they are registered while a module's tests last."""
    import narrow

    with pytest.MonkeyPatch.context() as patch:
        narrow.register(patch)
        yield narrow


@pytest.fixture
def narrow_resnets():
    """ResNets are narrow while the test lasts, see `narrow.narrow_resnets`."""
    import narrow

    with narrow.narrow_resnets():
        yield


@pytest.fixture(scope="module")
def paper_runs(tmp_path_factory):
    """Runs of every method of the paper with made-up predictions, which pass for CD6ME's."""
    from paper_predictions import write_all
    from predictions import make_cd6me

    from infusenet.databases import cd6me

    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cd6me, "FOLDER", root / "cd6me")
        yield make_cd6me(write_all(root), cd6me.FOLDER)


@pytest.fixture(scope="module")
def paper_results(paper_runs):
    """The same, read for comparison."""
    from infusenet.evaluation.evaluate import read_runs
    from infusenet.report.paper_runs import Results

    return Results(read_runs(paper_runs))


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are made, and saved as empty files: to lay out and render them takes most of an evaluation's time."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: path.touch())


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


@pytest.fixture
def shown(monkeypatch):
    """The texts of each figure that is published while the test lasts, see `pictures.watch`."""
    from pictures import watch

    return watch(monkeypatch)


# Records under way by the event that they record: see `sys.addaudithook`.
RECORDS: dict[str, list[list[str]]] = {"open": [], "os.scandir": []}


def note_path(event, arguments) -> None:
    for record in RECORDS.get(event, ()):
        record.append(str(arguments[0]))


@pytest.fixture(scope="session")
def audit_hook():
    """Python's own; it cannot be removed."""
    sys.addaudithook(note_path)


@pytest.fixture
def opened(audit_hook):
    """The paths of all files that Python opens while the test lasts, in order."""
    yield from record_of("open")


@pytest.fixture
def listed(audit_hook):
    """The paths of all folders that Python lists while the test lasts, in order."""
    yield from record_of("os.scandir")


def record_of(event):
    RECORDS[event].append([])
    yield RECORDS[event][-1]
    RECORDS[event].pop()


@pytest.fixture
def thread_count():
    """A function that sets the number of threads of OpenCV and torch while the test lasts."""
    import cv2
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    yield lambda count: (cv2.setNumThreads(count), torch.set_num_threads(count))
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])
