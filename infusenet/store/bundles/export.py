"""Write a bundle for another lab."""

from collections.abc import Sequence
from pathlib import Path

from infusenet import __version__
from infusenet.config import stage_recipes
from infusenet.config.stage_arrays import shows_faces
from infusenet.databases.clip_table import Clip, read_manifest, to_csv
from infusenet.errors import InputError, raise_all
from infusenet.store import Store, sidecar_of
from infusenet.store.bundles.archive import write
from infusenet.store.bundles.members import BUNDLE, MANIFEST, README, STORE
from infusenet.store.verify import verify

NOTICE = """\
infusenet bundle of the database {database}, {clips} clips, made by infusenet {package}.

{stores}
{faces}
manifest.csv names the clips with onset, apex, offset and the owner's labels; bundle.json holds the
recipes and the sha256 of every file. To check all of it and to see what to configure:

    infusenet store import BUNDLE

Licence. The clips belong to the owners of {database}. Data derived from them, with or without faces,
and their labels may fall under the licence agreement of that database. This bundle grants no right to
them: pass it on only to people who signed that agreement, or with the owners' consent.
"""


def export(database: str, stores: Path, manifests: Path, output: Path, faces: bool) -> list[str]:
    """Write the bundle of a database: a folder or, where ``output`` ends so, a ``.tar``.

    Parameters
    ----------
    stores, manifests : folders with ``{database}/*.h5`` and ``{database}.csv``
    faces : whether stores that show faces go along (`shows_faces`)

    Returns
    -------
    list of str
        The names of the stores in the bundle.

    Raises
    ------
    InputError
        ``output`` exists, there is nothing to export, or `infusenet.store.verify.verify` finds something.
    """
    output, folder, table = Path(output), Path(stores) / database, Path(manifests) / f"{database}.csv"
    if output.exists():
        raise InputError(f"{output} exists; remove it or give another name")
    available = [Store(path) for path in sorted(folder.glob("*.h5")) if STORE.fullmatch(path.name)]
    exported = [store for store in available if faces or not _shows_faces(store)]
    if not exported:
        names = ", ".join(store.path.name for store in available) or "none"
        raise InputError(f"{folder}: no store to export (found: {names}); build flow and latents first")
    clips = read_manifest(table)
    defects = [defect.text for store in exported for defect in verify(store.path, table)]
    raise_all(defects, f"{database} is not exported")

    bare = [Clip(**{**vars(clip), "frames": ""}) for clip in clips]
    contents: dict[str, Path | bytes] = {
        MANIFEST: to_csv(bare).encode(),
        README: _notice(database, clips, exported).encode(),
    }
    for store in exported:
        contents |= {path.name: path for path in (store.path, sidecar_of(store.path))}
    write(
        BUNDLE, output, contents, {"database": database, "stores": {s.path.name: s.recipe for s in exported}}
    )
    return [store.path.name for store in exported]


def _notice(database: str, clips: Sequence[Clip], stores: Sequence[Store]) -> str:
    lines = []
    for store in stores:
        settings = ", ".join(f"{name} {value}" for name, value in store.recipe.items() if name != "stage")
        lines.append(f"{store.path.name}: {len(store)} clips; {settings}")
    names = ", ".join(store.path.name for store in stores if _shows_faces(store))
    return NOTICE.format(
        database=database, clips=len(clips), package=__version__, stores="\n".join(lines),
        faces=f"It shows faces: {names}." if names else "No store in it shows a face.",
    )  # fmt: skip


def _shows_faces(store: Store) -> bool:
    return shows_faces(stage_recipes.from_dict(store.recipe, store.path))
