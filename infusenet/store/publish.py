"""Keep finished parts of a store, publish it, withdraw it.

Beside ``faces.h5`` is the folder ``.faces.h5.parts``. It holds finished stores under the sha256 of
their bytes: during a build its parts, between builds the published file itself. That one is a second
name (hard link) of the same bytes. It takes no disk space and remains when a workflow engine deletes
the output before a build (Snakemake does), so that the next build takes unchanged clips over. The
name is the digest of the content, so a truncated file is detected without a record beside it. On a
file system without hard links nothing is kept: when the output was deleted, every clip is computed.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from infusenet.files import aside
from infusenet.hashing import file_digest
from infusenet.store.format import folder_of, sidecar_of, sidecar_text
from infusenet.store.lock import Lock
from infusenet.store.writer import write


def keep(output: Path, **content) -> Path:
    """Write a store (see `write`) into the folder of ``output``; returns its path."""
    folder = folder_of(output)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        write(temporary, **content)
        # Not synced: its digest shows whether a power cut truncated it.
        path = folder / f"{file_digest(temporary)}.h5"
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def sound(output: Path) -> Iterator[Path]:
    """The undamaged finished stores of ``output``, the published one first."""
    sidecar, digest = sidecar_of(output), ""
    if output.is_file() and sidecar.is_file():
        digest = sidecar_text(sidecar)
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
            # The old digest goes first: it must never be beside the bytes of another file.
            sidecar_of(output).unlink(missing_ok=True)
        with aside(sidecar_of(output)) as temporary:
            temporary.write_text(f"{finished.stem}\n", encoding="utf-8")
    second_name = folder_of(output) / f"{sidecar_text(sidecar_of(output))}.h5"
    second_name.parent.mkdir(exist_ok=True)
    for path in second_name.parent.iterdir():
        # Of a copied store the second name is another file: only the published file is kept.
        if path != second_name or not path.samefile(output):
            path.unlink()
    with suppress(OSError):
        os.link(output, second_name)
    with suppress(OSError):  # the folder is empty where the file system has no links
        second_name.parent.rmdir()


def withdraw(output: Path, lock: Lock) -> None:
    """Remove a published store under all its names, so that the next build makes it again."""
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
