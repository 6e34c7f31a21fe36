"""The disk that the stores need, the folder they lie in, the device that computes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from infusenet.config import configuration
from infusenet.config.stage_arrays import item_bytes
from infusenet.doctor.finding import Finding
from infusenet.errors import InputError

GIB = 1 << 30


def stores_read(config: dict) -> dict[str, dict]:
    """{store name: recipe} of all that the configured methods read, and the faces those are made from."""
    stores = {}
    for method in config["methods"]:
        for store in configuration.resolve_method(config, method)["stores"].values():
            stage = store["recipe"]["stage"]
            if stage != "faces":
                stores["faces"] = configuration.stage_recipe(config, "faces")
            stores[f"{stage}{'.' * bool(store['variant'])}{store['variant']}"] = store["recipe"]
    return stores


def disk(config: dict) -> Iterator[Finding]:
    """Room for the stores that the configured methods read and that are not there yet."""
    from infusenet.databases.sources import read_source

    stores = stores_read(config)
    crop = configuration.stage_recipe(config, "faces")["size"]
    clips = needed = 0
    for name, source in config["databases"].items():
        try:
            # What the reader remarks on rows is said where the database is read in earnest.
            with redirect_stderr(StringIO()):
                count = len(read_source(name, source, config["audit"]).clips)
        except InputError as error:
            yield Finding(
                "mend", "database", f"{name}: {error}", "a readable database",
                f"correct databases: {name} in the configuration, or the database",
            )  # fmt: skip
            continue
        sizes = [
            count * item_bytes(recipe, crop)
            for store, recipe in stores.items()
            if "stores" not in source and not (Path(config["cache"]) / name / f"{store}.h5").is_file()
        ]
        clips += count
        # While a store is built its parts lie beside it.
        needed += sum(sizes) + max(sizes, default=0)
    folder = _existing(Path(config["cache"]))
    free = shutil.disk_usage(folder).free
    room = f"{free / GIB:.1f} GiB free in {folder.resolve()}"
    expected = f"{needed / GIB:.1f} GiB for {', '.join(stores)} of {clips} clips in {len(config['databases'])} databases"
    if free < needed:
        yield Finding("mend", "disk", room, expected, "free some, or set cache: to a larger disk")
    else:
        yield Finding("ok", "disk", f"{room}; still needed: {expected}")


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def cache(config: dict) -> Iterator[Finding]:
    """Can stores be written, locked and renamed where they are to lie?"""
    import h5py

    folder, without_locks = _existing(Path(config["cache"])), ""
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor", dir=folder) as trial:
            file = Path(trial) / "a.h5"
            file.touch()
            try:
                h5py.File(file, "w").close()
            except OSError as error:
                without_locks = str(error)
            os.replace(file, Path(trial) / "b.h5")
    except OSError as error:
        yield Finding(
            "mend", "cache", f"{folder}: {error.strerror}", "a folder that you may write to",
            "set cache: to such a folder, or ask its owner",
        )  # fmt: skip
        return
    if without_locks:
        yield Finding(
            "note", "cache", f"{folder}: HDF5 cannot lock a file here ({without_locks})",
            "file locks, if other programs are to open the stores; infusenet asks for none",
            "export HDF5_USE_FILE_LOCKING=FALSE for those",
        )  # fmt: skip
    else:
        yield Finding("ok", "cache", f"{folder.resolve()}: written, locked and renamed")


def device(config: dict) -> Iterator[Finding]:
    """The device that was asked for, and settings from outside that change a result's bits."""
    import torch

    compute, there = config["compute"], torch.cuda.is_available()
    card = torch.cuda.get_device_name() if there else "no CUDA device for torch"
    if compute["device"] == "cuda" and not there:
        yield Finding("mend", "device", card, "CUDA, as compute: device says", "set compute: device: auto")
    elif shutil.which("nvidia-smi") and not there and compute["device"] != "cpu":
        yield Finding(
            "note", "device", f"{card}, though nvidia-smi is here", "a driver for CUDA " + torch.version.cuda,
            "update the driver, or set compute: device: cpu",
        )  # fmt: skip
    else:
        yield Finding("ok", "device", f"{card}; compute: device is {compute['device']}")
    cores = os.cpu_count()
    for name in ("threads", "processes"):
        if compute[name] > cores:
            yield Finding(
                "note", name, f"compute: {name} is {compute[name]}, {cores} cores here",
                "at most the cores: more only take turns", f"set compute: {name} (threads: other last bits)",
            )  # fmt: skip
    if (value := os.environ.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8")) not in (":4096:8", ":16:8"):
        yield Finding(
            "mend", "bits", f"CUBLAS_WORKSPACE_CONFIG={value}", ":4096:8", "unset CUBLAS_WORKSPACE_CONFIG"
        )
    for name in ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"):
        if os.environ.get(name) == "1":
            yield Finding("mend", "bits", f"{name}=1", "full float32", f"unset {name}")
