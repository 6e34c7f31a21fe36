"""A comparison with CD6ME: whether clips, windows and the twelve labels are its own, or what differs.

CD6ME's 2031 clips are recognised by their digests. Reviewed tables beside these hold what the owners' other
codings and numberings say instead.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from infusenet.csv_tables import csv_rows
from infusenet.databases import CD6ME_TABLES, audit, errata
from infusenet.databases.clip_table import Clip
from infusenet.databases.rows import WINDOW
from infusenet.databases.workbooks.au_strings import parse
from infusenet.protocol import AUS

FOLDER = CD6ME_TABLES
TITLES = {
    "casme": "CASME", "casme2": "CASME II", "samm": "SAMM", "fourd": "4DME", "mmew": "MMEW",
    "casme3a": "CAS(ME)^3",
}  # fmt: skip


@dataclass(frozen=True)
class Digests:
    """The number of clips; sha256 of the sorted lines ``subject/clip LABELS`` (twelve 0/1 in the order of
    ``AUS``, without spaces) and of ``subject/clip onset apex offset``, both joined by newlines."""

    clips: int
    labels: str
    windows: str


def expected(database: str) -> Digests:
    """CD6ME's own of one of its databases."""
    text = (FOLDER / "digests.json").read_text(encoding="utf-8")
    return Digests(**json.loads(text)[database])


def digests(clips: Collection[Clip]) -> Digests:
    """Those of a manifest's clips."""
    return Digests(len(clips), labels_digest(_labels(clips)), windows_digest(clips))


def _labels(clips: Iterable[Clip]) -> dict[str, list[int]]:
    return {clip.key: [clip.labels[n] for n in AUS] for clip in clips}


def labels_digest(labels: Mapping[str, Iterable[int]]) -> str:
    """``labels``: ``subject/clip`` -> twelve 0 or 1."""
    return _digest(f"{key} {''.join(str(int(value)) for value in row)}" for key, row in labels.items())


def windows_digest(clips: Iterable[Clip]) -> str:
    return _digest(f"{clip.key} {clip.onset} {clip.apex} {clip.offset}" for clip in clips)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def unshifted(database: str, clips: Iterable[Clip]) -> list[Clip]:
    """The clips as CD6ME numbers their frames, if they are numbered as in CASME's Section A and B.

    There a clip lies in a longer one, whose numbers it has; CD6ME's begin anew. The frames on disk have
    either the ones or the others, so this holds for all clips or for none.
    """
    shifts = _shifts() if database == "casme" else {}
    return [
        replace(clip, onset=clip.onset - shift, apex=clip.apex - shift, offset=clip.offset - shift)
        for clip in clips
        for shift in [shifts.get(clip.key, 0)]
    ]


def difference(database: str, clips: Collection[Clip], failed: int, table: audit.Table | None) -> str:
    """Differences between clips and CD6ME's, such as ``CASME II: labels of 2019 in 53 clips``; '' if nothing.

    Parameters
    ----------
    database : one of ``protocol.CD6ME``
    clips : those that are scored, as in their manifest
    failed : how many of the manifest's clips are not scored, since an earlier stage failed
    table : the audit of the database; None where its stores were made elsewhere
    """
    table = table or audit.Table(set(), [])
    outside, excluded = _outside(table), set(table.excluded)
    owner_windows = {
        f.clip for f, policy in table.findings if (f.kind, policy) == ("owner_window", audit.KEEP)
    }
    shared = [clip for clip in clips if clip.key not in outside]
    own = [clip for clip in shared if clip.key in owner_windows]
    ours, theirs = digests(shared), expected(database)
    labels = ours.labels == theirs.labels
    windows = _has_windows(database, shared, theirs)
    parts = []
    if ours.clips != theirs.clips:
        failed -= len(outside - excluded - {clip.key for clip in clips})
        reasons = {"excluded by the audit": len(excluded - outside), "failed": failed}
        why = ", ".join(f"{count} {words}" for words, count in reasons.items() if count)
        parts.append(f"{ours.clips} of {theirs.clips} clips" + (f" ({why})" if why else ""))
    if more := len(clips) - len(shared):
        parts.append(f"{_count(more, 'clip')} outside CD6ME")
    whole = ours.clips == theirs.clips
    if coded := {} if labels else _coded_2019(database, shared):
        parts.append(f"labels of 2019 in {_count(len(coded), 'clip')}")
        if whole and labels_digest(_labels(shared) | coded) != theirs.labels:
            parts.append("other labels differ")
    elif whole and not labels:
        parts.append("labels differ" if windows or own else "names, or labels and windows, differ")
    if own and not windows:
        parts.append(_count(len(own), "window"))
        corrected = _corrected(database, own)
        if whole and len(corrected) == len(own):
            others = [clip for clip in shared if clip.key not in corrected]
            if not _has_windows(database, [*others, *corrected.values()], theirs):
                parts.append("other windows differ")
    elif whole and not windows and (labels or coded):
        parts.append("windows differ")
    return f"{TITLES[database]}: {', '.join(parts)}" if parts else ""


