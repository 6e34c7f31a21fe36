"""Figures of results. The same numbers give the same bytes."""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from infusenet import models
from infusenet.errors import InputError
from infusenet.evaluation.metric_rows import MetricRow
from infusenet.evaluation.metric_tables import by_cell
from infusenet.evaluation.metrics import COLUMNS
from infusenet.evaluation.protocol_label import Protocol
from infusenet.files import aside
from infusenet.models.heads import OTHER_COLOURS

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

DPI = 110  # of all pictures


def heatmap(rows: Sequence[MetricRow], databases: Sequence[str], label: Protocol, path: Path) -> None:
    """Draw F1 by AU and held-out database, one panel per method (mean over seeds).

    Cells without a positive label are gray and read n/a: F1 is not defined there.
    """
    methods = [m for m in dict.fromkeys(row.method for row in rows) if any(
        row.method == m and row.scope == "macro2" for row in rows) and "/" not in m]  # fmt: skip
    scopes = [*databases, "mean", "pooled"]
    cells, support = by_cell(rows), {(row.scope, row.au): row.support for row in rows}
    figure, axes = plt.subplots(
        len(methods), 1, figsize=(11, 0.6 + 0.45 * (len(scopes) + 2) * len(methods)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, method in zip(axes[:, 0], methods, strict=True):
        values = np.full((len(scopes), len(COLUMNS)), np.nan)
        for y, scope in enumerate(scopes):
            for x, au in enumerate(COLUMNS):
                if support[scope, au]:
                    values[y, x] = np.mean(cells[method, scope, au])
        colours = matplotlib.colormaps["cividis"].with_extremes(bad="0.8")
        image = axis.imshow(values, colours, vmin=0, vmax=1, aspect="auto")
        for (y, x), value in np.ndenumerate(values):
            text = "n/a" if np.isnan(value) else f"{value:.2f}"
            axis.text(
                x, y, text, ha="center", va="center", fontsize=9, color="white" if value < 0.5 else "black"
            )
        axis.set_xticks(range(len(COLUMNS)), COLUMNS, rotation=30, ha="right")
        axis.set_yticks(range(len(scopes)), [*databases, "mean over folds", "pooled"])
        axis.axhline(len(databases) - 0.5, color="white", linewidth=2)
        axis.axvline(len(COLUMNS) - 1.5, color="white", linewidth=2)
        axis.set_title(f"F1 of {method} by held-out database", fontsize=11)
        figure.colorbar(image, ax=axis, label="F1", pad=0.01)
    entitle(figure, label)
    save(figure, path)


def training_curves(logs: dict[str, Sequence[Path]], label: Protocol, path: Path) -> None:
    """Draw training loss per epoch: one panel per method, one line per run, one colour per head.

    ``logs`` maps a method to the log.csv of its runs; the loss of a head is column
    ``loss_{head}``. A method that is fitted in one step has no such column, and its panel is empty.
    """
    columns = min(4, len(logs))
    rows = -(-len(logs) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(max(6, 4 * columns), 0.4 + 3 * rows), squeeze=False, layout="constrained"
    )
    heads = models.heads_by_name()
    lines, styles = {}, {name: (head.title, head.colour) for name, head in heads.items()}
    for axis, (method, paths) in zip(axes.flat, logs.items(), strict=False):
        for log in paths:
            if not log.is_file():
                raise InputError(f"{log}: no such file; it is written by `infusenet train`")
            with open(log, encoding="utf-8", newline="") as file:
                epochs = list(reader := csv.DictReader(file))
            for column in (name for name in reader.fieldnames if name.startswith("loss_")):
                head = column.removeprefix("loss_")
                x, y = [int(e["epoch"]) for e in epochs], [float(e[column]) for e in epochs]
                others = len(styles) - len(heads)
                title, colour = styles.setdefault(head, (head, OTHER_COLOURS[others % len(OTHER_COLOURS)]))
                (lines[title],) = axis.plot(x, y, color=colour, lw=1, alpha=0.8)
        axis.set_title(method, fontsize=10)
        axis.set(xlabel="epoch", yscale="log")
        if not axis.lines:
            axis.text(0.5, 0.5, "fitted in one step", ha="center", transform=axis.transAxes)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(logs) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("binary cross-entropy")
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    entitle(figure, label)
    save(figure, path)


def entitle(figure, label: Protocol) -> None:
    """Head a figure with the protocol's differences, if there are any."""
    if label.differences:
        figure.suptitle(label.name + label.lines, fontsize=11)


def save(figure, path: Path) -> None:
    """Publish a figure as PNG and close it."""
    if layout := figure.get_layout_engine():
        # Here, because `savefig` would draw the whole figure once more for it; the picture is the same.
        figure.set_dpi(DPI)
        layout.execute(figure)
        figure.set_layout_engine(None)
    with aside(path) as temporary:
        # No software version or date inside, so that equal pictures are equal files.
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)
