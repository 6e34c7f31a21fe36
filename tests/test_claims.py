"""The claims: the paper's own figures, ours, and the verdicts, from made-up predictions."""

import numpy as np
import pytest
from paper_predictions import rows_of, write_areas

from infusenet.errors import InputError
from infusenet.evaluation import resampling
from infusenet.evaluation.evaluate import read_runs
from infusenet.protocol import AUS
from infusenet.report import claims
from infusenet.report.claim_list import CLAIMS, Claim, figure4_claims
from infusenet.report.comparisons import EVERY_AU
from infusenet.report.paper_runs import Contrast, Results
from infusenet.report.tables_and_figures import INFUSENET, TARGETS


@pytest.fixture(scope="module")
def made(paper_runs, tmp_path_factory):
    output = tmp_path_factory.mktemp("made")
    write_areas(paper_runs, output)
    TARGETS["claims"].make(runs_of_claims(paper_runs), output)
    return output


def runs_of_claims(runs):
    return [run for run in runs if run.parts[-3] in TARGETS["claims"].methods]


def test_areas_of_other_clips_or_none_are_refused(paper_runs, tmp_path):
    with pytest.raises(InputError, match="activation.csv: no such file; `infusenet report activation`"):
        TARGETS["claims"].make(runs_of_claims(paper_runs), tmp_path)
    write_areas(paper_runs, tmp_path)
    text = (tmp_path / "activation.csv").read_text().replace(",c1,", ",other,")
    (tmp_path / "activation.csv").write_text(text)
    with pytest.raises(InputError, match="other is none of the scored clips; make the file again"):
        TARGETS["claims"].make(runs_of_claims(paper_runs), tmp_path)


def test_claims_give_the_papers_own_figures():
    printed = {(c.topic, c.comparison): c.printed for c in CLAIMS}
    assert len(printed) == len(CLAIMS)
    assert printed["overall", "InfuseNet − ResNet18 (flow)"] == pytest.approx(0.0402)
    assert printed["overall", "InfuseNet − SSSNet"] == pytest.approx(0.0180)
    assert printed["magnification", "InfuseNet − LED"] == pytest.approx(0.1400)
    assert printed["latents", "latent − decoded"] == pytest.approx(0.0472)
    assert printed["infusion", "InfuseNet (ViT-Tiny) − ViT-Tiny (flow)"] == pytest.approx(0.0044)
    assert printed["infusion", "gain on ResNet18 − gain on ViT-Tiny"] == pytest.approx(0.0358)
    upper = [0.6997, 0.6804, 0.7921, 0.1929, 0.1572, 0.4438, 0.3263]
    theirs = [0.7460, 0.7210, 0.8750, 0.1360, 0.0530, 0.4860, 0.2030]
    expected = np.mean(upper) - np.mean(theirs)
    assert printed["upper AUs (1–9)", "InfuseNet − SSSNet"] == pytest.approx(expected, abs=1e-6)


def test_claims_count_aus_and_judge_by_the_interval(made):
    rows = {(row["topic"], row["comparison"]): row for row in rows_of(made / "claims.csv")}
    assert rows["rare AUs (< 10 %)", "InfuseNet − SSSNet"]["paper_wins"] == "6/7"
    assert rows["frequent AUs (≥ 10 %)", "InfuseNet − SSSNet"]["paper_wins"] == "0/5"
    assert rows["rare AUs (< 10 %)", "InfuseNet − ResNet18 (flow)"]["paper_wins"] == "5/7"
    # InfuseNet's made-up logits are far better than all others', which are alike.
    assert rows["overall", "InfuseNet − SSSNet"]["verdict"] == "holds"
    assert rows["frequent AUs (≥ 10 %)", "InfuseNet − SSSNet"]["verdict"] == "does not hold"
    assert rows["overall", "InfuseNet − SSSNet"]["paper_metric"] == "mixed"
    assert rows["overall", "InfuseNet − ResNet18 (flow)"]["paper_metric"] == "mean"
    p_values = []
    for row in rows.values():
        averages = ["pooled", "fold_mean"] if row["paper_metric"] == "mixed" else ["fold_mean"]
        sides = {float(row[f"difference_{average}"]) > 0 for average in averages}
        p_values.append(max(float(row[f"p_{average}"]) for average in averages) if len(sides) == 1 else 1)
    for row, p in zip(rows.values(), resampling.holm(p_values), strict=True):
        assert float(row["p_holm"]) == pytest.approx(p)
        same = (float(row["difference_fold_mean"]) > 0) == (float(row["paper"] or 1) > 0)
        expected = ("holds" if same else "does not hold") if p < 0.05 else "cannot be told from these data"
        assert row["verdict"] == expected


