"""No clip gets lost between stages: annotated = stored + failed + excluded, clip by clip."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from infusenet.databases import audit
from infusenet.errors import raise_all
from infusenet.store.reader import Store


def reconcile(store: Store, handed: Iterable[str], folder: Path) -> None:
    """Account for every clip of a store before it is published.

    Parameters
    ----------
    handed
        The clips that the stage was given, those that failed in an earlier stage among them.
    folder
        Where the store will lie. With an audit table there, the clips of the annotation must be the
        stored, the failed and the excluded ones, each in exactly one of these; without, ``handed``
        must be the stored and the failed ones.

    Raises
    ------
    InputError
        Naming every clip that is lost, stands twice, or came from nowhere.
    """
    failed = [failure.clip for failure in store.failures]
    places = Counter([*store.clips, *failed])
    problems = [f"clip {clip}: stands {n} times" for clip, n in places.items() if n > 1]
    handed, table = set(handed), folder / "audit.csv"
    problems += [f"clip {clip}: neither stored nor failed" for clip in sorted(handed - set(places))]
    problems += [f"clip {clip}: was not asked for" for clip in sorted(set(places) - handed)]
    if table.is_file():
        audited = audit.read_table(table)
        annotated, excluded = audited.annotated, set(audited.excluded)
        problems += [
            f"clip {clip}: annotated, but neither stored, failed nor excluded"
            for clip in sorted(annotated - handed - excluded)
        ]
        problems += [f"clip {clip}: not annotated" for clip in sorted(handed - annotated)]
        problems += [f"clip {clip}: excluded, but in the store" for clip in sorted(handed & excluded)]
    raise_all(
        problems,
        f"{store.stage} of {store.database}: counts do not reconcile: {len(store)} stored and {len(failed)} failed"
        f" of {len(handed)} clips; the clip list, the audit table and the upstream store must come from one run",
    )
