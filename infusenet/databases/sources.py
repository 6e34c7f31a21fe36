"""An entry of ``databases`` in the configuration: the files that its clips are read from, and the clips.

Imported while Snakemake parses: standard library only.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from infusenet import databases
from infusenet.databases import Reading, audit, clip_table
from infusenet.databases.clip_table import Clip
from infusenet.databases.row_problems import Refusal
from infusenet.errors import InputError, Missing, did_you_mean
from infusenet.hashing import digest, file_digest
from infusenet.texts import visible


def origin_of(source: dict, policies: Mapping[str, str]) -> str:
    """Digest of everything a manifest depends on, without the frames."""
    parts: list[str | int] = [file_digest(path) for path in _tables(source)]
    if "annotations" in source:
        reviewed = [*databases.ERRATA.glob("*.csv"), *databases.CD6ME_TABLES.glob("*.csv")]
        parts += [databases.REVISION, *map(file_digest, sorted(reviewed))]
    return digest([*parts, {k: str(v) for k, v in source.items()}, dict(policies)])


def _tables(source: dict) -> Iterator[Path]:
    """The workbooks or the manifest that a database is read from."""
    paths = databases.tables_of(source.get("annotations") or source["manifest"])
    for path in [*paths, *map(Path, filter(None, [source.get("emotions")]))]:
        if not path.is_file():
            raise Missing(f"{path}: no such file; expected the workbook or manifest of workflow/config.yaml")
        yield path


def read_source(
    name: str, source: dict, policies: Mapping[str, str], exclude: Collection[str] | None = None
) -> Reading:
    """The clips of one entry of ``databases``, from its workbook or manifest.

    ``policies`` are the audit's; rows with a finding in ``exclude``, by default those that are to be
    excluded, are listed beside the clips, as those that the entry itself excludes.
    """
    if "manifest" in source:
        clips = of_database(clip_table.read_manifest(source["manifest"]), name, source["manifest"])
        return Reading(clips, [], None)
    if exclude is None:
        exclude = [kind for kind, policy in policies.items() if policy == audit.EXCLUDE]
    options = databases.Options.of(source, policies["not_in_cd6me"])
    reader = source.get("reader", name)
    if reader not in databases.READERS:
        raise InputError(
            f"databases.{name}: unknown database '{visible(reader)}' {did_you_mean(reader, databases.READERS)}; "
            "name the one whose workbook this is as `reader:`, or give a `manifest:`"
        )
    frames = Path(source["frames"])
    by_name = source.get("exclude", ())
    exclude = {*exclude, *by_name}
    try:
        reading = databases.examine(reader, source["annotations"], frames, options=options, exclude=exclude)
    except Refusal as refusal:
        raise InputError(f"{refusal}{audit.exclusion(name, by_name, refusal.clips)}") from None
    return replace(reading, clips=[replace(clip, database=name) for clip in reading.clips])


def of_database(clips: list[Clip], name: str, path: Path | str) -> list[Clip]:
    """The clips, if their table says of each that it is one of ``name``; InputError otherwise."""
    if strangers := sorted({clip.database for clip in clips} - {name}):
        raise InputError(f"{path}: database column holds {', '.join(strangers)}, expected only {name}")
    return clips