def test_claims_cover_both_figures_and_every_comparison_of_the_text(made):
    rows = {(row["topic"], row["comparison"]): row for row in rows_of(made / "claims.csv")}
    printed = {
        ("backbone on latents", "ResNet18 (latents) − ViT-Tiny (latents)"): 0.0155,
        ("infusion", "InfuseNet − late fusion"): 0.1293,
        ("infusion", "InfuseNet − FrameMag"): 0.0987,
    }
    for name, value in printed.items():
        assert float(rows[name]["paper"]) == pytest.approx(value)
    factors = [row for (topic, _), row in rows.items() if topic == "factor (figure 4)"]
    assert [row["paper"] for row in factors] == ["", "0.0089", ""]
    assert [row["method"].count("/") for row in factors] == [1, 1, 2]
    best, worst, _ = (float(row["difference_fold_mean"]) for row in factors)
    assert best <= worst
    for other in ("InfuseNet", "FrameMag"):
        row = rows["activation (figure 5)", f"area, {other} − FrameFlow"]
        for average in ("pooled", "fold_mean"):
            assert float(row[f"difference_{average}"]) == pytest.approx(0.2)
        assert row["verdict"] == "holds"
        assert (row["paper"], row["paper_wins"], row["wins_pooled"]) == ("", "", "")
    areas = [row for row in rows_of(made / "activation.csv") if row["area"]]
    counts = {
        m: sum(row["method"] == m for row in areas) for m in (INFUSENET, "resnet18_flow", "resnet18_mag")
    }
    assert counts[INFUSENET] == counts["resnet18_mag"] - 1, "one empty map"
    sentence = ", ".join(f"`{method}` {count}" for method, count in counts.items())
    assert f"Labels with an area: {sentence}; the other labels" in (made / "claims.md").read_text()


def test_figure4_claims_choose_their_rivals_from_the_data(paper_results):
    best, worst, fall = figure4_claims(paper_results)
    f1 = {
        factor: paper_results.f1(f"{INFUSENET}_factor{factor}", "mean")[:, -1].mean()
        for factor in (5, 15, 20)
    }
    assert f"factor {max(f1, key=f1.get)}," in best.comparison
    assert f"factor {min(f1, key=f1.get)}," in worst.comparison
    assert [claim.choices for claim in (best, worst, fall)] == [3, 3, 1]
    assert fall.terms == {INFUSENET: 1, f"{INFUSENET}_factor15": -0.5, f"{INFUSENET}_factor20": -0.5}


