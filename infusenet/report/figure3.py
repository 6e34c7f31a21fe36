"""Figure 3: AUs that are confused with one another, SSSNet beside InfuseNet."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from infusenet.evaluation import metrics
from infusenet.evaluation.plots import plt, save
from infusenet.report import published_numbers
from infusenet.report.paper_runs import load
from infusenet.report.result_csv import csv_row, write_csv
from infusenet.report.tables_and_figures import TARGETS


def figure3(runs: Sequence[Path], output: Path) -> None:
    """Write ``figure3.png`` and ``figure3.csv``.

    Above, the multi-label confusion matrix of Heydarian et al. (`metrics.mlcm`), each row in per cent
    of its sum; below, co-occurrence of true and predicted AUs (`metrics.cooccurrence`). Pooled test
    predictions of each method's lowest seed. The CSV holds each AU's 2 x 2 table for every seed.
    """
    results = load(runs, "figure3")
    methods = TARGETS["figure3"].methods
    labels = np.vstack(results.labels)
    figure, axes = plt.subplots(2, len(methods), figsize=(15, 15.5), layout="constrained")
    rows = []
    for column, method in zip(axes.T, methods, strict=True):
        seed = min(results.decisions[method])
        decisions = np.vstack(results.decisions[method][seed])
        confusion = metrics.mlcm(labels, decisions).astype(float)
        sums = confusion.sum(1, keepdims=True)
        shares = np.divide(confusion, sums, out=np.full_like(confusion, np.nan), where=sums > 0)
        title = f"{published_numbers.TITLES[method]}, seed {seed}"
        extra = "no true\nlabel", "no predicted\nlabel"
        _panel(column[0], shares, f"{title}\nmulti-label confusion, % of row", *extra)
        image = _panel(
            column[1],
            metrics.cooccurrence(labels, decisions),
            f"{title}\nco-occurrence, % of the clips with the true AU",
        )
        for number, folds in sorted(results.decisions[method].items()):
            tables = metrics.two_by_two(labels, np.vstack(folds))
            names = "true_negative", "false_positive", "false_negative", "true_positive"
            for au, counts in zip(metrics.AU_NAMES, tables.reshape(-1, 4).tolist(), strict=True):
                row = csv_row(results, method) | {"seed": number, "au": au}
                rows.append(row | dict(zip(names, counts, strict=True)))
    figure.colorbar(image, ax=axes, label="% of row", shrink=0.5, pad=0.01)
    figure.suptitle(f"Confusion of Action Units, pooled test clips{results.protocol.caption}", fontsize=14)
    save(figure, output / "figure3.png")
    write_csv(output / "figure3.csv", rows, results)


def _panel(axis, shares: np.ndarray, title: str, extra_row: str = "", extra_column: str = ""):
    """One matrix of shares, with per cents in its cells; rows without a count are gray."""
    extra = len(shares) > len(metrics.AU_NAMES)
    colours = matplotlib.colormaps["cividis"].with_extremes(bad="0.8")
    image = axis.imshow(100 * shares, colours, vmin=0, vmax=100)
    for (y, x), share in np.ndenumerate(shares):
        text, light = ("n/a", False) if np.isnan(share) else (f"{100 * share:.0f}", share < 0.5)
        axis.text(x, y, text, ha="center", va="center", fontsize=9, color="white" if light else "black")
    axis.set_xticks(range(len(shares)), [*metrics.AU_NAMES, *[extra_column] * extra], rotation=90)
    axis.set_yticks(range(len(shares)), [*metrics.AU_NAMES, *[extra_row] * extra])
    if extra:
        axis.axhline(len(metrics.AU_NAMES) - 0.5, color="white", linewidth=2)
        axis.axvline(len(metrics.AU_NAMES) - 0.5, color="white", linewidth=2)
    axis.set(xlabel="predicted", ylabel="true")
    axis.set_title(title, fontsize=11)
    return image
