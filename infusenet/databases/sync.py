"""Clip tables brought up to date with the owners' files, from what changed on disk since the last run.

Snakemake compares times and cannot see a frame that was replaced under an old time, so this runs
before its graph is built: workbooks are digested, every frame's (size, mtime, ctime, inode) is
compared with the last index, and only frames that differ are read again. A manifest (with labels)
and a clip list (without, but with the frames' digests) are rewritten only if their text changed.
Clips that the audit excludes are in neither, so nothing about them can make anything run again.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infusenet import files
from infusenet.databases import Reading, audit, clip_table, sync_index
from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import Clip
from infusenet.databases.examination import Examination, examine_source
from infusenet.databases.frames.frame_digests import digest_of, file_names, stamps_on_disk, stamps_read
from infusenet.databases.frames.frame_files import frame_index
from infusenet.databases.row_problems import RefusedRow
from infusenet.databases.sources import of_database, origin_of, read_source
from infusenet.databases.sync_index import Index
from infusenet.errors import InputError, did_you_mean
from infusenet.hashing import file_digest


def sync(config: dict, manifests: Path | str) -> None:
    """Bring ``manifests/{database}.csv``, ``cache/{database}/clips.csv`` and ``audit.csv`` up to date.

    Raises
    ------
    InputError
        The problems of all databases in one report.
    """
    problems, earlier = [], {}
    policies = audit.policies(config.get("audit"))
    manifests, cache = Path(manifests), Path(config["cache"])
    sources = config["databases"].items()
    # All or none: whether a clip is a duplicate follows from the other databases.
    if all(
        _is_unchanged(source, manifests / f"{name}.csv", cache / name, policies) for name, source in sources
    ):
        return
    for name, source in sources:
        try:
            sync_database(name, source, manifests, cache, policies, earlier)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


def sync_database(
    name: str,
    source: dict,
    manifests: Path,
    cache: Path,
    policies: Mapping[str, str],
    earlier: dict[str, str],
) -> None:
    """Bring one database up to date: read a changed workbook, digest changed frames, audit the clips.

    Adds to ``earlier`` (frames' digest -> clip) for the databases that follow.
    """
    table = manifests / f"{name}.csv"
    if "stores" in source:
        _sync_stores(name, source, table, cache)
        return
    index, frames = sync_index.read(cache / name), sync_index.read_frames(cache / name)
    for path in sync_index.changed_lists(cache / name, index):
        print(f"{path}: not as it was written; written again", file=sys.stderr)
    origin = origin_of(source, policies)
    last_reading = _last_reading(name, source, table, index, origin)
    examined = last_reading and examine_source(name, source, last_reading, frames, earlier)
    if examined is None or not _holds(name, source, examined, index, policies):
        frames |= examined.frames if examined else {}
        examined = examine_source(name, source, read_source(name, source, policies), frames, earlier)
    audit.stop(examined.findings, policies, name)
    excluded = audit.excluded(examined.findings, policies)
    clips = [clip for clip in examined.clips if clip.key not in excluded]
    if not clips:
        raise InputError(f"{name}: the audit leaves out every clip; look at the frames root and at `audit`")
    labelled = [clip for clip in examined.reading.clips if clip.key not in excluded]
    if _is_source(table, source):
        if excluded:
            raise InputError(
                f"{table}: clips would be left out ({', '.join(sorted(excluded))}), but this table is both "
                "source and output: move it to another folder and name its new path as `manifest`, or delete these rows"
            )
    else:
        files.write_if_changed(table, clip_table.to_csv(labelled))
    lists = (
        clip_table.to_csv(clips, labels=False),
        audit.to_csv(examined.annotated, examined.findings, policies),
    )
    new_index = Index(
        origin=origin,
        manifest=file_digest(table),
        release=examined.reading.release,
        findings=[[f.clip, f.kind, f.detail] for f in examined.reading.findings],
        refused=[list(vars(row).values()) for row in examined.reading.refused],
        excluded=[_geometry(clip) for clip in examined.clips if clip.key in excluded],
        names=file_names(examined.frames),
        stamps=stamps_read(examined.frames),
    )
    sync_index.write(cache / name, lists, new_index, examined.frames)
    earlier |= {clip.digest: f"{name} {clip.key}" for clip in clips}


def examine_database(name: str, config: dict) -> Examination:
    """The findings on one configured database under any policy; writes nothing."""
    cache, sources = Path(config["cache"]), config["databases"]
    if name not in sources:
        raise InputError(f"no database '{name}' is configured {did_you_mean(name, sources)}")
    if "frames" not in sources[name]:
        raise InputError(f"databases.{name}: its stores were given, so there are no frames here to audit")
    before = list(sources)[: list(sources).index(name)]
    lists = [path for other in before if (path := cache / other / "clips.csv").is_file()]
    earlier = {c.digest: f"{c.database} {c.key}" for path in lists for c in clip_table.read_manifest(path)}
    frames = sync_index.read_frames(cache / name)
    reading = read_source(name, sources[name], audit.policies(config.get("audit")), audit.FINDINGS)
    return examine_source(name, sources[name], reading, frames, earlier)


def _is_unchanged(source: dict, table: Path, folder: Path, policies: Mapping[str, str]) -> bool:
    """Whether a database's tables and all that they follow from are as the last run left them."""
    index = sync_index.read(folder)
    if "stores" in source or not index.stamps or _follows_frames(source, index):
        return False
    try:
        return (
            index.origin == origin_of(source, policies)
            and index.manifest == file_digest(table)
            and index.lists == sync_index.list_digests(folder)
            and index.stamps == stamps_on_disk(source["frames"], index.names)
        )
    except (InputError, OSError):  # the full sync that follows reports it
        return False


def _follows_frames(source: dict, index: Index) -> bool:
    """Whether the reading depends on the frames on disk: for an apex, or for a row or window without its frames."""
    kinds = {RefusedRow(*row).kind for row in index.refused} | {Finding(*row).kind for row in index.findings}
    return bool(source.get("nearest_apex")) or not kinds.isdisjoint((audit.MISSING_KEY_FRAME, "owner_window"))


def _is_source(table: Path, source: dict) -> bool:
    source_path = Path(source.get("manifest", ""))
    return source_path.is_file() and table.exists() and source_path.samefile(table)


def _last_reading(name: str, source: dict, table: Path, index: Index, origin: str) -> Reading | None:
    """The reading of the last run: the manifest, and without labels the clips left out of it.

    None if its source, its text or a folder changed, or where rows follow from the frames on disk.
    """
    if index.origin != origin or not table.is_file() or _follows_frames(source, index):
        return None
    if file_digest(table) != index.manifest:
        if not _is_source(table, source):
            print(f"{table}: edited by hand; written again from its source. Put corrections into "
                  "infusenet/databases/tables/errata/ or into the source", file=sys.stderr)  # fmt: skip
        return None
    clips = of_database(clip_table.read_manifest(table), name, table)
    if not all(os.path.isdir(Path(source["frames"]) / folder) for folder in {clip.frames for clip in clips}):
        return None
    clips += [Clip(name, *row) for row in index.excluded]
    refused, findings = [RefusedRow(*row) for row in index.refused], [Finding(*row) for row in index.findings]
    return Reading(clips, refused, index.release, findings)


def _holds(name: str, source: dict, examined: Examination, index: Index, policies: Mapping[str, str]) -> bool:
    """Whether the last reading is still right: no frame of a workbook's clips changed, each clip has its key
    frames, and the same clips are excluded.

    Frames decide which window of a workbook's row is meant: other files under the same names may be those of
    another numbering, and of a row whose key frames are gone, another window may be on disk.
    """
    if "annotations" in source and (index.stamps is None or index.stamps != stamps_read(examined.frames)):
        return False
    if any(finding.kind == audit.MISSING_KEY_FRAME for finding in examined.findings):
        return False
    excluded = audit.excluded(examined.findings, policies)
    last_excluded = {Clip(name, *row).key for row in index.excluded}
    return {clip.key for clip in examined.clips} & excluded == last_excluded


def _geometry(clip: Clip) -> list:
    return [clip.subject, clip.clip, clip.onset, clip.apex, clip.offset, clip.frames]


def _sync_stores(name: str, source: dict, table: Path, cache: Path) -> None:
    """The manifest of a database whose stores were made elsewhere, so that it has no frames here."""
    folder = Path(source["stores"])
    if not folder.is_dir():
        raise InputError(f"databases.{name}.stores: {folder}: no such folder; expected one with stores")
    if folder.resolve().is_relative_to(cache.resolve()):
        raise InputError(
            f"databases.{name}.stores: {folder} lies in the cache {cache}, where stores are made; "
            "move it out of there, or give the database's frames instead"
        )
    clips = of_database(clip_table.read_manifest(source["manifest"]), name, source["manifest"])
    files.write_if_changed(table, clip_table.to_csv(clips))


def clip_digest(folder: Path | str, onset: int, offset: int) -> str:
    """sha256 over the numbers and bytes of a clip's frames in onset..offset, as in a clip list."""
    return digest_of({n: file_digest(path) for n, path in frame_index(Path(folder)).items()}, onset, offset)
