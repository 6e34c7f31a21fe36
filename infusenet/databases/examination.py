"""A database as it is on disk: its clips with their frames' digests, and the audit's findings.

Imported while Snakemake parses: standard library only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from infusenet import databases
from infusenet.databases import Reading, audit
from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import Clip
from infusenet.databases.frames.frame_digests import scan
from infusenet.databases.frames.frame_files import explain
from infusenet.errors import InputError, raise_all
from infusenet.texts import visible


@dataclass(frozen=True)
class Examination:
    """``clips`` are all that could be read, with their frames' digests; ``frames`` the index of their frames,
    ``findings`` the audit's."""

    reading: Reading
    clips: list[Clip]
    frames: dict[str, dict]
    findings: list[Finding]

    @property
    def annotated(self) -> list[str]:
        """Names of all annotated clips, those that could not be read among them."""
        return [clip.key for clip in self.clips] + [row.clip for row in self.reading.refused]


def examine_source(
    name: str, source: dict, reading: Reading, last_index: dict, earlier: Mapping[str, str]
) -> Examination:
    """Look at the frames of a configured database, and audit it.

    Parameters
    ----------
    source : its entry in ``databases``
    last_index : the last index of its frames, see `frame_digests.scan`
    earlier : frames' digest -> clip, of the databases before this one

    Raises
    ------
    InputError
        No frames root, or names under ``exclude`` that no row has.
    """
    root, excluded = Path(source["frames"]), set(source.get("exclude", ()))
    frames = scan(reading.clips, root, last_index, name)
    clips = [_with_digest(clip, frames[clip.frames]) for clip in reading.clips]
    owner = source.get("reader", name)
    fps = source.get("fps") or (databases.reader(owner).fps if owner in databases.READERS else None)
    present = {folder: set(map(int, entry["frames"])) for folder, entry in frames.items()}
    findings = [Finding(row.clip, row.kind, row.text) for row in reading.refused] + reading.findings
    if reading.release:
        findings.append(Finding("", "other_release", reading.release))
    # Apart: a clip that is left out is no reason to call another one its duplicate.
    findings += audit.findings_of([clip for clip in clips if clip.key not in excluded], present, fps, earlier)
    findings += audit.findings_of([clip for clip in clips if clip.key in excluded], present, fps)
    by_key = {clip.key: clip for clip in clips}
    findings = [_explained(finding, by_key.get(finding.clip), root) for finding in findings]
    examined = Examination(reading, clips, frames, findings)
    raise_all(_unknown(excluded, examined.annotated), f"databases.{name}.exclude")
    return replace(examined, findings=list(_by_name(excluded, findings)))


def _unknown(excluded: set[str], annotated: Sequence[str]) -> Iterator[str]:
    for clip in sorted(excluded - set(annotated)):
        close = get_close_matches(clip, annotated, n=1)
        yield f"no clip '{clip}'" + (f" (did you mean '{close[0]}'?)" if close else "")


def _by_name(excluded: set[str], findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings, where all on a clip that is left out by name become one."""
    for clip in sorted(excluded):
        yield Finding.by_name(clip, (finding for finding in findings if finding.clip == clip))
    yield from (finding for finding in findings if finding.clip not in excluded)


def _explained(finding: Finding, clip: Clip | None, root: Path) -> Finding:
    """The finding; a missing key frame together with the contents of its folder."""
    if finding.kind != audit.MISSING_KEY_FRAME or clip is None:
        return finding
    try:
        reason = explain(root / clip.frames, clip.key_frames.values())
    except InputError as error:
        reason = "; " + str(error).replace(f"{visible(str(root))}/", "")
    return replace(finding, detail=f"{finding.detail}{reason}")


def _with_digest(clip: Clip, folder: dict) -> Clip:
    digests = {(onset, offset): digest for onset, offset, digest in folder["windows"]}
    return replace(clip, digest=digests[clip.onset, clip.offset])