@pytest.mark.parametrize(
    ("other", "pooled", "mean", "expected"),
    [
        ("resnet18_flow", (-1, 0.001), (1, 0.001), "holds"),
        ("resnet18_flow", (1, 0.001), (1, 0.2), "cannot be told from these data"),
        ("resnet18_flow", (1, 0.001), (-1, 0.001), "does not hold"),
        ("sssnet", (1, 0.001), (1, 0.001), "holds"),
        ("sssnet", (1, 0.001), (1, 0.2), "cannot be told from these data"),
        ("sssnet", (1, 0.001), (-1, 0.001), "cannot be told from these data"),
        ("sssnet", (-1, 0.001), (-1, 0.001), "does not hold"),
        ("sssnet", (1, 0.03), (1, 0.03), "cannot be told from these data"),
    ],
)
def test_a_claim_is_judged_by_the_papers_metric(other, pooled, mean, expected):
    """Beside another claim, so that a p of .03 does not survive Holm's correction."""
    claim = Claim("overall", "", {INFUSENET: 1, other: -1}, EVERY_AU)
    sides = {
        name: Contrast(v, 0, 0, 0, 0, p, 0, None) for name, (v, p) in (("pooled", pooled), ("mean", mean))
    }
    beside = {name: Contrast(1, 0, 0, 0, 0, 0.9, 0, None) for name in sides}
    assert claims.verdicts([claim, claim], [sides, beside])[0][1] == expected


def test_claims_name_weights_variants_and_unlike_recipes(made):
    rows = {row["comparison"]: row for row in rows_of(made / "claims.csv")}
    row = rows["InfuseNet (ViT-Tiny) − ViT-Tiny (flow)"]
    assert row["method"] == "infusenet_vit / vit_tiny_flow"
    assert row["initial_weights"] == "timm tiny_vit / timm tiny_vit"
    assert row["variant"] == "tiny_vit_5m / tiny_vit_5m"
    page = (made / "claims.md").read_text()
    assert "Initial weights, timm tiny_vit: `infusenet_vit` [tiny_vit_5m], `vit_tiny_flow`" in page
    pairs = "gain on ResNet18 − gain on ViT-Tiny", "ResNet18 (latents) − ViT-Tiny (latents)"
    sentence = "; ".join(f"{pair} (initial weights)" for pair in pairs)
    assert f"the recipes differ too: {sentence}.\n" in page
    assert "the paper's averages read InfuseNet − SSSNet +0.039," in page


def test_a_verdict_that_another_head_turns_is_told(paper_runs):
    """InfuseNet's FrameFlow finds nothing here, its FrameMag and the mean of both are far better than all others."""
    results = Results(read_runs(runs_of_claims(paper_runs)))
    blind = results.decisions[f"{INFUSENET}/flow_head"]
    for folds in blind.values():
        folds[:] = [np.zeros_like(fold) for fold in folds]
    contrasts = claims.all_contrasts(results, CLAIMS)
    judged = claims.verdicts(CLAIMS, contrasts)
    turned = claims.turned_by_heads(results, CLAIMS, judged)
    rows = zip(CLAIMS, judged, turned, strict=True)
    told = {(claim.topic, claim.comparison): (own, words) for claim, own, words in rows}
    (_, verdict), words = told["overall", "InfuseNet − SSSNet"]
    assert verdict == "holds"
    assert [text.partition(" (p ")[0] for text in words] == ["by `flow_head`: does not hold"]
    (_, verdict), words = told["frequent AUs (≥ 10 %)", "InfuseNet − SSSNet"]
    assert verdict == "does not hold", "the paper's is below 0"
    assert [text.partition(" (p ")[0] for text in words] == ["by `flow_head`: holds"]
    for claim, words in zip(CLAIMS, turned, strict=True):
        assert INFUSENET in claim.terms or not words, "no other method has a blind head"


def test_what_the_labels_and_areas_of_these_folds_are_is_told(made, paper_results):
    text = (made / "claims.md").read_text()
    positives = np.vstack(paper_results.labels).sum(0)
    shares = (positives / positives.sum()).round(2)
    names = [f"AU{au}" for au, share in zip(AUS, shares, strict=True) if share >= 0.1]
    assert (
        f"AUs with 10 % or more of the positive labels of these folds: {', '.join(names) or 'none'}." in text
    )
    assert f"; the other labels of {positives.sum()} have an empty map and count in no row." in text
    assert "One seed: a verdict speaks of these trained models" in text
