"""The claims of the paper's section 4.3 and of its figures 4 and 5, each as one contrast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from infusenet.report import published_numbers
from infusenet.report.comparisons import EVERY_AU
from infusenet.report.paper_runs import Contrast, Results
from infusenet.report.tables_and_figures import ABLATED, FACTORS, INFUSENET


@dataclass(frozen=True)
class Claim:
    """A difference that the paper says is above 0, or below it where its own figure is.

    ``terms`` weights methods, ``aus`` float (12,) weights AUs; ``quoted`` is the paper's wording. ``choices``:
    among how many comparisons the data chose this one. ``figure``: what the paper prints, for methods that are
    in none of its tables; None there, where it prints nothing.
    """

    topic: str
    comparison: str
    terms: Mapping[str, float]
    aus: np.ndarray
    quoted: str = ""
    choices: int = 1
    figure: float | None = None

    @property
    def printed(self) -> float | None:
        """The paper's figure, computed from the cells of Table 1 (the decoded row: of Table 3)."""
        if not self.terms.keys() <= published_numbers.TABLE1.keys() | published_numbers.TABLE3.keys():
            return self.figure
        averages = {
            method: row[-1] for method, row in published_numbers.TABLE1.items()
        } | published_numbers.TABLE3
        if self.aus is EVERY_AU:
            value = sum(weight * averages[method] for method, weight in self.terms.items())
        else:
            value = sum(
                weight * published_numbers.TABLE1[method][:-1] @ self.aus
                for method, weight in self.terms.items()
            )
        return round(float(value), 6)

    @property
    def direction(self) -> int:
        """1 where the paper's difference is above 0, -1 where it is below."""
        return -1 if (self.printed or 0) < 0 else 1

    @property
    def compares_aus(self) -> bool:
        """Whether the AUs in which the first method is the better one can be counted."""
        return len(self.terms) == 2 and not (self.aus < 0).any()

    def scored_by(self, head: str, systems: Sequence[str]) -> "Claim":
        """The same difference of each method's row ``head`` where ``systems`` has it (`Results.systems`)."""
        rows = {method: f"{method}/{head}" for method in self.terms}
        terms = {rows[m] if rows[m] in systems else m: weight for m, weight in self.terms.items()}
        return replace(self, terms=terms)

    def contrast(self, results: Results, average: str) -> Contrast:
        return results.contrast(self.terms, self.aus, average, self.choices)

    @property
    def metric(self) -> str:
        """The average that the paper's rows likely are: pooled, mean or mixed."""
        return published_numbers.common_metric(self.terms)


@dataclass(frozen=True)
class AreaClaim(Claim):
    """The first method's activation is larger than the second's (`infusenet.report.activation_table.areas`).

    The mean over all labels of all clips for which both methods have a map.
    """

    areas: Mapping[str, Sequence[np.ndarray]] = field(default_factory=dict)
    printed = None
    compares_aus = False

    def scored_by(self, head: str, systems: Sequence[str]) -> "Claim":
        return self  # a map is of the method's scored head alone

    def contrast(self, results: Results, average: str) -> Contrast:
        first, second = (self.areas[method] for method in self.terms)
        differences = [a - b for a, b in zip(first, second, strict=True)]
        sums = [np.nan_to_num(part).sum(1, keepdims=True) for part in differences]
        counts = [(~np.isnan(part)).sum(1, keepdims=True) for part in differences]
        return results.ratio([np.stack(pair, 1) for pair in zip(sums, counts, strict=True)], average)


def _share(group: np.ndarray) -> np.ndarray:
    return group / group.sum()


def _minus(method: str, other: str) -> dict[str, float]:
    return {method: 1.0, other: -1.0}


