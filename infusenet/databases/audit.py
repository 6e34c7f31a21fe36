"""Findings on annotated clips, such as a missing frame, and the policy for each.

A policy is to ``keep`` the clip and report the finding, to ``exclude`` the clip from every method alike,
or to ``stop``. The audit table beside a database's stores lists every annotated clip with its findings, so
that each stage can account for all of them. Imported while Snakemake parses: standard library only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infusenet.csv_tables import csv_rows, csv_text
from infusenet.databases.clip_table import Clip, numbered
from infusenet.errors import InputError, did_you_mean, raise_all, report
from infusenet.protocol import PSEUDO_APEX
from infusenet.texts import first_few

KEEP, EXCLUDE, STOP = "keep", "exclude", "stop"
CLIP, ROW, TABLE = (KEEP, EXCLUDE, STOP), (EXCLUDE, STOP), (KEEP, STOP)

# The only finding that is somebody's decision: a clip named under `exclude` in its database's block.
BY_NAME = "excluded_by_name"
# Findings that readers and the sync act on.
MISSING_KEY_FRAME, NOT_IN_CD6ME = "missing_key_frame", "not_in_cd6me"

# Finding -> (default policy, policies it can have, what it means). What cannot be computed with
# cannot be kept; a whole table cannot be excluded.
FINDINGS = {
    "missing_frames": (KEEP, CLIP, "frames between onset and offset are not on disk"),
    MISSING_KEY_FRAME: (STOP, ROW, "the onset, apex or offset frame is not on disk"),
    "onset_is_apex": (KEEP, CLIP, "onset and apex are one frame, so flow and difference are zero"),
    "apex_outside": (STOP, ROW, "the apex lies outside onset..offset"),
    "pseudo_apex_clamped": (KEEP, CLIP, f"apex + {PSEUDO_APEX} lies beyond the offset and is clamped to it"),
    "over_long": (KEEP, CLIP, "too slow for a micro-expression"),
    "unknown_au": (STOP, ROW, "the AU cell cannot be understood"),
    "duplicate": (STOP, ROW, "two rows for one clip, or the same frames under two names"),
    "unreadable": (STOP, ROW, "another cell of the row cannot be understood"),
    "other_release": (KEEP, TABLE, "the workbook is not the release behind CD6ME"),
    NOT_IN_CD6ME: (EXCLUDE, (EXCLUDE, KEEP), "a row of a known release that is none of CD6ME's clips"),
    "other_labels": (KEEP, CLIP, "AUs or emotion of another coding than CD6ME's"),
    "cd6me_labels": (KEEP, CLIP, "AUs or emotion replaced by CD6ME's, as `labels: cd6me` asks"),
    "owner_window": (KEEP, CLIP, "CD6ME's window is not on disk, the owner's own was taken"),
    BY_NAME: (EXCLUDE, (EXCLUDE,), "named under `exclude` in the database's block"),
}

# A micro-expression lasts at most half a second in all, a macro-expression at most four (Ekman,
# Emotions Revealed, 2003). Labs annotate slow ends differently, so the half second is asked of the
# part up to the apex alone, which the methods see, and the four of the whole.
MICRO, MACRO = 0.5, 4.0

COLUMNS = ("clip", "finding", "policy", "detail")


@dataclass(frozen=True, order=True)
class Finding:
    """``clip`` is subject/clip, ``row N`` if the row names no clip, or empty for the whole table."""

    clip: str
    kind: str
    detail: str

    @classmethod
    def by_name(cls, clip: str, others: Iterable["Finding"]) -> "Finding":
        """The one finding on a clip that is left out by name, in place of the ``others`` on it."""
        details = [f"{other.kind}: {other.detail}" for other in others]
        return cls(clip, BY_NAME, "; ".join(details) or "named in the configuration")

    @property
    def kinds(self) -> set[str]:
        """Its kind, and those of the findings in whose place it stands, see `by_name`."""
        parts = self.detail.split("; ") if self.kind == BY_NAME else ()
        return {self.kind, *(part.partition(": ")[0] for part in parts)}


def policies(settings: Mapping[str, str] | None) -> dict[str, str]:
    """The policy of every finding: the configuration's ``audit`` block over the defaults."""
    problems = []
    for kind, policy in (settings or {}).items():
        if kind not in FINDINGS:
            problems.append(f"unknown key '{kind}' {did_you_mean(kind, FINDINGS)}")
        elif policy not in FINDINGS[kind][1]:
            problems.append(f"{kind} is '{policy}', expected {' or '.join(FINDINGS[kind][1])}")
    raise_all(problems, "audit")
    return {kind: default for kind, (default, *_) in FINDINGS.items()} | dict(settings or {})


