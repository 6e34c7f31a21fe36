"""scores.csv: one row per clip, interval and Action Unit."""

from collections.abc import Iterable

from infusenet.csv_tables import csv_text
from infusenet.detection.scores import ClipScores
from infusenet.protocol import AUS
from infusenet.texts import visible

COLUMNS = (
    "clip", "onset", "apex", "offset", "confidence", "AU", "logit", "probability", "decision", "spread", "trained_on",
)  # fmt: skip


def to_csv(scores: Iterable[ClipScores], trained_on: str) -> str:
    """The scores of intervals as CSV text, in order.

    ``confidence`` is empty where onset and apex were given; ``logit`` is the mean over the models, ``spread`` its
    sample standard deviation (0 of a single model), both as the shortest text that gives the same float32;
    ``decision`` is 1 where the logit is above 0. ``trained_on`` is that of `infusenet.detection.model_words.origin`.
    """
    rows = []
    for clip in scores:
        window = clip.window.onset, clip.window.apex, clip.window.offset, clip.confidence
        for place, au in enumerate(AUS):
            values = clip.mean[place], clip.probability[place], int(clip.decision[place]), clip.spread[place]
            rows.append([visible(clip.clip), *window, f"AU{au}", *map(str, values), trained_on])
    return csv_text(COLUMNS, rows)
