"""Check a bundle from another lab, and unpack it. Nothing in it is trusted."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from infusenet import __version__
from infusenet.config.stage_recipes import STAGES
from infusenet.databases.frames.folder_listings import is_service
from infusenet.errors import InputError, raise_all
from infusenet.files import folder_aside
from infusenet.hashing import file_digest
from infusenet.store import Store
from infusenet.store.bundles.members import DATABASE, FILE, FORMAT, INDEX, MANIFEST, STORE, VERSION
from infusenet.store.provenance import mixed
from infusenet.store.verify import verify

MAX_INDEX = 1 << 20


def import_bundle(bundle: Path, output: Path) -> tuple[str, Path]:
    """Return the database of a bundle and the folder of its files, after every check.

    Parameters
    ----------
    output : a ``.tar`` is unpacked into ``{output}/{database}``; a folder is used in its place

    Raises
    ------
    InputError
        All that is wrong: format, version, names, links, sha256, stores, recipes, counts.
    """
    bundle = Path(bundle)
    if bundle.is_dir():
        return _checked(bundle), bundle
    try:
        with tarfile.open(bundle, "r:") as tar:
            return _unpacked(tar, bundle, Path(output))
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{bundle}: no readable .tar ({error}); get it again") from None


def _unpacked(tar: tarfile.TarFile, bundle: Path, output: Path) -> tuple[str, Path]:
    members = tar.getmembers()
    raise_all(_unsafe(members), f"{bundle} refused")
    index = next((member for member in members if member.name == INDEX), None)
    if index is None or index.size > MAX_INDEX:
        raise InputError(f"{bundle}: no {INDEX} inside; expected what `infusenet store export` writes")
    database = _index(tar.extractfile(index).read(), bundle)["database"]
    folder = output / database
    if folder.exists():
        raise InputError(f"{folder} exists; remove it to unpack {bundle}, or import {folder} to check it")
    with folder_aside(folder) as temporary:
        for member in members:
            with open(temporary / member.name, "wb") as file:
                shutil.copyfileobj(tar.extractfile(member), file)
        _checked(temporary)
    return database, folder


def _unsafe(members: list[tarfile.TarInfo]) -> Iterator[str]:
    names = set()
    for member in members:
        if member.name in names or not (member.name == INDEX or FILE.fullmatch(member.name)):
            yield f"'{member.name}': expected the files of a bundle, without folders, each once"
        elif member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            yield f"'{member.name}': expected a plain file"
        names.add(member.name)


def _checked(folder: Path) -> str:
    """The database of a bundle's folder, after every check."""
    path = folder / INDEX
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_INDEX:
        raise InputError(f"{folder}: no {INDEX}; expected what `infusenet store export` writes")
    index = _index(path.read_bytes(), folder)
    raise_all(_damage(folder, index["files"]), f"{folder}: not what was exported")
    raise_all(_wrong_stores(folder, index), f"{folder} refused")
    return index["database"]


def _index(text: bytes, origin: Path) -> dict:
    try:
        index = json.loads(text)
        version = index["format"], index["version"]
        sound = version != (FORMAT, VERSION) or bool(
            DATABASE.fullmatch(index["database"])
            and all(map(FILE.fullmatch, index["files"]))
            and all(map(STORE.fullmatch, index["stores"]))
            and {MANIFEST, *index["stores"]} <= index["files"].keys()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{origin}: {INDEX} is not one that `infusenet store export` writes; get it again")
    if version != (FORMAT, VERSION):
        raise InputError(
            f"{origin}: format {version[0]!r} version {version[1]}, expected {FORMAT} version {VERSION}; "
            f"use the infusenet that made it, {index.get('package')}"
        )
    return index


def _damage(folder: Path, files: dict[str, str]) -> Iterator[str]:
    present = {path.name for path in folder.iterdir() if not is_service(path.name)} - {INDEX}
    for name in sorted(present | files.keys()):
        path = folder / name
        if name not in files:
            yield f"{name}: not listed in {INDEX}"
        elif path.is_symlink():
            yield f"{name}: a link, expected a plain file"
        elif not path.is_file():
            yield f"{name}: missing"
        elif file_digest(path) != files[name]:
            yield f"{name}: other bytes than were exported"


def _wrong_stores(folder: Path, index: dict) -> Iterator[str]:
    for name, recipe in index["stores"].items():
        store = Store(folder / name)
        if store.stage != STORE.fullmatch(name)[1] or store.recipe != recipe:
            yield f"{name}: of another stage or recipe than {INDEX} says"
        elif store.database != index["database"]:
            yield f"{name}: of database {store.database}, expected {index['database']}"
        elif recipe.get("revision") != STAGES[store.stage]["revision"]:
            yield (
                f"{name}: made by revision {recipe.get('revision')} of {store.stage} in infusenet {store.package}; "
                f"this infusenet, {__version__}, has revision {STAGES[store.stage]['revision']}: use that version"
            )
        yield from (defect.text for defect in verify(folder / name, folder / MANIFEST))
    yield from mixed(Store(folder / name) for name in index["stores"])