def findings_of(
    clips: Sequence[Clip],
    present: Mapping[str, set[int]],
    fps: float | None = None,
    earlier: Mapping[str, str] | None = None,
) -> list[Finding]:
    """The findings on clips that were read.

    Parameters
    ----------
    clips
        With the digests of their frames.
    present
        Folder -> numbers of the frames on disk, at least those inside its clips' windows.
    fps
        Frames per second; without it no clip is called over-long.
    earlier
        Frames' digest -> "database subject/clip" of the databases that come before this one.
    """
    findings, names = [], dict(earlier or {})
    for clip in clips:
        frames = present.get(clip.frames, set())
        findings += [Finding(clip.key, kind, text) for kind, text in _of_clip(clip, frames, fps)]
        # Clips without any frame share the digest of nothing.
        if frames.intersection(range(clip.onset, clip.offset + 1)):
            name = f"{clip.database} {clip.key}"
            if (first := names.setdefault(clip.digest, name)) != name:
                findings.append(Finding(clip.key, "duplicate", f"its frames are those of {first}"))
    return findings


def _of_clip(clip: Clip, frames: set[int], fps: float | None) -> Iterator[tuple[str, str]]:
    if not frames:
        yield MISSING_KEY_FRAME, f"no frame of it in {clip.frames}"
    else:
        if missing := clip.missing_key_frames(frames):
            yield MISSING_KEY_FRAME, f"{clip.frames} lacks {numbered(missing)}"
        if gaps := clip.gaps(frames):
            yield "missing_frames", f"{len(gaps)} of {clip.n_frames}: {first_few(gaps, 5)}"
    if clip.onset == clip.apex:
        yield "onset_is_apex", f"both are frame {clip.onset}"
    if (beyond := clip.apex + PSEUDO_APEX - clip.offset) > 0:
        yield "pseudo_apex_clamped", f"the offset is {PSEUDO_APEX - beyond} frames after the apex"
    if fps:
        rise, whole = (clip.apex - clip.onset) / fps, clip.n_frames / fps
        if rise > MICRO or whole > MACRO:
            yield (
                "over_long",
                f"{rise:.2f} s up to the apex, {whole:.2f} s in all, at {fps:g} frames per second; "
                f"expected at most {MICRO:g} and {MACRO:g}",
            )


def excluded(findings: Sequence[Finding], policies: Mapping[str, str]) -> set[str]:
    """The clips that every method leaves out."""
    return {finding.clip for finding in findings if policies[finding.kind] == EXCLUDE}


def stop(findings: Sequence[Finding], policies: Mapping[str, str], origin: str) -> None:
    """Raise one InputError with every finding whose policy is ``stop``, and with the choices."""
    stopping = [finding for finding in findings if policies[finding.kind] == STOP]
    if not stopping:
        return
    kinds = [kind for kind in FINDINGS if kind in {finding.kind for finding in stopping}]
    choices = (f"audit: {kind}: {' | '.join(c for c in FINDINGS[kind][1] if c != STOP)}" for kind in kinds)
    by_name = [finding.clip for finding in findings if finding.kind == BY_NAME]
    clips = {finding.clip for finding in stopping}
    text = report(
        (f"{f.clip or 'the table'}: {f.kind}: {f.detail}" for f in stopping),
        f"{origin}: stopped by the audit. Fix the data, or set in the configuration {'; '.join(choices)}",
    )
    raise InputError(f"{text}{exclusion(origin, by_name, [] if '' in clips else clips)}")


def exclusion(database: str, by_name: Iterable[str], clips: Iterable[str]) -> str:
    """Advice with the line of the configuration that excludes ``clips`` too; empty for no clips.

    ``by_name`` are those that its block leaves out already.
    """
    names = sorted({*by_name, *clips}) if clips else []
    if not names:
        return ""
    import yaml

    line = yaml.safe_dump(names, default_flow_style=True, width=float("inf"), allow_unicode=True).strip()
    return (
        f"\n  to leave out exactly these clips, put into the block `{database}` under `databases` of "
        f"workflow/config.yaml:\n      exclude: {line}"
    )


def to_csv(annotated: Sequence[str], findings: Sequence[Finding], policies: Mapping[str, str]) -> str:
    """The audit table: one row per finding, and one with empty cells for each clip without any."""
    clean = set(annotated) - {finding.clip for finding in findings}
    rows = [(f.clip, f.kind, policies[f.kind], f.detail) for f in findings]
    return csv_text(COLUMNS, sorted([*rows, *((clip, "", "", "") for clip in clean)]))


@dataclass(frozen=True)
class Table:
    """A published audit table: every annotated clip, the findings with their policies."""

    annotated: set[str]
    findings: list[tuple[Finding, str]]

    @property
    def excluded(self) -> dict[str, str]:
        """Clip -> why, of the clips that are left out."""
        reasons: dict[str, list[str]] = {}
        for finding, policy in self.findings:
            if policy == EXCLUDE:
                reasons.setdefault(finding.clip, []).append(f"{finding.kind}: {finding.detail}")
        return {clip: "; ".join(texts) for clip, texts in reasons.items()}


def read_table(path: Path) -> Table:
    """Read a table that `to_csv` wrote.

    Raises
    ------
    InputError
        No such file, other columns, or an unknown policy.
    """
    columns, rows = csv_rows(path)
    if tuple(columns) != COLUMNS or any(row["policy"] not in ("", *CLIP) for row in rows):
        raise InputError(
            f"{path}: not an audit table; delete it, the next run of the workflow makes it again"
        )
    findings = [
        (Finding(row["clip"], row["finding"], row["detail"]), row["policy"]) for row in rows if row["finding"]
    ]
    return Table({row["clip"] for row in rows if row["clip"]}, findings)
