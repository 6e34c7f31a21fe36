"""Outputs that were cut off: by a power cut, a full disk or an interrupted copy.

Snakemake sees that an output exists, not that half of it is missing. So this runs whenever it parses:
a cut output is reported on stderr and renamed to ``{name}.cut``, and Snakemake makes it again. A file
counts as cut if it is shorter than its writer noted (`infusenet.files.note_sizes`), lacks the end of
its format or begins with zeros. Other damage is found by the readers of the file. Standard library only,
and only the ends of files are read: 144 runs take a tenth of a second.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from infusenet.errors import InputError
from infusenet.files import noted_sizes, write_if_changed
from infusenet.json_notes import fits, parse
from infusenet.report.tables_and_figures import TARGETS

# The last bytes of a whole file.
ENDS = {".png": b"IEND\xaeB`\x82", ".html": (b"</html>", b"</html>\n"), ".safetensors": b""}
NEWLINE = b"\n"
WRITTEN = (
    *("metrics.csv", "metrics.md", "heatmap.png", "reliability.png", "training.png"),
    *("ledger.csv", "ledger.html"),
    *("report.html", "paper.html", "nuisance/nuisance.md", "nuisance/nuisance.csv", "nuisance/nuisance.png"),
    *(name for target in TARGETS.values() for name in target.files),
)
OF_A_RUN = ("weights.safetensors", "log.csv", "predictions.csv", "run.json")
ASIDE = ".cut"
RUN = re.compile("seed[0-9]+")
DIGEST = re.compile(rb"[0-9a-f]{64}\n")
HDF5 = b"\x89HDF\r\n\x1a\n"
END_OF_FILE = {0: 40, 2: 28, 3: 28}  # where a superblock of each version has the length of its file
MAX_HEADER = 100_000_000  # bytes, of safetensors


def set_aside(config: dict) -> list[str]:
    """Rename every cut output below ``results`` and ``cache``, with a line on stderr.

    A sidecar and a contact sheet are made again here: as missing outputs they would rerun the job of
    their store, and with it every training on it.

    Returns
    -------
    list of str
        The cut files of run folders that have not been made again yet, also those of earlier calls.
        Snakemake makes a missing file again only as a target or as the input of a job that runs.
    """
    results, cache = Path(config["results"]), Path(config["cache"])
    made_here = [cache / name for name, source in config["databases"].items() if "stores" not in source]
    for path, reason in [*_tables(results), *_runs(results), *_caches(made_here)]:
        os.replace(path, f"{path}{ASIDE}")
        print(
            f"{path}: {reason}; now {path.name}{ASIDE}, and made again when a run needs it", file=sys.stderr
        )
    for folder in made_here:
        for store in sorted(folder.glob("*.h5")):
            _complete(store)
    missing = []
    for folder in (results, results / "nuisance", *run_folders(results), *made_here):
        for path in folder.glob(f"*{ASIDE}"):
            if (again := path.with_name(path.name.removesuffix(ASIDE))).exists():
                path.unlink()
            elif again.name in OF_A_RUN:
                missing.append(f"{config['results']}/{again.relative_to(results).as_posix()}")
    return missing


def run_folders(results: Path) -> list[Path]:
    """The folders of all runs; others beside them, such as ``seed0_old``, are ignored."""
    return [path for path in sorted(results.glob("*/*/seed*")) if RUN.fullmatch(path.name) and path.is_dir()]


def _tables(results: Path) -> Iterator[tuple[Path, str]]:
    sizes = noted_sizes(results) | noted_sizes(results / "nuisance")
    for name in WRITTEN:
        if reason := _cut(results / name, sizes.get(results / name)):
            yield results / name, reason


def _runs(results: Path) -> Iterator[tuple[Path, str]]:
    for run in run_folders(results):
        sizes, weights, log = noted_sizes(run), run / "weights.safetensors", run / "log.csv"
        reasons = {run / name: "" for name in OF_A_RUN}
        if weights not in sizes:  # an older version noted none: the content says how much there must be
            header, reasons[weights] = _tensors(weights)
            reasons[log] = _cut_log(log, header)
        for path, reason in reasons.items():
            if reason := _cut(path, sizes.get(path)) or reason:
                yield path, reason


def _caches(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for store in sorted(folder.glob("*.h5")):
            if cut_store(store):
                yield store, "shorter than its store is, or zeros"
        listed = folder / "left_out.csv"
        if reason := _cut(listed, noted_sizes(folder).get(listed)):
            yield listed, reason


def _cut(path: Path, size: int | None = None) -> str:
    """The sign that a file was cut; empty if it is whole or missing. ``size``: bytes, as its writer noted."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            length = file.seek(0, os.SEEK_END)
            file.seek(-min(length, 16), os.SEEK_END)
            tail = file.read()
    except FileNotFoundError:
        return ""
    if not length:
        return "empty"
    if not any(head):
        return "zeros in place of its content"
    if not tail.endswith(ENDS.get(path.suffix, NEWLINE)):
        return "its end is missing"
    return f"{length} bytes of {size}" if size is not None and length < size else ""


