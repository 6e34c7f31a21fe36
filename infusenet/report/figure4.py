"""Figure 4: average F1 against the magnification factor."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.evaluation.plots import plt, save
from infusenet.report import published_numbers
from infusenet.report.comparisons import AVERAGES
from infusenet.report.magnifier_words import magnifier_words
from infusenet.report.paper_runs import Results, load
from infusenet.report.result_csv import csv_row, write_csv
from infusenet.report.tables_and_figures import FACTORS, INFUSENET, RELEASED_FACTOR10

# Okabe-Ito colours; marker and side step distinguish the lines without colour too.
STYLES = {"difference": ("#0072B2", "o", -0.15), "magnified": ("#D55E00", "s", 0.15)}
LEGENDS = {
    "difference": "difference latents (the factor is an input gain)",
    "magnified": "magnified latents",
}


def figure4(runs: Sequence[Path], output: Path) -> None:
    """Write ``figure4.png`` and ``figure4.csv``: mean and standard deviation over seeds by factor.

    On CD6ME's folds, the paper's values (best at factor 10, worst .0089 below) are marked in the panel
    of the mean over folds, probably their metric. On other folds they are only in the title, because
    they would stretch the axis until no difference is visible. Small dots are single seeds. The legend names
    the magnifier's weights behind each line and the scale of the latents, factor by factor.
    """
    results = load(runs, "figure4")
    lines = _lines(results)
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.5), sharey=True, layout="constrained")
    rows = []
    for axis, (average, title) in zip(axes, AVERAGES.items(), strict=True):
        for kind, methods in lines.items():
            colour, marker, step = STYLES[kind]
            seeds = [results.f1(method, average)[:, -1] for method in methods.values()]
            label = f"{LEGENDS[kind]}\n{magnifier_words(results, list(methods.values()))}"
            x, means = np.array(list(methods)) + step, [values.mean() for values in seeds]
            spreads = [values.std(ddof=1) if len(values) > 1 else None for values in seeds]
            bars = [np.nan if spread is None else spread for spread in spreads]
            # Without any spread the legend too shows no bar.
            bars = None if np.isnan(bars).all() else bars
            axis.errorbar(x, means, bars, color=colour, marker=marker, capsize=5, lw=1.8, label=label)
            for at, values in zip(x, seeds, strict=True):
                axis.plot(np.full(len(values), at), values, ".", color=colour, alpha=0.5, markersize=5)
            for factor, method, values, spread in zip(methods, methods.values(), seeds, spreads, strict=True):
                rows.append(
                    {"latent": kind, "factor": factor}
                    | csv_row(results, method)
                    | {"average": average, "seeds": len(values), "f1": values.mean(), "std": spread}
                    | {"magnifier": results.magnifier(method), "latents_rms": results.latents_rms(method)}
                )
        axis.set_title(title, fontsize=12)
        axis.set(xlabel="magnification factor", xticks=list(methods))
        axis.grid(alpha=0.3)
    best = published_numbers.TABLE1[INFUSENET][-1]
    worst = best - published_numbers.BEST_TO_WORST
    paper_texts = (
        f"best {best:.4f} at factor {published_numbers.BEST_FACTOR}",
        f"worst of the four {worst:.4f}",
    )
    paper_note = ""
    if results.label:
        paper_note = f"\nthe paper's, on CD6ME and not comparable: {', '.join(paper_texts)}"
    else:
        axes[1].plot(
            published_numbers.BEST_FACTOR, best, "*k", markersize=14, label=f"paper's {paper_texts[0]}"
        )
        axes[1].axhline(worst, color="black", ls=":", label=f"paper's {paper_texts[1]}")
    axes[0].set_ylabel("average F1")
    one = results.trained_once(method for methods in lines.values() for method in methods.values())
    spread_note = "spread n/a: one seed" if one else "bars: standard deviation over seeds, dots: seeds"
    figure.suptitle(
        f"InfuseNet (ResNet18) by magnification factor{results.protocol.caption}\n{spread_note}{paper_note}"
    )
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    save(figure, output / "figure4.png")
    write_csv(output / "figure4.csv", rows, results)


def _lines(results: Results) -> dict[str, dict[int, str]]:
    """`FACTORS`; the difference line has one magnifier, so its factor 10 is the released weights' where its
    other factors are."""
    if RELEASED_FACTOR10 not in results.decisions:
        return FACTORS
    return FACTORS | {"difference": FACTORS["difference"] | {10: RELEASED_FACTOR10}}
