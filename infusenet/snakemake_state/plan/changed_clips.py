"""What a build of a store finds done already, clip by clip: by content keys, as the build itself does."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infusenet.config.recipes import STAGES
from infusenet.databases.clip_table import read_manifest
from infusenet.errors import InputError
from infusenet.hashing import clip_key, derived_key
from infusenet.snakemake_state.plan.jobs import Job
from infusenet.store import Store, folder_of


@dataclass(frozen=True)
class Change:
    """The clips of a store to be. Every one is either computed (new, changed or failed before), reused
    from what lies on disk, or left out because a stage has failed on it and is not run again.
    """

    new: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]
    reused: frozenset[str]
    failed: frozenset[str]
    left_out: frozenset[str]

    @property
    def computed(self) -> int:
        return len(self.new) + len(self.changed) + len(self.failed)

    @property
    def clips(self) -> int:
        return self.computed + len(self.reused) + len(self.left_out)


@dataclass(frozen=True)
class Kept:
    """What lies on disk of a store: content keys by clip, and clips that failed."""

    keys: dict[str, set[str]]
    failed: set[str]


def kept(output: Path, stage: str) -> Kept:
    """The published store and the parts of an interrupted build; what is not readable counts for nothing."""
    found = Kept({}, set())
    there = [output] if output.is_file() else []  # what is away would be waited for
    for path in (*there, *sorted(folder_of(output).glob("*.h5"))):
        with suppress(InputError):
            store = Store(path, stage)
            for clip, key in store.keys.items():
                found.keys.setdefault(clip, set()).add(key)
            found.failed.update(failure.clip for failure in store.failures)
    return found


def compare(found: Kept, wanted: dict[str, str], left_out: set[str]) -> Change:
    """What a build of ``wanted`` ({clip: key}) will take over and compute.

    ``left_out`` are clips that an earlier stage failed on, and that it does not try again.
    """
    reused = {clip for clip, key in wanted.items() if key in found.keys.get(clip, ())}
    failed = (found.failed & wanted.keys()) - reused
    changed = (wanted.keys() & found.keys.keys()) - reused - failed
    removed = found.keys.keys() - wanted.keys() - left_out
    new = wanted.keys() - reused - failed - changed
    return Change(*map(frozenset, (new, changed, removed, reused, failed, left_out)))


def changes(jobs: list[Job]) -> dict[Job, Change]:
    """For every job that makes or has made a store: what it will do, or what it left there."""
    result, wanted = {}, {}
    stages = list(STAGES)
    for job in sorted((j for j in jobs if j.rule in stages), key=lambda j: stages.index(j.rule)):
        output = Path(job.output[0])
        found = kept(output, job.rule)
        if job.reasons:
            if job.rule == "faces":
                clips = read_manifest(output.with_name("clips.csv"))
                keys = {c.key: clip_key(c.digest, c.onset, c.apex, c.offset, job.recipe) for c in clips}
                left_out = set()
            else:
                faces = output.with_name("faces.h5")
                upstream, left_out = wanted.get(faces) or _published(faces)
                keys = {clip: derived_key(key, job.recipe) for clip, key in upstream.items()}
            wanted[output] = keys, left_out
            result[job] = compare(found, keys, left_out)
        elif output.is_file():
            none = frozenset()
            result[job] = Change(none, none, none, frozenset(found.keys), none, frozenset(found.failed))
    return result


def _published(faces: Path) -> tuple[dict[str, str], set[str]]:
    store = Store(faces, "faces")
    return store.keys, {failure.clip for failure in store.failures}
