"""The tables of the database ``mine`` in a lab's folder, as a sync leaves them."""

from infusenet.databases import sync as databases_sync


def tables(root):
    """[(bytes, time of the last change)] of manifest and clip list, which a run follows from."""
    paths = [root / "data_manifests/mine.csv", root / "cache/mine/clips.csv"]
    return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]


def sync(lab):
    """Sync ``lab``, a folder and its configuration; its `tables` after that."""
    root, config = lab
    databases_sync.sync(config, root / "data_manifests")
    return tables(root)
