"""The lab of every trial: a tiny database of stand-ins, its stores, and builders that can be killed."""

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infusenet.config import stage_recipes
from infusenet.config.standin_paths import STANDIN_SOURCES
from infusenet.databases import sync
from infusenet.databases.clip_table import read_manifest, to_csv
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess import build_store, faces, flow, latents
from infusenet.standins.make import make
from infusenet.store import sidecar_of

STAGES = ("faces", "flow", "latents")
DATABASE = "casme"
# Versions of the clip list: the database before an update and after it.
CLIPS = {"before": 10, "now": 14}
RECIPES = {
    "faces": stage_recipes.resolve("faces", {"size": 64}),
    "flow": stage_recipes.resolve("flow"),
    "latents": stage_recipes.resolve("latents", {"size": 64}),
}


@dataclass(frozen=True)
class TrialRow:
    """One line of the table: the fault, the number of trials, the outcome, and whether the promise holds."""

    fault: str
    tried: str
    outcome: str
    holds: bool


@dataclass
class Lab:
    """Stand-ins and reference stores below ``root``; builders are forks of this process."""

    root: Path
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        make(self.root / "standins", "demo", 0, processes=1, databases=[DATABASE], clips=CLIPS["now"])
        source = {
            name: str(self.root / "standins" / place) for name, place in STANDIN_SOURCES[DATABASE].items()
        }
        self.frames = Path(source["frames"])
        config = {"databases": {DATABASE: source}, "cache": str(self.root / "cache")}
        sync.sync(config, self.root / "manifests")
        clips = read_manifest(self.root / "cache" / DATABASE / "clips.csv")
        # Small parts, so that a kill meets finished and unfinished ones in a database this small.
        build_store.PART = 4
        for version, count in CLIPS.items():
            self.folder(version).mkdir()
            (self.folder(version) / "clips.csv").write_text(to_csv(clips[:count], labels=False))
            for stage in STAGES:
                began, output = time.monotonic(), self.folder(version) / f"{stage}.h5"
                self.end(self.start(lambda s=stage, o=output, v=version: self.build(s, o, v)))
                self.seconds[stage] = time.monotonic() - began
                self.digests[stage, version] = file_digest(output)

    def folder(self, version: str) -> Path:
        """The folder with the reference stores of a version."""
        return self.root / version

    def build(self, stage: str, output: Path, version: str = "now") -> None:
        """Build a stage's store as its command does."""
        if stage == "faces":
            clips_path = self.folder(version) / "clips.csv"
            faces.build(clips_path, self.frames, output, RECIPES[stage], failed="skip")
        elif stage == "flow":
            flow.build(self.folder(version) / "faces.h5", output, RECIPES[stage])
        else:
            upstream = self.folder(version) / "faces.h5"
            latents.build(upstream, output, RECIPES[stage], device="cpu", threads=1)

    def fresh(self, name: str) -> Path:
        """An empty folder for a trial."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        (self.root / name).mkdir(parents=True)
        return self.root / name

    def start(self, action: Callable[[], None]) -> int:
        """Run ``action`` in a fork; returns its process. A user's error ends it with status 1."""
        sys.stdout.flush()
        process = os.fork()
        if process:
            return process
        status = 3
        try:
            os.setsid()
            stderr = os.open(self.stderr_path(os.getpid()), os.O_CREAT | os.O_WRONLY)
            os.dup2(stderr, 2)
            action()
            status = 0
        except InputError as error:
            os.write(2, f"infusenet: {error}\n".encode())
            status = 1
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)

    def stderr_path(self, process: int) -> Path:
        """The file with a fork's stderr."""
        return self.root / f"{process}.stderr"

    def end(self, process: int, status: int | None = 0) -> tuple[int, str]:
        """Wait for a fork; (exit status or minus the signal, its stderr)."""
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        path = self.stderr_path(process)
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        if status is not None and code != status:
            raise RuntimeError(f"a builder ended with {code}: {text}")
        return code, text


def kill(process: int) -> None:
    """Send SIGKILL; no error if the process has ended and nobody has waited for it yet."""
    os.kill(process, signal.SIGKILL)


def wrong(output: Path, digests: set[str]) -> list[str]:
    """The faults of a published store, which must have none at any moment."""
    sidecar, problems = sidecar_of(output), []
    if output.exists() and file_digest(output) not in digests:
        problems.append("a store that is neither the old nor the new one")
    if sidecar.exists() and not (output.exists() and sidecar.read_text() == f"{file_digest(output)}\n"):
        problems.append("a digest that is not its store's")
    return problems
