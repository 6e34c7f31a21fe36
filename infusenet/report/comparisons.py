"""Comparisons of a table as cells, CSV columns and sentences: intervals, p corrected over the rows, spreads."""

from collections.abc import Iterable, Sequence

import numpy as np

from infusenet.evaluation import resampling
from infusenet.report.paper_runs import CLIP_DRAWS, DRAWS, Contrast, Results

AVERAGES = {"pooled": "F1 pooled over the clips of all folds", "mean": "F1 as mean over folds"}
SHORT = {"pooled": "pooled", "mean": "fold mean"}
EVERY_AU = np.full(12, 1 / 12)
SIGNIFICANT = 0.05
INTERVAL_NOTE = (
    f"Intervals: 95 %, {DRAWS:,} bootstrap draws of subjects within each held-out database, the same draws for all "
    f"rows, mean over seeds; the CSV has the interval over {CLIP_DRAWS:,} draws of clips beside it, which takes the "
    "clips of one subject for independent. An AU without a positive label in a fold counts as 0 in the fold mean, "
    "in a draw too, which may hold none of a rare AU's few; docs/statistics.md has what that does to the intervals. "
    f"Each interval is of its row alone, so it can leave out 0 where the corrected p is not below {SIGNIFICANT}."
)
SPREADS_NOTE = (
    "People: standard deviation that the choice of subjects gives to a row's F1 or difference. Seeds: the one that a "
    "single training's seed gives to it; n/a: one seed."
)
READING_NOTE = (
    "A reading rests on the people's spread and not on the seeds': it is `open` unless p, over draws of subjects and "
    f"corrected by Holm over the rows of this table, is below {SIGNIFICANT}. `open` does not say that two are equal."
)


def reading_notes(results: Results, methods: Iterable[str]) -> list[str]:
    """Sentences below a table on what its readings rest on."""
    return [READING_NOTE, SPREADS_NOTE, INTERVAL_NOTE, *one_seed(results, methods, "reading")]


def one_seed(results: Results, methods: Iterable[str], judged: str) -> list[str]:
    """A sentence where a method was trained once; ``judged``: what the table calls its judgements."""
    if not results.trained_once(methods):
        return []
    return [f"One seed: a {judged} speaks of these trained models, not of their methods."]


def corrected(contrasts: Sequence[Contrast]) -> list[float]:
    """The p of a table's rows after Holm's correction."""
    return resampling.holm([contrast.p for contrast in contrasts]).tolist()


def sign(contrast: Contrast, p: float) -> int:
    """1 or -1 where the difference differs from 0 by its corrected ``p``, in that direction; else 0."""
    if p >= SIGNIFICANT:
        return 0
    return 1 if contrast.value > 0 else -1


def reading(contrast: Contrast, p: float) -> str:
    words = {1: "InfuseNet better", -1: "InfuseNet worse", 0: "open"}[sign(contrast, p)]
    return f"{words} (p {p_words(p)})"


def p_words(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval(contrast: Contrast) -> tuple[str, str]:
    """A difference and its interval over subjects as text."""
    return f"{contrast.value:+.3f}", f"{contrast.low:+.3f} to {contrast.high:+.3f}"


def of_a_score(contrast: Contrast) -> Contrast:
    """The contrast of one F1, its intervals cut to [0, 1]: the basic bootstrap's can reach beyond."""
    ends = ("low", "high", "clips_low", "clips_high")
    return contrast._replace(**{end: float(np.clip(getattr(contrast, end), 0, 1)) for end in ends})


def spreads(contrast: Contrast) -> str:
    """The two spreads, of people and of seeds."""
    seeds = "n/a" if contrast.seeds is None else f"±{contrast.seeds:.3f}"
    return f"people ±{contrast.people:.3f}, seeds {seeds}"


def uncertainty(contrast: Contrast, p: float | None = None) -> dict[str, float | None]:
    """CSV values of a contrast but for its value; ``p_holm`` where a corrected ``p`` belongs to it."""
    values = {"low": contrast.low, "high": contrast.high}
    values |= {"low_clips": contrast.clips_low, "high_clips": contrast.clips_high}
    values |= {"people_std": contrast.people, "seeds_std": contrast.seeds}
    return values if p is None else values | {"p": contrast.p, "p_holm": p}


def columns(average: str, **values) -> dict:
    """CSV columns that name their average: ``f1`` becomes ``f1_pooled`` or ``f1_fold_mean``."""
    return {f"{name}_{SHORT[average].replace(' ', '_')}": value for name, value in values.items()}