UPPER, LOWER, RARE, FREQUENT = map(
    _share,
    (published_numbers.UPPER, published_numbers.LOWER, published_numbers.RARE, published_numbers.FREQUENT),
)
REFERENCES = {
    "resnet18_flow": ("ResNet18 (flow)", "4 %", "5/7 better", "4/5 better (its cells: 5/5)"),
    "sssnet": ("SSSNet", "1.8 %", "", ""),
}
GAINS = _minus(INFUSENET, "resnet18_flow"), _minus("infusenet_vit", "vit_tiny_flow")
CLAIMS = [
    claim
    for method, (name, average, rare, frequent) in REFERENCES.items()
    for claim in (
        Claim("overall", f"InfuseNet − {name}", _minus(INFUSENET, method), EVERY_AU, average),
        Claim("upper AUs (1–9)", f"InfuseNet − {name}", _minus(INFUSENET, method), UPPER),
        Claim("lower AUs (10–17)", f"InfuseNet − {name}", _minus(INFUSENET, method), LOWER),
        Claim("upper − lower AUs", f"InfuseNet − {name}", _minus(INFUSENET, method), UPPER - LOWER),
        Claim("rare AUs (< 10 %)", f"InfuseNet − {name}", _minus(INFUSENET, method), RARE, rare),
        Claim("frequent AUs (≥ 10 %)", f"InfuseNet − {name}", _minus(INFUSENET, method), FREQUENT, frequent),
        Claim("rare − frequent AUs", f"InfuseNet − {name}", _minus(INFUSENET, method), RARE - FREQUENT),
    )
] + [
    Claim("depth", "ResNet18 − ResNet10", _minus("resnet18_flow", "resnet10"), EVERY_AU, "10 underfits"),
    Claim("depth", "ResNet18 − ResNet34", _minus("resnet18_flow", "resnet34"), EVERY_AU, "34 overfits"),
    Claim("depth", "ResNet18 − ResNet50", _minus("resnet18_flow", "resnet50"), EVERY_AU, "50 overfits"),
    Claim("infusion", "InfuseNet (ViT-Tiny) − ViT-Tiny (flow)", GAINS[1], EVERY_AU),
    Claim(
        "infusion", "gain on ResNet18 − gain on ViT-Tiny",
        GAINS[0] | {method: -weight for method, weight in GAINS[1].items()}, EVERY_AU,
    ),
    Claim("backbone on latents", "ResNet18 (latents) − ViT-Tiny (latents)",
          _minus("resnet18_mag", "vit_tiny_mag"), EVERY_AU, "ViT below ResNet18"),
    Claim("infusion", "InfuseNet − late fusion", _minus(INFUSENET, "late_fusion"), EVERY_AU),
    Claim("infusion", "InfuseNet − FrameMag", _minus(INFUSENET, "resnet18_mag"), EVERY_AU),
    Claim("magnification", "InfuseNet − LED", _minus(INFUSENET, "led"), EVERY_AU, "over 14 %"),
    Claim("latents", "latent − decoded", _minus(INFUSENET, f"{ABLATED}decoded"), EVERY_AU, "5 %"),
]  # fmt: skip


def figure4_claims(results: Results) -> list[Claim]:
    """Figure 4's claims: factor 10 against its best and its worst rival in ``results``, and the fall beyond it.

    The two rivals are chosen after looking at the data, among three, by the paper's average.
    """
    methods = dict(FACTORS["difference"])
    ten = methods.pop(published_numbers.BEST_FACTOR)
    ranked = sorted(methods, key=lambda factor: results.f1(methods[factor], "mean")[:, -1].mean())
    topic = "factor (figure 4)"
    return [
        Claim(topic, f"factor 10 − factor {ranked[-1]}, the best of the others", _minus(ten, methods[ranked[-1]]),
              EVERY_AU, "best at 10", len(methods)),
        Claim(topic, f"factor 10 − factor {ranked[0]}, the worst of the others", _minus(ten, methods[ranked[0]]),
              EVERY_AU, "", len(methods), published_numbers.BEST_TO_WORST),
        Claim(topic, "factor 10 − mean of factors 15 and 20", {ten: 1.0, methods[15]: -0.5, methods[20]: -0.5},
              EVERY_AU, "falls beyond 10"),
    ]  # fmt: skip


def figure5_claims(areas: Mapping[str, Sequence[np.ndarray]]) -> list[Claim]:
    """Figure 5's claim: FrameFlow's activation is smaller than that of both others."""
    rivals = {"InfuseNet": INFUSENET, "FrameMag": "resnet18_mag"}
    return [
        AreaClaim("activation (figure 5)", f"area, {name} − FrameFlow", _minus(method, "resnet18_flow"), EVERY_AU,
                  "FrameFlow's is smaller", areas=areas)
        for name, method in rivals.items()
    ]  # fmt: skip
