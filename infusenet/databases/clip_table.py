"""The clip table: one CSV per database, one row per clip. No other module knows its columns.

A *manifest* carries labels. A *clip list* is the same table without them (no ``emotion``, ``au``,
``AU<n>``) and with a ``digest`` column. Preprocessing reads clip lists only, so that an edited label
cannot cause a face to be computed again. Imported while Snakemake parses: standard library only.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from infusenet.csv_tables import csv_rows, csv_text
from infusenet.errors import raise_all
from infusenet.protocol import AUS
from infusenet.texts import au_number, visible

GEOMETRY = ("database", "subject", "clip", "onset", "apex", "offset", "n_frames")
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True)
class Clip:
    """One annotated micro-expression.

    ``onset``, ``apex`` and ``offset`` are frame numbers as they stand in the file names; the
    window is inclusive. ``labels`` maps AU number to 0 or 1 (at least the 12 of ``AUS``; empty in
    a clip list). ``frames`` is the clip's folder relative to the database's frames root, with
    forward slashes. ``digest`` is the sha256 of the clip's frames (clip lists only).
    ``normalised_emotion`` is a column of its own where a database's settings ask for it.
    """

    database: str
    subject: str
    clip: str
    onset: int
    apex: int
    offset: int
    frames: str
    emotion: str = ""
    au: str = ""
    labels: dict[int, int] = field(default_factory=dict)
    digest: str = ""
    normalised_emotion: str = ""

    @property
    def n_frames(self) -> int:
        return self.offset - self.onset + 1

    @property
    def key(self) -> str:
        """Name of the clip inside its database: ``subject/clip``."""
        return f"{self.subject}/{self.clip}"

    @property
    def key_frames(self) -> dict[str, int]:
        return {"onset": self.onset, "apex": self.apex, "offset": self.offset}

    def missing_key_frames(self, numbers: Container[int]) -> dict[str, int]:
        """Name -> number of the key frames that are not among the ``numbers`` of frames on disk."""
        return {name: number for name, number in self.key_frames.items() if number not in numbers}

    def gaps(self, numbers: Container[int]) -> list[int]:
        """Frames between the key frames that are not among ``numbers``."""
        key_frames = self.key_frames.values()
        return [n for n in range(self.onset, self.offset + 1) if n not in numbers and n not in key_frames]


def numbered(key_frames: Mapping[str, int]) -> str:
    """``onset 3, apex 9`` for a message."""
    return ", ".join(f"{name} {number}" for name, number in key_frames.items())


def problems_of(clip: Clip) -> list[str]:
    """The faults of one clip, each as a sentence without the file and row."""
    problems = [
        f"{name} '{visible(value)}' has characters outside A-Z a-z 0-9 _ . - or starts with one of _ . -"
        for name, value in (("database", clip.database), ("subject", clip.subject), ("clip", clip.clip))
        if not SAFE_ID.match(value) or ".." in value
    ]
    parts = PurePosixPath(clip.frames).parts
    if clip.frames.startswith("/") or ".." in parts or "\\" in clip.frames:
        problems.append(f"frames '{clip.frames}' leaves the frames root; expected a relative folder")
    if not 0 <= clip.onset <= clip.apex <= clip.offset:
        problems.append(
            f"onset {clip.onset}, apex {clip.apex}, offset {clip.offset}: expected 0 <= onset <= apex <= offset"
        )
    if clip.labels and (missing := [f"AU{n}" for n in AUS if n not in clip.labels]):
        problems.append(f"labels lack {', '.join(missing)}")
    return problems


def check(clips: Sequence[Clip], origin: str) -> None:
    """Raise one InputError that names every bad or repeated clip of ``clips``."""
    problems, keys = [], set()
    for clip in clips:
        problems += [f"{origin}: clip {visible(clip.key)}: {text}" for text in problems_of(clip)]
        if clip.key.lower() in keys:
            problems.append(f"{origin}: clip {clip.key} is a duplicate; expected each subject/clip once")
        keys.add(clip.key.lower())
    raise_all(problems, f"{origin} refused")


def to_csv(clips: Sequence[Clip], labels: bool = True) -> str:
    """The table as CSV text: a manifest, or with ``labels=False`` a clip list."""
    aus = sorted({n for clip in clips for n in clip.labels} | set(AUS)) if labels else []
    extra = ["normalised_emotion"] if any(clip.normalised_emotion for clip in clips) else []
    head = [*GEOMETRY, *(["emotion", *extra, "au", *(f"AU{n}" for n in aus)] if labels else []), "frames"]
    rows = []
    for c in clips:
        row = [c.database, c.subject, c.clip, c.onset, c.apex, c.offset, c.n_frames]
        if labels:
            row += [
                c.emotion,
                *(getattr(c, name) for name in extra),
                c.au,
                *(c.labels.get(n, 0) for n in aus),
            ]
        rows.append([*row, c.frames] if labels else [*row, c.frames, c.digest])
    return csv_text(head if labels else [*head, "digest"], rows)


def read_manifest(path: Path | str) -> list[Clip]:
    """Read a manifest or a clip list and check every row.

    Parameters
    ----------
    path : CSV file; data_manifests/README.md has the columns

    Returns
    -------
    list of `Clip`, in the order of the file

    Raises
    ------
    InputError
        Missing columns, values that are no numbers, AU values other than 0 and 1 (``0.0`` and
        ``1.0`` are accepted), ``n_frames`` that does not fit, bad or repeated ids; all at once.

    Examples
    --------
    >>> from pathlib import Path
    >>> from infusenet import read_manifest
    >>> aus = ",".join(f"AU{n}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17))
    >>> _ = Path("samm.csv").write_text(
    ...     f"database,subject,clip,onset,apex,offset,n_frames,emotion,au,{aus},frames\\n"
    ...     "samm,006,006_1_2,562,577,591,30,happiness,AU12,0,0,0,0,0,0,0,0,1,0,0,0,006/006_1_2\\n"
    ... )
    >>> clip = read_manifest("samm.csv")[0]
    >>> clip.key, clip.apex, [au for au, label in clip.labels.items() if label]
    ('006/006_1_2', 577, [12])
    """
    path = Path(path)
    columns, rows = csv_rows(path)
    missing = [c for c in (*GEOMETRY, "frames") if c not in columns]
    is_clip_list = "digest" in columns
    if not is_clip_list:
        missing += [c for c in ("emotion", "au", *(f"AU{n}" for n in AUS)) if c not in columns]
    raise_all(missing, f"{path}: columns missing")
    clips, problems = [], []
    for number, row in enumerate(rows, start=2):
        try:
            clips.append(_clip(row))
        except (ValueError, TypeError) as error:
            problems.append(f"{path}: row {number}: {error}")
    raise_all(problems, f"{path} refused")
    check(clips, str(path))
    return clips


def _clip(row: dict[str, str]) -> Clip:
    numbers = {}
    for name in ("onset", "apex", "offset", "n_frames"):
        try:
            numbers[name] = int(row[name])
        except ValueError:
            raise ValueError(f"{name} is '{visible(row[name])}', expected a whole number") from None
    labels = {}
    for name, value in row.items():
        if (number := au_number(name)) is not None:
            if value not in ("0", "1", "0.0", "1.0"):
                raise ValueError(f"{name} is '{visible(value)}', expected 0 or 1")
            labels[number] = int(float(value))
    n_frames = numbers.pop("n_frames")
    text = {name: row.get(name) or "" for name in ("emotion", "normalised_emotion", "au", "digest")}
    clip = Clip(
        row["database"], row["subject"], row["clip"], frames=row["frames"], labels=labels, **numbers, **text
    )
    if clip.n_frames != n_frames:
        raise ValueError(f"n_frames is {n_frames}, expected offset - onset + 1 = {clip.n_frames}")
    return clip


def summary(tables: Iterable[Sequence[Clip]]) -> str:
    """Markdown: clips, subjects, positives per AU and their shares by database and over all.

    The last row divides each AU's positives by the positive labels over the 12 AUs (not by the
    clips), in whole per cent: the header of the paper's Table 1.
    """
    head = ["database", "clips", "subjects", *(f"AU{n}" for n in AUS), "labels"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    totals = [0] * len(AUS)
    all_clips = all_subjects = 0
    for clips in tables:
        counts = [sum(c.labels.get(n, 0) for c in clips) for n in AUS]
        subjects = len({c.subject for c in clips})
        name = clips[0].database if clips else "(empty)"
        lines.append(
            f"| {name} | {len(clips)} | {subjects} | {' | '.join(map(str, counts))} | {sum(counts)} |"
        )
        lines.append(_shares(f"{name}, % of clips", counts, len(clips)))
        totals = [a + b for a, b in zip(totals, counts, strict=True)]
        all_clips, all_subjects = all_clips + len(clips), all_subjects + subjects
    lines.append(f"| all | {all_clips} | {all_subjects} | {' | '.join(map(str, totals))} | {sum(totals)} |")
    lines.append(_shares("all, % of clips", totals, all_clips))
    lines.append(_shares("all, % of labels", totals, sum(totals), digits=0))
    return "\n".join(lines)


def _shares(name: str, counts: Sequence[int], whole: int, digits: int = 1) -> str:
    shares = (f"{100 * n / whole:.{digits}f}" if whole else "n/a" for n in counts)
    return f"| {name} | | | {' | '.join(shares)} | |"
