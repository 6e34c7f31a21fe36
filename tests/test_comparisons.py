"""Differences of methods: subjects and clips drawn one by one, seeds and people apart, p over the rows."""

from dataclasses import replace

import numpy as np
import pytest
from paper_predictions import SEEDS, clips_of, loaded, pooled_f1, rows_of
from predictions import write_run

from infusenet.evaluation import resampling
from infusenet.evaluation.evaluate import read_runs
from infusenet.protocol import CD6ME
from infusenet.report.comparisons import EVERY_AU, of_a_score, one_seed
from infusenet.report.paper_runs import Contrast, Results
from infusenet.report.tables_and_figures import INFUSENET, TARGETS


@pytest.mark.parametrize("unit", ["subjects", "clips"])
def test_intervals_are_those_of_a_plain_paired_bootstrap(paper_runs, paper_results, unit):
    """The same contrast with subjects, or clips, drawn one by one; two independent sets of draws agree closely."""
    generator = np.random.default_rng(5)
    predicted = [loaded(paper_runs, m, seed) for m in (INFUSENET, "sssnet") for seed in SEEDS[m]]
    # Labels and decisions, int (2, methods and seeds, clips, 12), by database.
    tables = {name: np.array([folds[name] for folds in predicted]).swapaxes(0, 1) for name in CD6ME}
    drawn = {"pooled": [], "mean": []}
    for _ in range(1000):
        counts = []
        for name in CD6ME:
            # `write_run` gives every fourth clip to the same of four subjects.
            step = 4 if unit == "subjects" else clips_of(name)
            units = [np.arange(first, clips_of(name), step) for first in range(step)]
            taken = np.concatenate([units[k] for k in generator.integers(0, step, step - 1)])
            y, p = tables[name][:, :, taken]
            counts.append([2 * (y & p).sum(1), y.sum(1) + p.sum(1)])
        for average, folds in (("pooled", np.sum(counts, 0, keepdims=True)), ("mean", np.array(counts))):
            scores = (folds[:, 0] / np.maximum(1, folds[:, 1])).mean((0, 2))
            ours, theirs = np.split(scores, [len(SEEDS[INFUSENET])])
            drawn[average].append(ours.mean() - theirs.mean())
    for average, values in drawn.items():
        contrast = paper_results.contrast({INFUSENET: 1, "sssnet": -1}, EVERY_AU, average)
        low, high = (
            (contrast.low, contrast.high) if unit == "subjects" else (contrast.clips_low, contrast.clips_high)
        )
        expected = 2 * contrast.value - np.quantile(values, [0.975, 0.025])
        assert [low, high] == pytest.approx(expected, abs=0.12 * (high - low)), average
        assert low < contrast.value < high


def test_the_two_spreads_are_of_subjects_and_of_seeds(paper_runs, paper_results):
    contrast = paper_results.contrast({INFUSENET: 1, "sssnet": -1}, EVERY_AU, "pooled")
    seeds = {m: [pooled_f1(paper_runs, m, seed).mean() for seed in SEEDS[m]] for m in (INFUSENET, "sssnet")}
    variances = [np.var(values, ddof=1) for values in seeds.values()]
    assert contrast.seeds == pytest.approx(np.sqrt(sum(variances)))
    width = contrast.high - contrast.low
    assert contrast.people == pytest.approx(width / 3.92, rel=0.15), "nearly normal"
    # Heads of one method share its seeds, so that their difference is paired by seed.
    names = INFUSENET, f"{INFUSENET}/flow_head"
    heads = np.diff([paper_results.f1(name, "pooled")[:, -1] for name in names], axis=0)
    contrast = paper_results.contrast({names[0]: 1, names[1]: -1}, EVERY_AU, "pooled")
    assert contrast.seeds == pytest.approx(np.std(heads, ddof=1))
    assert paper_results.contrast({INFUSENET: 1, "led": -1}, EVERY_AU, "pooled").seeds is None


def test_a_comparison_chosen_among_three_has_a_wider_interval_and_a_larger_p(paper_results):
    terms = {"led": 1, "sssnet": -1}
    plain = paper_results.contrast(terms, EVERY_AU, "mean")
    chosen = paper_results.contrast(terms, EVERY_AU, "mean", 3)
    assert chosen.low < plain.low < plain.high < chosen.high
    assert chosen.p == pytest.approx(min(1, 3 * plain.p))


def test_p_values_are_corrected_over_the_rows_of_a_table(paper_runs, tmp_path):
    TARGETS["table1"].make(
        [run for run in paper_runs if run.parts[-3] in TARGETS["table1"].methods], tmp_path
    )
    rows = [row for row in rows_of(tmp_path / "table1.csv") if row["scope"] == "pooled" and row["p"]]
    p = [float(row["p"]) for row in rows]
    assert [float(row["p_holm"]) for row in rows] == pytest.approx(resampling.holm(p))
    assert len(rows) == len({row["method"] for row in rows_of(tmp_path / "table1.csv")}) - 1
    for row in rows:
        assert float(row["low_clips"]) < float(row["infusenet_minus"]) < float(row["high_clips"])


def test_comparisons_are_paired(tmp_path):
    """Two methods with the same predictions differ by exactly nothing in every draw."""
    folds = read_runs([write_run(tmp_path, name) for name in CD6ME])
    twins = [replace(fold, method="twin") for fold in folds]
    for average in ("pooled", "mean"):
        contrast = Results([*folds, *twins]).contrast({INFUSENET: 1, "twin": -1}, EVERY_AU, average)
        assert contrast == Contrast(0, 0, 0, 0, 0, 1, 0, None)


def test_the_interval_of_a_score_stays_between_0_and_1():
    contrast = Contrast(0.004, -0.003, 0.008, -0.001, 1.002, 0.5, 0.01, None)
    assert of_a_score(contrast) == contrast._replace(low=0, clips_low=0, clips_high=1)


def test_one_seed_is_said_where_a_method_has_one(paper_results):
    assert one_seed(paper_results, [INFUSENET, "sssnet"], "reading") == [], "two and three seeds"
    (words,) = one_seed(paper_results, [INFUSENET, "resnet34"], "reading")
    assert words == "One seed: a reading speaks of these trained models, not of their methods."
