"""Disk space for the stores, their folder, and the device that computes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from infusenet.config import configuration
from infusenet.config.stage_arrays import item_bytes
from infusenet.config.stage_recipes import StageRecipe
from infusenet.doctor.diagnosis import Diagnosis
from infusenet.errors import InputError

GIB = 1 << 30


def stores_read(config: dict) -> dict[str, StageRecipe]:
    """{store name: recipe} of all stores that the configured methods read, and of the faces behind them."""
    stores = {}
    for method in config["methods"]:
        for store in configuration.resolve_method(config, method).stores.values():
            if store.recipe.stage != "faces":
                stores["faces"] = configuration.stage_recipe(config, "faces")
            stores[store.name] = store.recipe
    return stores


def disk(config: dict) -> Iterator[Diagnosis]:
    """Space for the stores that the configured methods read and that do not exist yet."""
    from infusenet.databases.sources import read_source

    stores = stores_read(config)
    crop = configuration.stage_recipe(config, "faces").size
    clips = needed = 0
    for name, source in config["databases"].items():
        try:
            # Remarks on rows are printed when the database is read for a run.
            with redirect_stderr(StringIO()):
                count = len(read_source(name, source, config["audit"]).clips)
        except InputError as error:
            yield Diagnosis(
                "fix", "database", f"{name}: {error}", "a readable database",
                f"correct databases: {name} in the configuration, or the database",
            )  # fmt: skip
            continue
        sizes = [
            count * item_bytes(recipe, crop)
            for store, recipe in stores.items()
            if "stores" not in source and not (Path(config["cache"]) / name / f"{store}.h5").is_file()
        ]
        clips += count
        # During a build the parts of a store are beside it.
        needed += sum(sizes) + max(sizes, default=0)
    folder = _existing(Path(config["cache"]))
    free = shutil.disk_usage(folder).free
    room = f"{free / GIB:.1f} GiB free in {folder.resolve()}"
    expected = f"{needed / GIB:.1f} GiB for {', '.join(stores)} of {clips} clips in {len(config['databases'])} databases"
    if free < needed:
        yield Diagnosis("fix", "disk", room, expected, "free disk space, or set cache: to a larger disk")
    else:
        yield Diagnosis("ok", "disk", f"{room}; still needed: {expected}")


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def cache(config: dict) -> Iterator[Diagnosis]:
    """Write, lock and rename a file in the folder of the stores."""
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
        yield Diagnosis(
            "fix", "cache", f"{folder}: {error.strerror}", "a folder that you may write to",
            "set cache: to such a folder, or ask its owner",
        )  # fmt: skip
        return
    if without_locks:
        yield Diagnosis(
            "note", "cache", f"{folder}: HDF5 cannot lock a file here ({without_locks})",
            "file locks, if other programs are to open the stores; infusenet asks for none",
            "export HDF5_USE_FILE_LOCKING=FALSE for those",
        )  # fmt: skip
    else:
        yield Diagnosis("ok", "cache", f"{folder.resolve()}: written, locked and renamed")


def device(config: dict) -> Iterator[Diagnosis]:
    """The configured device, and settings of the environment that change the bits of results."""
    import torch

    compute, has_cuda = config["compute"], torch.cuda.is_available()
    card = torch.cuda.get_device_name() if has_cuda else "no CUDA device for torch"
    if compute["device"] == "cuda" and not has_cuda:
        yield Diagnosis("fix", "device", card, "CUDA, as compute: device says", "set compute: device: auto")
    elif shutil.which("nvidia-smi") and not has_cuda and compute["device"] != "cpu":
        yield Diagnosis(
            "note", "device", f"{card}, though nvidia-smi is installed", "a driver for CUDA " + torch.version.cuda,
            "update the driver, or set compute: device: cpu",
        )  # fmt: skip
    else:
        yield Diagnosis("ok", "device", f"{card}; compute: device is {compute['device']}")
    cores = os.cpu_count()
    for name in ("threads", "processes"):
        if compute[name] > cores:
            yield Diagnosis(
                "note", name, f"compute: {name} is {compute[name]}, {cores} cores here",
                "at most the number of cores", f"set compute: {name} (threads: other last bits of results)",
            )  # fmt: skip
    if (value := os.environ.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8")) not in (":4096:8", ":16:8"):
        yield Diagnosis(
            "fix", "bits", f"CUBLAS_WORKSPACE_CONFIG={value}", ":4096:8", "unset CUBLAS_WORKSPACE_CONFIG"
        )
    for name in ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"):
        if os.environ.get(name) == "1":
            yield Diagnosis("fix", "bits", f"{name}=1", "full float32", f"unset {name}")
