"""Bundles: the stores of one database as another lab can check and use them.

Format ``infusenet-bundle``, version 1: a folder, or the same files in an uncompressed ``.tar``, without
subfolders. ``bundle.json`` holds format, version, database, package, ``stores`` ({file: recipe}) and
``files`` ({name: sha256} of every other file); beside it are the stores with their ``.sha256``,
``manifest.csv`` (without folder names) and ``README.txt``. A reader MUST refuse another format or
version, other names, links, and files that are missing, not listed or of another sha256.
"""

from infusenet.store.bundles.configuration_text import configuration_text
from infusenet.store.bundles.export import export
from infusenet.store.bundles.import_bundle import import_bundle

__all__ = ["configuration_text", "export", "import_bundle"]
