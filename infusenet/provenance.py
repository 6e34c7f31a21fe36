"""Where a store comes from, in one screen."""

from collections import Counter
from pathlib import Path

from infusenet.store import Store, sidecar_of


def describe(path: Path | str) -> str:
    """Stage, database, counts, arrays, recipe and sources of a store as aligned lines.

    Raises
    ------
    InputError
        The store is missing or cannot be read.
    """
    store = Store(path)
    failed = Counter(failure.status for failure in store.failures)
    counts = [f"{len(store)} stored", f"{Counter(store.status.values())['recovered']} recovered of them"]
    counts += [f"{count} {status}" for status, count in sorted(failed.items())]
    sidecar = sidecar_of(store.path)
    lines = {
        "store": f"{store.path} ({store.path.stat().st_size / 1e6:.1f} MB)",
        "stage": store.stage,
        "database": store.database,
        "clips": ", ".join(counts),
        "made by": f"infusenet {store.package}",
        "sha256": sidecar.read_text().strip() if sidecar.is_file() else f"{sidecar.name} is missing",
    }
    for name in store.names:
        lines[f"item {name}"] = f"{store.dtype(name)} {store.shape(name)}"
    lines |= {f"recipe {name}": value for name, value in store.recipe.items() if name != "stage"}
    lines |= {f"made from {name}": value for name, value in store.source.items()}
    faces = sidecar_of(store.path.with_name("faces.h5"))
    if "faces" in store.source and faces.is_file():
        same = faces.read_text().strip() == store.source["faces"]
        lines["faces.h5"] = (
            "the one it was made from" if same else "another one lies beside it; build it again"
        )
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines.items())
