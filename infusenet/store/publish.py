"""How a store is kept and published. `clip_store` is the contract of its bytes.

Beside ``faces.h5`` lies the folder ``.faces.h5.parts``: finished stores of this output under the
sha256 of their bytes, that is the parts of a build under way and, between builds, the published
file itself. There it is a second name (hard link) of the same bytes: it takes no room on the disk,
and it outlives Snakemake, which deletes the outputs of a rule before it runs, so that the next build
takes unchanged clips over. A name that is the content's digest needs no record beside it, and a file
cut short by a kill is known by it. On a file system without hard links nothing is kept, and an
update computes every clip whose store Snakemake has deleted.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from infusenet.files import aside
from infusenet.hashing import file_digest
from infusenet.store.lock import Lock
from infusenet.store.reader import folder_of, sidecar_of
from infusenet.store.writer import write


def keep(output: Path, **content) -> Path:
    """Write a store (see `write`) into the folder of ``output``; returns where it is."""
    folder = folder_of(output)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        write(temporary, **content)
        # Not synced: what a power cut leaves of it is known by its digest.
        path = folder / f"{file_digest(temporary)}.h5"
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def sound(output: Path) -> Iterator[Path]:
    """The finished stores of ``output``, itself first, whose bytes are those that were written."""
    sidecar, digest = sidecar_of(output), ""
    if output.is_file() and sidecar.is_file():
        digest = sidecar.read_text().strip()
        if _proved(output, digest):
            yield output
        else:
            digest = ""
    for path in sorted(folder_of(output).glob("*.h5")):
        if path.stem != digest and _proved(path, path.stem):
            yield path


def _proved(path: Path, digest: str) -> bool:
    """Chunk checksums miss damage outside the chunks and some inside; a digest of all bytes does not."""
    same = file_digest(path) == digest
    if not same:
        print(f"{path}: damaged, its sha256 is not {digest}; nothing is taken over from it", file=sys.stderr)
    return same


def publish(finished: Path, output: Path, lock: Lock) -> None:
    """Give a finished store of ``output`` its final name and its sidecar, and keep it alone.

    Raises
    ------
    InputError
        The lock on ``output`` was lost; nothing has been published.
    """
    if finished != output:
        with aside(output) as temporary:
            temporary.unlink()  # a link needs a free name
            try:
                os.link(finished, temporary)
            except OSError:
                os.replace(finished, temporary)
            lock.check()
            # The old digest goes first: at no moment may it stand beside another file's bytes.
            sidecar_of(output).unlink(missing_ok=True)
        with aside(sidecar_of(output)) as temporary:
            temporary.write_text(f"{finished.stem}\n")
    kept = folder_of(output) / f"{sidecar_of(output).read_text().strip()}.h5"
    kept.parent.mkdir(exist_ok=True)
    for path in kept.parent.iterdir():
        # A copied store has another file behind its name: that one is kept, not both.
        if path != kept or not path.samefile(output):
            path.unlink()
    with suppress(OSError):
        os.link(output, kept)
    with suppress(OSError):  # it is empty where the file system has no links
        kept.parent.rmdir()


def withdraw(output: Path, lock: Lock) -> None:
    """Take a published store back under all its names, so that a build has it to make."""
    lock.check()
    sidecar_of(output).unlink(missing_ok=True)
    for path in folder_of(output).glob("*.h5"):
        if path.samefile(output):
            path.unlink()
    output.unlink()


def sweep(output: Path) -> None:
    """Remove the temporary files that dead builders left of a store or of its contact sheet; the
    caller holds the store's lock."""
    for folder, pattern in ((output.parent, f".{output.name}.*.tmp"), (folder_of(output), ".*.tmp")):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
