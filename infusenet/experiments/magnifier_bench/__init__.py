"""The magnifier bench (``infusenet magnifier evaluate``): checkpoints compared on exactly known motion."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.csv_tables import csv_text
from infusenet.devices import prepare
from infusenet.experiments.magnifier_bench import known_motion, measures, picture
from infusenet.files import write_if_changed
from infusenet.hashing import file_digest
from infusenet.magnifier.checkpoint import load
from infusenet.magnifier.network import Magnifier

SHIPPED = "shipped"


def evaluate(
    weights: Sequence[Path], output: Path, device: str = "auto", threads: int | None = None
) -> dict[str, list[measures.Figure]]:
    """Measure checkpoints and the shipped one; write a table (Markdown, CSV) and a picture.

    Parameters
    ----------
    weights : checkpoint files
    output : folder for ``magnifier.md``, ``magnifier.csv`` and ``magnifier.png``
    device, threads : as for training

    Returns
    -------
    {checkpoint: its figures}

    Raises
    ------
    InputError
        A file is no magnifier's checkpoint; the bench starts only when all are loaded.
    """
    device = prepare(device, threads)
    paths = _names(weights)
    models = {name: load(path).to(device) for name, path in paths.items()}
    figures_of = {name: measure(model, name) for name, model in models.items()}
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    write_if_changed(output / "magnifier.csv", table(figures_of))
    write_if_changed(output / "magnifier.md", page(figures_of, paths))
    picture.draw(models, figures_of, known_motion.moving()[0], output / "magnifier.png")
    return figures_of


def measure(model: Magnifier, name: str = "bench") -> list[measures.Figure]:
    """All figures of one magnifier, the summary first."""
    everything = known_motion.stand_ins() + known_motion.scenes()
    parts = [
        (measures.gains, everything),
        (measures.frames, everything),
        (measures.protocol, known_motion.scenes()),
        (measures.latents, known_motion.moving()),
    ]
    figures = []
    for part, materials in tqdm(parts, desc=name, unit="table", disable=None):
        figures += part(model, materials)
    return measures.summary(figures) + figures


def record(model: Magnifier) -> dict[str, dict[str, dict[str, float]]]:
    """All figures of one magnifier in the form that its training record holds."""
    return nested(measure(model))


def nested(figures: Sequence[measures.Figure]) -> dict[str, dict[str, dict[str, float]]]:
    """{section: {row: {column: value}}}, four digits."""
    tables = {}
    for section, row, column, value in figures:
        tables.setdefault(section, {}).setdefault(row, {})[column] = float(f"{value:.4g}")
    return tables


def table(figures_of: dict[str, Sequence[measures.Figure]]) -> str:
    """CSV with one line per figure and checkpoint."""
    lines = [
        (*figure[:3], name, f"{figure.value:.6g}")
        for name, figures in figures_of.items()
        for figure in figures
    ]
    return csv_text(("section", "row", "column", "checkpoint", "value"), lines)


def page(figures_of: dict[str, Sequence[measures.Figure]], paths: dict[str, Path]) -> str:
    """All tables in Markdown; each cell has the values of all checkpoints, always in the same order."""
    names = " / ".join(figures_of)
    lines = [f"# Magnifiers: {names}", "", f"Every cell reads: {names}.", ""]
    lines += [f"- {name}: sha256 {file_digest(path)}" for name, path in paths.items()]
    sections = {}
    for name, figures in figures_of.items():
        for section, row, column, value in figures:
            cells = sections.setdefault(section, {}).setdefault(row, {})
            cells.setdefault(column, {})[name] = value
    for section, rows in sections.items():
        columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
        lines += [
            "",
            f"## {section}",
            "",
            "| | " + " | ".join(columns) + " |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for row, cells in rows.items():
            texts = (
                " / ".join(f"{cells[c][n]:.3g}" for n in figures_of) if c in cells else "" for c in columns
            )
            lines.append(f"| {row} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def _names(weights: Sequence[Path]) -> dict[str, Path]:
    """A short name for each file: its stem, or the whole path where two stems are equal."""
    paths = [
        Path(path) for path in dict.fromkeys(weights) if Path(path).resolve() != SHIPPED_WEIGHTS.resolve()
    ]
    stems = [path.stem for path in paths]
    names = [p.stem if stems.count(p.stem) == 1 and p.stem != SHIPPED else str(p) for p in paths]
    return dict(zip(names, paths, strict=True)) | {SHIPPED: SHIPPED_WEIGHTS}
