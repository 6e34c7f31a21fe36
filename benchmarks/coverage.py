"""Coverage of the bootstrap intervals on simulated clips that are correlated within subjects.

Subjects, clips and positive labels are those of CD6ME's databases. Each subject has habits: AUs that the
subject shows more or less often, and a face on which two detectors find more or fewer of them. The true F1 is
that of all possible subjects. Run: python benchmarks/coverage.py [SIMULATIONS] [DRAWS] > coverage.md
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from infusenet.evaluation import resampling
from infusenet.evaluation.markdown_latex import Grid
from infusenet.protocol import AUS
from infusenet.standins.database_sizes import FULL

HABIT = 1.0  # standard deviation over subjects, on the logit scale, of showing an AU
FACE = 0.8  # of finding it, and of finding it where it is not
HITS = (-0.2, 0.1)  # each detector's logit of a hit, of the average subject
FALSE = 0.25  # false alarms as a share of the AU's rate
POPULATION, TIMES = 40_000, 10  # subjects per database, and how often, behind the true values


@dataclass(frozen=True)
class Simulation:
    """Twice the hits and positives plus predictions by subject, and by clip, each (g, 2, 24) per database: 12 AUs
    by the first detector, then by the second."""

    subjects: list[np.ndarray]
    clips: list[np.ndarray]


def database(name: str, subjects: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Labels and decisions (n, 24) of a database of so many subjects, and each clip's subject (n,)."""
    size = FULL[name]
    # Numbers of clips as skewed as the real ones, whose median is about half of their mean.
    mean = size.clips / size.subjects
    clips = 1 + generator.poisson((mean - 1) * generator.gamma(1.2, 1 / 1.2, subjects))
    groups = np.repeat(np.arange(subjects), clips)
    rates = np.array(size.positives) / size.clips
    habits = HABIT * generator.normal(size=(subjects, len(AUS)))
    # The same mean over subjects as without habits, nearly.
    shown = np.where(rates > 0, expit(logit(rates) * np.sqrt(1 + HABIT**2 / 2.9) + habits), 0)[groups]
    labels = (generator.random(shown.shape) < shown).astype(int)
    face = FACE * generator.normal(size=(subjects, 1)) + FACE / 2 * generator.normal(size=habits.shape)
    logits = np.hstack([np.where(labels, hit, logit(FALSE * rates)) + face[groups] for hit in HITS])
    return np.tile(labels, 2), (generator.random(logits.shape) < expit(logits)).astype(int), groups


def simulate(generator: np.random.Generator) -> Simulation:
    by_subject, by_clip = [], []
    for name, size in FULL.items():
        labels, decisions, groups = database(name, size.subjects, generator)
        by_clip.append(resampling.f1_parts(labels, decisions))
        by_subject.append(resampling.group_sums(by_clip[-1], groups))
    return Simulation(by_subject, by_clip)


def truth(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """The F1 of all possible subjects, as `scores` returns it for one draw."""
    counts = []
    for name, size in FULL.items():
        parts = (database(name, POPULATION, generator)[:2] for _ in range(TIMES))
        sums = sum(resampling.f1_parts(*part).sum(0, keepdims=True) for part in parts)
        counts.append(sums * size.subjects / (POPULATION * TIMES))
    return {name: values[0] for name, values in scores(counts, np.ones((1, len(FULL)))).items()}


def scores(counts: list[np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    """F1 float (draws,) by name: of the first detector pooled, as fold mean, of each database, of each AU pooled;
    and both averages of the second minus the first."""
    ends = np.cumsum([len(part) for part in counts])
    k = len(AUS)
    by_au = resampling.ratios(weights, np.concatenate(counts))
    folds = [
        resampling.ratios(part_weights, part)
        for part_weights, part in zip(np.split(weights, ends[:-1], 1), counts, strict=True)
    ]
    result = {}
    for name, values in (("pooled", by_au), ("fold mean", np.mean(folds, 0))):
        first, second = values[:, :k].mean(1), values[:, k:].mean(1)
        result |= {name: first, f"{name}, difference": second - first}
    result |= {name: values[:, :k].mean(1) for name, values in zip(FULL, folds, strict=True)}
    return result | {f"AU{n}": column for n, column in zip(AUS, by_au[:, :k].T, strict=True)}


def coverage(simulations: int, draws: int, seed: int = 0) -> dict[str, dict[str, tuple[float, float, float]]]:
    """{"subjects" or "clips": {score: (share of intervals that hold the truth, mean width, mean bias)}}."""
    generator = np.random.default_rng(seed)
    expected = truth(generator)
    rows = {unit: {name: [] for name in expected} for unit in ("subjects", "clips")}
    for number in range(simulations):
        data = simulate(generator)
        for unit, counts in (("subjects", data.subjects), ("clips", data.clips)):
            weights = resampling.draws([len(part) for part in counts], draws, number)
            point = scores(counts, np.ones((1, weights.shape[1])))
            for name, values in scores(counts, weights).items():
                low, high = resampling.interval(point[name][0], values)
                holds = low <= expected[name] <= high
                rows[unit][name].append((holds, high - low, point[name][0] - expected[name]))
    return {
        unit: {name: tuple(map(float, np.mean(values, 0))) for name, values in by_name.items()}
        for unit, by_name in rows.items()
    }


def logit(rates: np.ndarray) -> np.ndarray:
    rates = np.clip(rates, 1e-6, 1 - 1e-6)
    return np.log(rates / (1 - rates))


def main() -> None:
    simulations, draws = (int(text) for text in (*sys.argv[1:], "500", "1000")[:2])
    expected = truth(np.random.default_rng(0))
    result = coverage(simulations, draws)
    lines = [
        [name, f"{expected[name]:.3f}", f"{bias:+.3f}", f"{held:.1%}", f"{width:.3f}",
         f"{result['clips'][name][0]:.1%}", f"{result['clips'][name][1]:.3f}"]
        for name, (held, width, bias) in result["subjects"].items()
    ]  # fmt: skip
    head = ["score", "true F1", "bias", "subject-wise", "width", "clip-wise", "width"]
    print(Grid("", head, lines).markdown())


if __name__ == "__main__":
    main()
