"""Bundles as files: a folder, or the same files in an uncompressed ``.tar``, without subfolders, and their index.

The index, ``bundle.json``, holds ``format``, ``version``, ``package`` and ``files`` ({name: sha256} of every other
file). Nothing in a bundle is trusted, and nothing in it is run.
"""

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infusenet import __version__
from infusenet.databases.frames.folder_listings import is_service
from infusenet.errors import InputError, raise_all
from infusenet.files import aside, folder_aside
from infusenet.hashing import file_digest
from infusenet.texts import visible

INDEX = "bundle.json"
MAX_INDEX = 1 << 20
# Of the files in a .tar; the umask of the person who unpacks it removes bits from it.
MEMBER_MODE = 0o664


@dataclass(frozen=True)
class Form:
    """A kind of bundle.

    ``name`` and ``version`` of its format; ``command``: the one that writes it; ``files``: the names that its files
    may have; ``is_sound``: whether the rest of an index has its form, which may raise ValueError, KeyError,
    TypeError or AttributeError instead; ``limits``: the most bytes of a file by suffix.
    """

    name: str
    version: int
    command: str
    files: re.Pattern
    is_sound: Callable[[dict], bool]
    limits: dict[str, int]


def write(form: Form, output: Path, contents: dict[str, Path | bytes], facts: dict) -> None:
    """Write a bundle: a folder or, where ``output`` ends so, a ``.tar``; the same contents give the same bytes.

    ``facts`` join the index.
    """
    index = {
        "format": form.name, "version": form.version, "package": __version__,
        "files": {name: _digest(content) for name, content in contents.items()}, **facts,
    }  # fmt: skip
    contents = {INDEX: (json.dumps(index, indent=1, sort_keys=True) + "\n").encode(), **contents}
    if output.suffix == ".tar":
        with aside(output) as temporary:
            _write_tar(temporary, contents)
    else:
        with folder_aside(output) as temporary:
            _write_folder(temporary, contents)


def _digest(content: Path | bytes) -> str:
    return file_digest(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def _write_folder(folder: Path, contents: dict[str, Path | bytes]) -> None:
    for name, content in contents.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / name)
        else:
            (folder / name).write_bytes(content)


def _write_tar(path: Path, contents: dict[str, Path | bytes]) -> None:
    """Without owners and times, so that the same files give the same bytes."""
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.mode = MEMBER_MODE
            member.size = content.stat().st_size if isinstance(content, Path) else len(content)
            with open(content, "rb") if isinstance(content, Path) else io.BytesIO(content) as file:
                tar.addfile(member, file)


@contextmanager
def opened(form: Form, path: Path) -> Iterator[tuple[dict, Callable[[Path], None]]]:
    """The index of a ``.tar``, and a function that unpacks all files into an existing folder; no digest is checked.

    Raises
    ------
    InputError
        No ``.tar``, a file of another name, kind or size than the form allows, or no such index.
    """
    with ExitStack() as stack:
        with _readable(path):
            tar = stack.enter_context(tarfile.open(path, "r:", tarinfo=_Member))
            raise_all(_unsafe(form, tar), f"{path} refused")
            members = {member.name: member for member in tar.getmembers()}
            if INDEX not in members:
                raise InputError(f"{path}: no {INDEX} inside; expected what `{form.command}` writes")
            text = tar.extractfile(members[INDEX]).read()

        def unpack(folder: Path) -> None:
            with _readable(path):
                for name, member in members.items():
                    with open(folder / name, "wb") as file:
                        shutil.copyfileobj(tar.extractfile(member), file)

        yield _index(form, text, path), unpack


class _Member(tarfile.TarInfo):
    """A member of a ``.tar`` whose size is not below 0, as that would lead back to itself without end.

    Pythons differ here: older ones go back, newer ones take such a member for the end of the ``.tar``.
    """

    @property
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        if size < 0:
            raise tarfile.ReadError(f"'{visible(self.name)}': a size below 0")
        self._size = size


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn errors of tarfile, which passes some of Python's own on, into one line."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, LookupError, OverflowError) as error:
        raise InputError(f"{path}: no readable .tar ({error}); get it again") from None


def _unsafe(form: Form, tar: tarfile.TarFile) -> Iterator[str]:
    names = set()
    for member in tar:
        name = visible(member.name)
        if problem := _excess(form, name, member.size):
            yield problem
            return  # Behind it may be nothing.
        if member.name in names or not (member.name == INDEX or form.files.fullmatch(member.name)):
            yield f"'{name}': expected the files of a bundle, without folders, each once"
        elif member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            yield f"'{name}': expected a plain file"
        names.add(member.name)


def _excess(form: Form, name: str, size: int) -> str:
    """A sentence on a file that is larger than any bundle's; empty for others."""
    limit = MAX_INDEX if name == INDEX else form.limits.get(Path(name).suffix, size)
    return f"{name}: {size} bytes, expected at most {limit}" if size > limit else ""


def checked(form: Form, folder: Path) -> dict:
    """The index of a bundle's folder, after every check of names and digests.

    Raises
    ------
    InputError
        No such index, links, and files that are missing, not listed, too large, or of another sha256.
    """
    path = folder / INDEX
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_INDEX:
        raise InputError(f"{folder}: no {INDEX}; expected what `{form.command}` writes")
    index = _index(form, path.read_bytes(), folder)
    raise_all(_damage(form, folder, index["files"]), f"{folder}: not what was exported")
    return index


def _index(form: Form, text: bytes, origin: Path) -> dict:
    try:
        index = json.loads(text)
        version = index["format"], index["version"]
        sound = version != (form.name, form.version) or bool(
            all(map(form.files.fullmatch, index["files"])) and form.is_sound(index)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{origin}: {INDEX} is not one that `{form.command}` writes; get it again")
    if version != (form.name, form.version):
        raise InputError(
            f"{origin}: format {version[0]!r} version {version[1]}, expected {form.name} version {form.version}; "
            f"use the infusenet that made it, {visible(str(index.get('package')))}"
        )
    return index


def _damage(form: Form, folder: Path, files: dict[str, str]) -> Iterator[str]:
    present = {path.name for path in folder.iterdir() if not is_service(path.name)} - {INDEX}
    for name in sorted(present | files.keys()):
        path = folder / name
        if name not in files:
            yield f"{visible(name)}: not listed in {INDEX}"
        elif path.is_symlink():
            yield f"{name}: a link, expected a plain file"
        elif not path.is_file():
            yield f"{name}: missing"
        elif problem := _excess(form, name, path.stat().st_size):
            yield problem
        elif file_digest(path) != files[name]:
            yield f"{name}: other bytes than were exported"
