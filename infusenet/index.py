"""What changed on disk since the last run, and the clip tables that follow from it.

Snakemake compares times and cannot see a frame that was replaced under an old time, so this runs
before its graph is built: workbooks are digested, every frame's (size, mtime, ctime, inode) is
compared with the last index, and only frames that differ are read again. A manifest (with labels)
and a clip list (without, but with the frames' digests) are rewritten only if their text changed.
"""

import json
import sys
from pathlib import Path

from tqdm import tqdm

from infusenet import databases, manifest
from infusenet.databases.frames import frame_index
from infusenet.errors import InputError
from infusenet.manifest import Clip
from infusenet.recipe import digest, file_digest

INDEX_VERSION = 1


def sync(config: dict, manifests: Path | str) -> None:
    """Bring ``manifests/{database}.csv`` and ``cache/{database}/clips.csv`` up to date.

    Problems of all databases are reported together, as one InputError.
    """
    problems = []
    for name, source in config["databases"].items():
        try:
            sync_database(name, source, Path(manifests), Path(config["cache"]))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


def sync_database(name: str, source: dict, manifests: Path, cache: Path) -> None:
    """One database: re-read its workbook if that changed, re-hash the frames that did."""
    table = manifests / f"{name}.csv"
    index_path = cache / name / "index.json"
    index = _read_index(index_path)
    origin = _origin(source)
    given = Path(source.get("manifest", ""))
    if given.is_file() and table.exists() and given.samefile(table):
        clips = _of_database(manifest.read_manifest(table), name, table)
    # Where an apex follows from the frames on disk, the source is read each time.
    elif source.get("nearest_apex") or not (
        clips := _taken_over(table, index, origin, Path(source["frames"]))
    ):
        clips = _read(name, source)
        manifest.write_if_changed(table, manifest.to_csv(clips))
    frames = _scan(clips, Path(source["frames"]), index["frames"], name)
    listed = [_with_digest(clip, frames[clip.frames]) for clip in clips]
    manifest.write_if_changed(cache / name / "clips.csv", manifest.to_csv(listed, labels=False))
    fresh = {"version": INDEX_VERSION, "origin": origin, "manifest": file_digest(table), "frames": frames}
    manifest.write_if_changed(index_path, json.dumps(fresh, separators=(",", ":")))


def clip_digest(folder: Path | str, onset: int, offset: int) -> str:
    """sha256 over the numbers and bytes of a clip's frames in onset..offset, as in a clip list."""
    return _digest_of({n: file_digest(path) for n, path in frame_index(Path(folder)).items()}, onset, offset)


def _digest_of(digests: dict[int, str], onset: int, offset: int) -> str:
    return digest([[n, digests[n]] for n in sorted(digests) if onset <= n <= offset])


def _with_digest(clip: Clip, stats: dict[str, list]) -> Clip:
    digests = {int(n): entry[-1] for n, entry in stats.items()}
    return Clip(
        clip.database, clip.subject, clip.clip, clip.onset, clip.apex, clip.offset, clip.frames,
        digest=_digest_of(digests, clip.onset, clip.offset),
    )  # fmt: skip


def _origin(source: dict) -> str:
    """Digest of all that a manifest follows from, the frames aside."""
    path = Path(source.get("annotations") or source["manifest"])
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the workbook or manifest of workflow/config.yaml")
    errata = sorted(databases.ERRATA.glob("*.csv"))
    parts = [file_digest(path), databases.REVISION, *(file_digest(file) for file in errata)]
    return digest([*parts, {k: str(v) for k, v in source.items()}])


def _taken_over(table: Path, index: dict, origin: str, root: Path) -> list[Clip]:
    """The clips of a manifest that needs no reading again; none if its source, its text or a folder changed."""
    if index["origin"] != origin or not table.is_file():
        return []
    if file_digest(table) != index["manifest"]:
        print(f"{table}: edited by hand; written again from its source. Put corrections into "
              "data_manifests/errata/ or into the source", file=sys.stderr)  # fmt: skip
        return []
    clips = manifest.read_manifest(table)
    return clips if all((root / folder).is_dir() for folder in {clip.frames for clip in clips}) else []


def _read(name: str, source: dict) -> list[Clip]:
    if "manifest" in source:
        return _of_database(manifest.read_manifest(source["manifest"]), name, source["manifest"])
    annotations, frames = Path(source["annotations"]), Path(source["frames"])
    options = databases.Options.of(source)
    clips = databases.read(source.get("reader", name), annotations, frames, options=options)
    return [Clip(**{**vars(clip), "database": name}) for clip in clips]


def _of_database(clips: list[Clip], name: str, path: Path | str) -> list[Clip]:
    if strangers := sorted({clip.database for clip in clips} - {name}):
        raise InputError(f"{path}: database column holds {', '.join(strangers)}, expected only {name}")
    return clips


def _scan(clips: list[Clip], root: Path, known: dict, name: str) -> dict[str, dict[str, list]]:
    """{clip folder: {frame number: [size, mtime, ctime, inode, sha256]}} for every clip's window."""
    windows: dict[str, list[tuple[int, int]]] = {}
    for clip in clips:
        windows.setdefault(clip.frames, []).append((clip.onset, clip.offset))
    frames = {}
    # Quiet where nothing is read again: a no-op run should not flash six bars.
    for folder, spans in tqdm(windows.items(), desc=f"{name}: frames", unit="clip", disable=None, delay=2):
        before, frames[folder] = known.get(folder, {}), {}
        for number, path in frame_index(root / folder).items():
            if any(first <= number <= last for first, last in spans):
                stat = path.stat()
                stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
                last = before.get(str(number), [])
                frames[folder][str(number)] = last if last[:-1] == stamp else [*stamp, file_digest(path)]
    return frames


def _read_index(path: Path) -> dict:
    """The last index; an empty one where there is none or where it cannot be read."""
    empty = {"version": INDEX_VERSION, "origin": None, "manifest": None, "frames": {}}
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return empty
    usable = isinstance(index, dict) and index.keys() == empty.keys() and index["version"] == INDEX_VERSION
    return index if usable else empty
