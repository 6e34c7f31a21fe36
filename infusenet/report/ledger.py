"""The ledger: all clips that failed, were recovered or excluded, over all databases and stages."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from infusenet.csv_tables import csv_text
from infusenet.databases import audit
from infusenet.databases.audit import Finding
from infusenet.preprocess.clip_accounting import reconcile
from infusenet.store import Store

RECOVERED = "its face was found at the second try or later (border, size, contrast, next frame)"


@dataclass(frozen=True)
class Entry:
    """``status`` is a failure's, ``recovered`` or ``excluded``; ``stores``: the stores that it is true for."""

    database: str
    clip: str
    status: str
    stores: str
    reason: str


@dataclass(frozen=True)
class Count:
    """The clips of one store: annotated = stored + failed + excluded; recovered ones are stored."""

    database: str
    store: str
    annotated: int
    stored: int
    recovered: int
    failed: int
    excluded: int


@dataclass(frozen=True)
class Ledger:
    """``findings``: (database, finding, policy), also of excluded clips. ``unaudited``: the databases without
    an audit table, whose excluded clips are unknown."""

    counts: list[Count]
    entries: list[Entry]
    findings: list[tuple[str, Finding, str]]
    unaudited: list[str]


def collect(paths: Sequence[Path]) -> Ledger:
    """Read stores and the audit tables beside them.

    A clip that failed in an early stage is among the failures of every later store too: it gets one entry
    that names all these stores.

    Raises
    ------
    InputError
        A store is unreadable, or its clips are not those of the audit table beside it.
    """
    counts, stores_of, tables = [], {}, {}
    for path in paths:
        store, table = Store(path), path.with_name("audit.csv")
        failed = [failure.clip for failure in store.failures]
        reconcile(store, [*store.clips, *failed], path.parent)
        if store.database not in tables:
            tables[store.database] = audit.read_table(table) if table.is_file() else None
        audited = tables[store.database] or audit.Table({*store.clips, *failed}, [])
        recovered = [clip for clip in store.clips if store.status[clip] == "recovered"]
        counts.append(
            Count(
                store.database, path.stem, len(audited.annotated), len(store), len(recovered), len(failed),
                len(audited.excluded),
            )
        )  # fmt: skip
        rows = [(clip, "recovered", RECOVERED) for clip in recovered]
        rows += [(failure.clip, failure.status, failure.reason) for failure in store.failures]
        for row in rows:
            stores_of.setdefault((store.database, *row), []).append(path.stem)
        for clip, reason in audited.excluded.items():
            stores_of[store.database, clip, "excluded", reason] = ["all"]
    entries = [
        Entry(database, clip, status, " ".join(stores), reason)
        for (database, clip, status, reason), stores in stores_of.items()
    ]
    return Ledger(
        sorted(counts, key=lambda count: count.database),
        sorted(entries, key=lambda entry: (entry.database, entry.status, entry.clip)),
        [(name, *finding) for name, table in tables.items() if table for finding in table.findings],
        [name for name, table in tables.items() if table is None],
    )


def to_csv(ledger: Ledger) -> str:
    """The entries as CSV text; a header alone says that no clip is left out or recovered."""
    columns = [field.name for field in fields(Entry)]
    return csv_text(columns, ([getattr(entry, name) for name in columns] for entry in ledger.entries))