def _cut_log(path: Path, header: dict) -> str:
    """The sign that a log was cut: it has one row per epoch, or only the header ``epoch`` for a model without
    epochs. The number comes from the weights beside it: ``run.json`` may still be of another training."""
    metadata = header.get("__metadata__")
    text = metadata["infusenet"] if fits(metadata, {"infusenet": str}) else ""
    facts = parse(text, {"recipe": {"epochs": int}})
    if facts is None or not path.is_file():
        return ""
    epochs = facts["recipe"]["epochs"]
    text = path.read_bytes()
    rows = text.count(b"\n") - 1
    return "" if rows == epochs or text == b"epoch\n" else f"{rows} epochs of {epochs}"


def _tensors(path: Path) -> tuple[dict, str]:
    """The header of a safetensors file, and the sign that the file ends before its last tensor.

    The file begins with the length of its header, 8 bytes, and the header, in JSON, with each tensor's
    place after it. Both are empty for other content: the readers of the file report that.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if 0 < size < 8 or length < MAX_HEADER and size < 8 + length:
                return {}, f"{size} bytes, less than its header"
            header = json.loads(file.read(length)) if length < MAX_HEADER else {}
        places = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except FileNotFoundError:
        return {}, ""
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}, ""
    whole = 8 + length + max(places, default=0)
    return header, f"{size} bytes of {whole}" if places and size < whole else ""


def cut_store(path: Path) -> bool:
    """Whether an HDF5 file is shorter than its superblock says, empty, or zeros."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        block = file.read(64)
    place = END_OF_FILE.get(block[8]) if block[:8] == HDF5 and len(block) == 64 else None
    return (
        not any(block)
        or HDF5.startswith(block[:8])
        and (len(block) < 64 or bool(place) and size < int.from_bytes(block[place : place + 8], "little"))
    )


def _complete(store: Path) -> None:
    """Make cut files beside a store again: the sidecar and, of faces, the contact sheet."""
    sidecar, sheet = store.with_name(f"{store.name}.sha256"), store.with_suffix(".png")
    if sidecar.is_file() and not DIGEST.fullmatch(sidecar.read_bytes()):
        from infusenet.store import folder_of  # slow to import, and seldom needed

        # The second name of a store's bytes is their digest.
        digests = [path.stem for path in folder_of(store).glob("*.h5") if path.samefile(store)]
        sidecar.unlink()
        if digests:
            write_if_changed(sidecar, f"{digests[0]}\n")
        print(
            f"{sidecar}: no digest; {'written again' if digests else 'removed, so that the next run makes it again'}",
            file=sys.stderr,
        )
    if store.name.startswith("faces") and (reason := _cut(sheet)):
        from infusenet.preprocess.contact_sheet import contact_sheet
        from infusenet.store import Store

        with suppress(InputError):  # a damaged store: its readers report it
            contact_sheet(Store(store, "faces"), sheet)
            print(f"{sheet}: {reason}; drawn again", file=sys.stderr)
