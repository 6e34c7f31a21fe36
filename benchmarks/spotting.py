"""Spotting on long stand-in films, as Markdown tables: ``python benchmarks/spotting.py``.

Twelve films of a minute, nine at 30 and three at 200 frames per second, with a still head or a head that sways. They
are drawn while they are read; on one core all take about 6 minutes. ``--films tuning`` takes those on which the
settings were chosen. docs/spotting.md explains the figures.
"""

import argparse
import sys
from collections import Counter
from typing import NamedTuple

import cv2
from tqdm import tqdm

from infusenet.detection.spotting import Interval, spot
from infusenet.errors import InputError
from infusenet.evaluation.markdown_latex import Grid
from infusenet.experiments.spotting_bench.films import CONFIRMATION, TUNING, Film, draw_film
from infusenet.experiments.spotting_bench.fixed_windows import fixed_windows
from infusenet.experiments.spotting_bench.scoring import FilmScore, figures, match, score
from infusenet.worker_processes import pool

FILMS = {"tuning": TUNING, "confirmation": CONFIRMATION}
# Lengths (s) of the baseline's windows: half a second, and others beside it. Of its thresholds (eye distances) a row of
# the table has the one with the best F1 on that row's own films, which favours the baseline.
LENGTHS = (0.5, 0.3, 0.2)
THRESHOLDS = (0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008)


class Result(NamedTuple):
    """Of one film: scores of the spotting, and of the baseline by length and threshold; what was spotted of which AUs;
    lines that name each error."""

    plan: tuple
    score: FilmScore
    baseline: dict[float, list[FilmScore]]
    aus: Counter
    errors: list[str]


def measure(plan: tuple) -> Result:
    cv2.setNumThreads(1)  # the processes share the cores already
    film = draw_film(*plan)
    spotting, true = spot(film.frames(), film.rate, len(film.shot.numbers)), film.expressions

    def scored(intervals: list[Interval]) -> FilmScore:
        return score(intervals, true, film.rate, film.minutes)

    baseline = {
        length: [scored(fixed_windows(spotting, film.rate, length, threshold)) for threshold in THRESHOLDS]
        for length in LENGTHS
    }
    aus, errors = missed(film, spotting.intervals)
    return Result(plan, scored(spotting.intervals), baseline, aus, errors)


def missed(film: Film, spotted: list[Interval]) -> tuple[Counter, list[str]]:
    """Counts {(AUs, whether spotted): expressions}, and lines of what was missed or wrongly spotted."""
    matches = match(spotted, film.expressions)
    right, hits = [pair[0] for pair in matches], [pair[1] for pair in matches]
    events = [event for event in film.events if event.aus]
    lines = [f"missed AUs {event.aus}, {event.interval}" for event in events if event.interval not in hits]
    lines += [f"wrong {interval}" for interval in spotted if interval not in right]
    return Counter((event.aus, event.interval in hits) for event in events), [
        f"{film.name}: {s}" for s in lines
    ]


def page(results: list[Result]) -> str:
    head = ("films", "minutes", "expressions", "F1", *(f"F1 of windows of {length:g} s" for length in LENGTHS), "recall", "precision",
            "apex error, frames", "ms", "false alarms per minute")  # fmt: skip
    rows = []
    for rate in sorted({result.plan[2] for result in results}):
        for sway in (False, True):
            some = [result for result in results if (result.plan[2], result.plan[4]) == (rate, sway)]
            if some:
                rows.append(line(f"{rate} fps, {'sway' if sway else 'still head'}", some))
    for sway in (False, True):
        rows.append(
            line("all, " + ("sway" if sway else "still head"), [r for r in results if r.plan[4] is sway])
        )
    rows.append(line("all without an expression", [r for r in results if not r.plan[3]]))
    aus = sum((result.aus for result in results), Counter())
    names = sorted({key for key, _ in aus})
    by_au = [["+".join(map(str, key)), aus[key, True], aus[key, True] + aus[key, False]] for key in names]
    errors = [error for result in results for error in result.errors]
    return "\n\n".join(
        [Grid("", head, rows).markdown(), Grid("", ("AUs", "spotted", "of"), by_au).markdown(), *errors]
    )


def line(name: str, results: list[Result]) -> list[str]:
    own = figures(result.score for result in results)
    fixed = max(
        (figures(scores).f1 for scores in zip(*(r.baseline for r in results), strict=True)), default=0
    )
    counts = [result.score for result in results]
    values = [own.f1, *fixed, own.recall, own.precision, own.apex_frames, own.apex_ms, own.false_alarms]
    texts = ["" if value != value else f"{value:.2f}" for value in values]  # NaN: nothing to count
    return [name, f"{sum(c.minutes for c in counts):.0f}", str(sum(c.true for c in counts)), *texts]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", choices=tuple(FILMS), default="confirmation")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    try:
        with pool(args.processes, "--processes") as executor:
            plans = FILMS[args.films]
            results = list(tqdm(executor.map(measure, plans), total=len(plans), unit="film", disable=None))
    except InputError as error:
        print(f"spotting: {error}", file=sys.stderr)
        return 1
    print(page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
