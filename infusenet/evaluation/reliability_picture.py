"""The reliability picture: the share of present AUs among decisions of each predicted probability."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import expit

from infusenet import models
from infusenet.evaluation.calibration import calibration_error, reliability
from infusenet.evaluation.plots import entitle, plt, save
from infusenet.evaluation.protocol_label import Protocol
from infusenet.models.heads import OTHER_COLOURS


def draw(folds: Sequence, label: Protocol, path: Path) -> None:
    """One panel per method, one line per head and for their mean; all AUs, folds and seeds together.

    ``folds`` are `infusenet.evaluation.evaluate.Fold`s. The area of a dot grows with the number of decisions in its
    bin; a line on the diagonal means that the probabilities can be taken at their word.
    """
    methods = sorted({fold.method for fold in folds})
    columns = min(4, len(methods))
    rows = -(-len(methods) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(max(6, 4 * columns), 0.6 + 4 * rows), squeeze=False, layout="constrained",
        sharex=True, sharey=True,
    )  # fmt: skip
    for axis, method in zip(axes.flat, methods, strict=False):
        group = [fold for fold in folds if fold.method == method]
        labels = np.concatenate([fold.labels.ravel() for fold in group])
        axis.plot([0, 1], [0, 1], color="0.6", lw=1, ls=":")
        for name, (title, colour, style) in _styles(method, group[0].heads).items():
            predicted = expit(np.concatenate([fold.systems[name].ravel() for fold in group]))
            mean, share, count = reliability(labels, predicted).T
            (error,) = calibration_error(labels[:, None], predicted[:, None])
            axis.plot(mean, share, style, color=colour, lw=1.5, label=f"{title}, error {error:.3f}")
            axis.scatter(mean, share, 4 + 200 * count / count.sum(), color=colour, alpha=0.6, linewidths=0)
        axis.set(title=method, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.07), frameon=False)
    for axis in axes.flat[len(methods) :]:
        axis.set_axis_off()
    figure.supxlabel("predicted probability")
    figure.supylabel("share of present AUs")
    entitle(figure, label)
    save(figure, path)


def _styles(method: str, heads: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Title, colour and line by the name of a row (`infusenet.evaluation.evaluate.Fold.systems`)."""
    registered, styles = models.heads_by_name(), {}
    for place, head in enumerate(heads):
        title, colour = head, OTHER_COLOURS[place % len(OTHER_COLOURS)]
        if head in registered:
            title, colour = registered[head].title, registered[head].colour
        name = f"{method}/{head}_head" if place else method
        styles[name] = (title if place or len(heads) == 1 else f"{title} (scored)", colour, "-")
    return styles | ({f"{method}/mean_of_heads": ("mean of logits", "black", "--")} if len(heads) > 1 else {})
