"""The clips that a build will compute or reuse, by content keys, as the build itself decides."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infusenet.config.stage_recipes import STAGES
from infusenet.databases.clip_table import read_manifest
from infusenet.errors import InputError
from infusenet.hashing import clip_key, derived_key
from infusenet.snakemake_state.plan.jobs import Job
from infusenet.store import Store, folder_of


@dataclass(frozen=True)
class Change:
    """The clips of a planned store. Each one is either computed (new, changed or failed before), reused
    from disk, or left out because an earlier stage failed on it and is not run again.
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
class StoredClips:
    """The clips of a store on disk: content keys by clip, and clips that failed."""

    keys: dict[str, set[str]]
    failed: set[str]


def stored_clips(output: Path, stage: str) -> StoredClips:
    """The clips of the published store and of the parts of an interrupted build; unreadable files are skipped."""
    result = StoredClips({}, set())
    published = [output] if output.is_file() else []  # a reader would wait for a missing one
    for path in (*published, *sorted(folder_of(output).glob("*.h5"))):
        with suppress(InputError):
            store = Store(path, stage)
            for clip, key in store.keys.items():
                result.keys.setdefault(clip, set()).add(key)
            result.failed.update(failure.clip for failure in store.failures)
    return result


def compare(stored: StoredClips, keys: dict[str, str], left_out: set[str]) -> Change:
    """Compare the clips on disk with a build of ``keys`` ({clip: content key}).

    ``left_out`` are clips that an earlier stage failed on, and that it does not try again.
    """
    reused = {clip for clip, key in keys.items() if key in stored.keys.get(clip, ())}
    failed = (stored.failed & keys.keys()) - reused
    changed = (keys.keys() & stored.keys.keys()) - reused - failed
    removed = stored.keys.keys() - keys.keys() - left_out
    new = keys.keys() - reused - failed - changed
    return Change(*map(frozenset, (new, changed, removed, reused, failed, left_out)))


def changes(jobs: list[Job]) -> dict[Job, Change]:
    """The change of each job that makes a store; of a job that does not run, the clips in its store."""
    result, planned = {}, {}
    stages = list(STAGES)
    for job in sorted((j for j in jobs if j.rule in stages), key=lambda j: stages.index(j.rule)):
        output = Path(job.output[0])
        stored = stored_clips(output, job.rule)
        if job.reasons:
            if job.rule == "faces":
                clips = read_manifest(output.with_name("clips.csv"))
                keys = {c.key: clip_key(c.digest, c.onset, c.apex, c.offset, job.recipe) for c in clips}
                left_out = set()
            else:
                faces = output.with_name("faces.h5")
                upstream, left_out = planned.get(faces) or _published(faces)
                keys = {clip: derived_key(key, job.recipe) for clip, key in upstream.items()}
            planned[output] = keys, left_out
            result[job] = compare(stored, keys, left_out)
        elif output.is_file():
            none = frozenset()
            result[job] = Change(none, none, none, frozenset(stored.keys), none, frozenset(stored.failed))
    return result


def _published(faces: Path) -> tuple[dict[str, str], set[str]]:
    store = Store(faces, "faces")
    return store.keys, {failure.clip for failure in store.failures}
