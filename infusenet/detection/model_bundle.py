"""Bundles of trained models for other people: which files they hold, and their checks.

Format ``infusenet-model``, version 1: a folder, or the same files in an uncompressed ``.tar``
(`infusenet.store.bundles.archive`). Beside ``bundle.json`` there are

- ``{held_out}_seed{n}.safetensors``, the weights of a training with its facts, as in its run folder;
- ``magnifier.safetensors``, where latents are read: the magnifier that their recipe names by sha256. Where that is the
  sha256 of a file saved by torch, which could hold more than tensors, these are the same tensors in safetensors;
- ``model_card.json``, and the same to read in ``model_card.md`` (`infusenet.detection.model_card`).

The index also has ``models``, the names of the weights; ``standins``, whether they were trained on synthetic
stand-ins; ``recipes`` of the method, of the faces and of the stores; ``magnifier``, the sha256 in the latents' recipe,
or null. Nothing in a bundle shows a face or is run.
"""

import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infusenet.errors import InputError
from infusenet.json_notes import fits, read_note
from infusenet.store.bundles import archive
from infusenet.store.bundles.archive import INDEX, Form

MAGNIFIER, CARD, CARD_TEXT = "magnifier.safetensors", "model_card.json", "model_card.md"
WEIGHTS = re.compile(r"[a-z][a-z0-9_]*_seed[0-9]+\.safetensors")
FILE = re.compile(rf"{WEIGHTS.pattern}|{re.escape(MAGNIFIER)}|{re.escape(CARD)}|{re.escape(CARD_TEXT)}")
INDEX_FORM = {
    "files": {str: str}, "models": [str], "standins": bool, "recipes": {str: dict}, "magnifier": str | None,
}  # fmt: skip
# Of the model card, what is read of cards of all versions.
AVERAGE = {"f1": int | float, "low": int | float, "high": int | float}
CARD_FORM = {"figures": [{"held_out": str, "clips": int, "f1": {"average": AVERAGE}}], "licence": str | None}


def is_sound(index: dict) -> bool:
    """Whether an index has its form and lists exactly the files of its models."""
    if not fits(index, INDEX_FORM):
        return False
    models, others = index["models"], [CARD, CARD_TEXT, *([MAGNIFIER] if index["magnifier"] else [])]
    return bool(
        models
        and all(map(WEIGHTS.fullmatch, models))
        and sorted(index["files"]) == sorted([*models, *others])
    )


MODEL_BUNDLE = Form(
    "infusenet-model", 1, "infusenet model export", FILE, is_sound,
    {".json": 1 << 20, ".md": 1 << 20, ".safetensors": 4 << 30},
)  # fmt: skip


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle and not a run folder: a file, or a folder with an index."""
    return path.is_file() or (path / INDEX).exists()


def weights_name(held_out: str, seed: int) -> str:
    """The file of a training's weights in a bundle."""
    return f"{held_out}_seed{seed}.safetensors"


@contextmanager
def folder_of(bundle: Path) -> Iterator[Path]:
    """The folder of a bundle's files: a ``.tar`` is unpacked into a temporary one. Of that the magnifier stays until
    this process ends. No digest is checked."""
    if bundle.is_dir():
        yield bundle
        return
    with archive.opened(MODEL_BUNDLE, bundle) as (_, unpack):
        folder = Path(tempfile.mkdtemp(prefix="infusenet-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        unpack(folder)
    try:
        yield folder
    finally:
        for path in folder.iterdir():
            if path.name != MAGNIFIER:
                path.unlink()


def checked(folder: Path) -> tuple[dict, dict]:
    """The index and the model card in a bundle's folder.

    Raises
    ------
    InputError
        Another format or version, other names, links, and files that are missing, not listed, too large, or of another
        sha256; a card of another form.
    """
    index = archive.checked(MODEL_BUNDLE, folder)
    card = read_note(folder / CARD, CARD_FORM)
    if card is None:
        raise InputError(
            f"{folder / CARD}: not one that `{MODEL_BUNDLE.command}` writes; get the bundle again"
        )
    return index, card
