"""Pictures of results. The same numbers give the same bytes."""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from infusenet.errors import InputError
from infusenet.report.tables import COLUMNS, Row
from infusenet.store import aside

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

HEADS = {"loss_mag": "FrameMag", "loss_flow": "FrameFlow"}


def heatmap(rows: Sequence[Row], databases: Sequence[str], path: Path) -> None:
    """F1 by AU and held-out database, a panel a method (mean over seeds).

    Cells without a positive label are gray and say n/a: no F1 is defined there.
    """
    methods = [m for m in dict.fromkeys(row.method for row in rows) if any(
        row.method == m and row.scope == "macro2" for row in rows) and "/" not in m]  # fmt: skip
    scopes = [*databases, "mean", "pooled"]
    figure, axes = plt.subplots(
        len(methods), 1, figsize=(11, 0.6 + 0.45 * (len(scopes) + 2) * len(methods)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, method in zip(axes[:, 0], methods, strict=True):
        values = np.full((len(scopes), len(COLUMNS)), np.nan)
        for y, scope in enumerate(scopes):
            for x, au in enumerate(COLUMNS):
                cell = [r for r in rows if (r.method, r.scope, r.au) == (method, scope, au)]
                if cell[0].support:
                    values[y, x] = np.mean([row.f1 for row in cell])
        colours = matplotlib.colormaps["cividis"].with_extremes(bad="0.8")
        image = axis.imshow(values, colours, vmin=0, vmax=1, aspect="auto")
        for (y, x), value in np.ndenumerate(values):
            shown = "n/a" if np.isnan(value) else f"{value:.2f}"
            axis.text(
                x, y, shown, ha="center", va="center", fontsize=9, color="white" if value < 0.5 else "black"
            )
        axis.set_xticks(range(len(COLUMNS)), COLUMNS, rotation=30, ha="right")
        axis.set_yticks(range(len(scopes)), [*databases, "mean over folds", "pooled"])
        axis.axhline(len(databases) - 0.5, color="white", linewidth=2)
        axis.axvline(len(COLUMNS) - 1.5, color="white", linewidth=2)
        axis.set_title(f"F1 of {method} by held-out database", fontsize=11)
        figure.colorbar(image, ax=axis, label="F1", pad=0.01)
    _save(figure, path)


def training_curves(logs: dict[str, Path], path: Path) -> None:
    """Training loss of both heads per epoch, a line a run; ``logs`` maps a run's name to its log.csv."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
    for name, log in logs.items():
        if not log.is_file():
            raise InputError(f"{log}: no such file; it is written by `infusenet train`")
        with open(log, encoding="utf-8", newline="") as file:
            epochs = list(csv.DictReader(file))
        for axis, column in zip(axes, HEADS, strict=True):
            axis.plot(
                [int(e["epoch"]) for e in epochs], [float(e[column]) for e in epochs], label=name, lw=1.5
            )
    for axis, title in zip(axes, HEADS.values(), strict=True):
        axis.set(title=title, xlabel="epoch", yscale="log")
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("training loss (binary cross-entropy)")
    if len(logs) <= 12:
        axes[1].legend(fontsize=8)
    _save(figure, path)


def _save(figure, path: Path) -> None:
    with aside(path) as temporary:
        # No software version or date inside, so that equal pictures are equal files.
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)
