"""The files of a bundle of stores, and its index."""

import re

from infusenet.config.stage_recipes import STAGES
from infusenet.store.bundles.archive import Form

MANIFEST, README = "manifest.csv", "README.txt"
DATABASE = re.compile(r"[a-z][a-z0-9_]*")
STORE = re.compile(rf"({'|'.join(STAGES)})(\.[A-Za-z0-9_-]+)?\.h5")
FILE = re.compile(rf"{STORE.pattern}(\.sha256)?|{re.escape(MANIFEST)}|{re.escape(README)}")


def is_sound(index: dict) -> bool:
    """Whether ``database``, ``stores`` and ``files`` of an index have their form."""
    return bool(
        DATABASE.fullmatch(index["database"])
        and all(map(STORE.fullmatch, index["stores"]))
        and {MANIFEST, *index["stores"]} <= index["files"].keys()
    )


BUNDLE = Form("infusenet-bundle", 1, "infusenet store export", FILE, is_sound, {})
