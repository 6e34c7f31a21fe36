"""Account for every clip of a stage: annotated = stored + failed + excluded, so that no clip is lost."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from infusenet.databases import audit
from infusenet.errors import raise_all
from infusenet.store import Store


def reconcile(store: Store, input_clips: Iterable[str], folder: Path) -> None:
    """Account for every clip of a store before it is published.

    Parameters
    ----------
    input_clips
        The clips that the stage was to process, with those that failed in an earlier stage.
    folder
        The final folder of the store. With an audit table in it, every annotated clip must be either
        stored, failed or excluded; without one, ``input_clips`` must be the stored and the failed clips.

    Raises
    ------
    InputError
        Naming every clip that is lost, duplicate or not annotated.
    """
    failed = [failure.clip for failure in store.failures]
    counts = Counter([*store.clips, *failed])
    problems = [f"clip {clip}: listed {n} times" for clip, n in counts.items() if n > 1]
    expected, table = set(input_clips), folder / "audit.csv"
    problems += [f"clip {clip}: neither stored nor failed" for clip in sorted(expected - set(counts))]
    problems += [f"clip {clip}: not among the clips of this stage" for clip in sorted(set(counts) - expected)]
    if table.is_file():
        audited = audit.read_table(table)
        annotated, excluded = audited.annotated, set(audited.excluded)
        problems += [
            f"clip {clip}: annotated, but neither stored, failed nor excluded"
            for clip in sorted(annotated - expected - excluded)
        ]
        problems += [f"clip {clip}: not annotated" for clip in sorted(expected - annotated)]
        problems += [f"clip {clip}: excluded, but in the store" for clip in sorted(expected & excluded)]
    raise_all(
        problems,
        f"{store.stage} of {store.database}: counts do not reconcile: {len(store)} stored and {len(failed)} failed"
        f" of {len(expected)} clips; the clip list, the audit table and the upstream store must come from one run",
    )