def _has_windows(database: str, clips: Collection[Clip], theirs: Digests) -> bool:
    return theirs.windows in (windows_digest(clips), windows_digest(unshifted(database, clips)))


def _corrected(database: str, clips: Iterable[Clip]) -> dict[str, Clip]:
    """Those clips whose windows the errata name, with CD6ME's windows."""
    windows = {
        f"{erratum.subject}/{erratum.clip}": {
            n: int(erratum.values[n]) for n in WINDOW if n in erratum.values
        }
        for erratum in errata.load(database)
        if not erratum.row_onset
    }
    return {clip.key: replace(clip, **windows[clip.key]) for clip in clips if windows.get(clip.key)}


def difference_of_labels(database: str, labels: Mapping[str, Iterable[int]]) -> str:
    """The same for scored clips of which only the labels are known (``subject/clip`` -> twelve 0 or 1)."""
    theirs = expected(database)
    if len(labels) != theirs.clips:
        return f"{TITLES[database]}: {len(labels)} of {theirs.clips} clips"
    return "" if labels_digest(labels) == theirs.labels else f"{TITLES[database]}: names or labels differ"


def _outside(table: audit.Table) -> set[str]:
    """Annotated names that are none of CD6ME's clips: rows known to lie outside, further rows of a clip."""
    return {
        finding.clip
        for finding, _ in table.findings
        # A row without a name of its own is ``row 8``; clips that only look the same have names.
        if audit.NOT_IN_CD6ME in finding.kinds or "duplicate" in finding.kinds and " " in finding.clip
    }


def _coded_2019(database: str, clips: Iterable[Clip]) -> dict[str, list[int]]:
    """CD6ME's twelve labels of those clips of CASME II that have the labels of 2019 instead."""
    if database != "casme2":
        return {}
    rows = [row for row in csv_rows(FOLDER / "casme2_labels.csv")[1] if row["field"] == "au"]
    codings = {
        f"{row['subject']}/{row['clip']}": [
            parse(row[name]).active & {*AUS} for name in ("cd6me", "coding2019")
        ]
        for row in rows
    }
    return {
        clip.key: [int(n in cd6me) for n in AUS]
        for clip in clips
        for cd6me, coded in [codings.get(clip.key, (None, None))]
        if cd6me != {n for n in AUS if clip.labels[n]} == coded
    }


def _shifts() -> dict[str, int]:
    """CASME: ``subject/clip`` -> frame number in Section A and B minus CD6ME's, where they differ."""
    rows = [row for row in csv_rows(FOLDER / "casme_rows.csv")[1] if row["clip"]]
    return {
        f"{row['subject']}/{row['clip']}": int(row["shift"]) for row in rows if row["shift"] not in ("", "0")
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
