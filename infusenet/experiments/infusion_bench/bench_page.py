"""The results page of the bench, with its table and figure, made from rows alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infusenet.csv_tables import csv_text
from infusenet.evaluation import plots
from infusenet.evaluation.markdown_latex import Grid, page, spread
from infusenet.evaluation.plots import plt
from infusenet.experiments.infusion_bench.bench_rows import PAIRS, Bench, BenchRow, beyond, pair_by_seed
from infusenet.experiments.infusion_bench.conditions import FLOW, INFUSENET
from infusenet.files import note_sizes, write_if_changed
from infusenet.models import heads
from infusenet.standins import NUISANCE

# The order of the paper's Table 2, worst first; with title, colour and marker.
SYSTEMS = {
    "resnet18_mag": (heads.MAG.title, heads.MAG.colour, "s"),
    "late_fusion": (heads.FUSED.title, heads.FUSED.colour, "^"),
    "resnet18_flow": (heads.FLOW.title, heads.FLOW.colour, "o"),
    "infusenet_resnet18": ("InfuseNet", "black", "D"),
}

ORDER = " < ".join(title for title, *_ in SYSTEMS.values())
LABEL = " (stand-ins, not CD6ME)"


def write(rows: Sequence[BenchRow], output: Path) -> None:
    """Write ``nuisance.md``, ``nuisance.csv`` and ``nuisance.png`` into ``output``."""
    lines = [[*row[:6], *map(repr, row[6:])] for row in rows]
    write_if_changed(output / "nuisance.csv", csv_text(BenchRow._fields, lines))
    bench = Bench(rows)
    title = f"Does infusion work? Methods under known artefacts{LABEL}"
    write_if_changed(output / "nuisance.md", page(title, grids(bench), [answers(bench), *notes(bench)]))
    picture(bench, output / "nuisance.png")
    note_sizes(output, ("nuisance.csv", "nuisance.md", "nuisance.png"))


def notes(bench: Bench) -> list[str]:
    """The notes that explain levels, statistics and Grad-CAM."""
    seeds = len({row.seed for row in bench.rows})
    levels = "; ".join(
        f"`{level}`: brightness up to ±{100 * NUISANCE[level][0]:g} % from onset to apex, sensor noise "
        f"{NUISANCE[level][1]:g} gray levels" for level in bench.levels
    )  # fmt: skip
    return [
        f"Levels: {levels}. Everything else is the same at every level.",
        "All networks start from scratch. F1 is the average over AUs of the F1 pooled over the held-out "
        f"databases, mean ± standard deviation over {seeds} seed(s). Differences are taken seed by seed. Trainings "
        "of one system at other levels, with other latents or another way to infuse have the same initial weights "
        "and random draws; two systems share only the draws of the pseudo-apex, so their differences have the "
        "spread of two trainings. `*` marks a difference beyond the seeds' spread: Student's 95 % interval of its mean leaves zero out. With few seeds only large differences can be told. "
        "The intervals hold the chance of training, not that of the clips, and are not corrected for the number "
        "of comparisons.",
        "Grad-CAM is HiResCAM, captum's layer gradient times activation, after the last block whose map "
        "still separates the parts of a face, which is block 2 at 64 px; after block 4, HiResCAM and Grad-CAM are "
        "the same. An empty map has the share 0. Each clip's map is made alone, of the infusion `batch` too, "
        "which is scored in batches.",
    ]


def answers(bench: Bench) -> str:
    """A list of sentences, one per question and latents."""
    sentences = [
        *(_order(bench, latents) for latents in bench.latents),
        *(_gain(bench, latents) for latents in bench.latents),
        *([_variants(bench)] if bench.infusions else []),
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _order(bench: Bench, latents) -> str:
    """The levels at which the four means have Table 2's order, and those with every step beyond the spread."""
    same, firm, other = [], [], []
    for level in bench.levels:
        means = {name: np.mean([*bench.values("f1", level, latents, name).values()]) for name in SYSTEMS}
        ordered = sorted(means, key=means.get)
        if ordered == list(SYSTEMS):
            same.append(f"`{level}`")
        else:
            other.append(f"`{level}` ({' < '.join(SYSTEMS[name][0] for name in ordered)})")
        if all(beyond(bench.difference(level, latents, *pair)) for pair in PAIRS[:3]):
            firm.append(f"`{level}`")
    return (
        f"**Table 2's order {ORDER}, {_of(latents)}:** in the means it appears at {_list(same)}, not at "
        f"{_list(other)}; with every step beyond the seeds' spread at {_list(firm)}."
    )


def _gain(bench: Bench, latents) -> str:
    """InfuseNet against FrameFlow alone."""
    parts = []
    for level in bench.levels:
        differences = bench.difference(level, latents, INFUSENET, FLOW)
        parts.append(f"{signed_mean(differences)} at `{level}`, {_verdict(differences)}")
    return f"**F1 of InfuseNet minus FrameFlow, {_of(latents)}:** {'; '.join(parts)}."


def _verdict(differences: np.ndarray) -> str:
    if beyond(differences):
        return "better beyond the seeds' spread"
    return "worse beyond the seeds' spread" if beyond(-differences) else "within the seeds' spread"


def _variants(bench: Bench) -> str:
    level, latents = _tried_conditions(bench)
    base = bench.values("f1", level, latents, INFUSENET)
    better = [
        f"`{name}`" for name in bench.infusions
        if beyond(pair_by_seed(bench.values("f1", level, latents, INFUSENET, name), base))
    ]  # fmt: skip
    return f"**Infusions better than `paper` beyond the seeds' spread, at `{level}`:** {_list(better, 'no variant')}."


def _tried_conditions(bench: Bench) -> tuple[str, tuple[str, str]]:
    """The level and latents on which the infusions were tried."""
    row = next(row for row in bench.rows if row.infusion != "paper")
    return row.level, (row.magnifier, row.photometric)


def grids(bench: Bench) -> list[Grid]:
    """The tables of F1, Grad-CAM's share, differences and, if there are any, other infusions."""
    tables = [
        _by_level(bench, "f1", f"Average F1 by level{LABEL}"),
        _by_level(bench, "inside", f"Share of Grad-CAM's energy inside the true motion{LABEL}"),
        _differences(bench),
    ]
    covered = np.mean([row.covered for row in bench.rows])
    tables[1].notes.append(
        f"The true motion covers {covered:.3f} of the crop: a map without any preference would have that share."
    )
    return tables + ([_infusions(bench)] if bench.infusions else [])


def _by_level(bench: Bench, quantity: str, title: str) -> Grid:
    lines, flow = [], False
    for latents in bench.latents:
        for method, (name, *_) in SYSTEMS.items():
            if method == FLOW and flow:
                continue
            flow = flow or method == FLOW
            cells = ("-", "-") if method == FLOW else latents
            values = [bench.values(quantity, level, latents, method).values() for level in bench.levels]
            lines.append([name, *cells, *(spread(list(value)) for value in values)])
    return Grid(title, ["system", "magnifier", "photometric", *bench.levels], lines)


def _differences(bench: Bench) -> Grid:
    heads = [f"{SYSTEMS[a][0]} − {SYSTEMS[b][0]}" for a, b in PAIRS]
    lines = [
        [level, *latents, *(signed_mean(bench.difference(level, latents, *pair)) for pair in PAIRS)]
        for latents in bench.latents
        for level in bench.levels
    ]
    return Grid(
        f"Differences of F1, seed by seed{LABEL}", ["level", "magnifier", "photometric", *heads], lines
    )


def _infusions(bench: Bench) -> Grid:
    level, latents = _tried_conditions(bench)
    base = bench.values("f1", level, latents, INFUSENET)
    lines = []
    for name in ("paper", *bench.infusions):
        f1, inside = (bench.values(q, level, latents, INFUSENET, name) for q in ("f1", "inside"))
        gain = "" if name == "paper" else signed_mean(pair_by_seed(f1, base))
        lines.append([f"`{name}`", spread(list(f1.values())), gain, spread(list(inside.values()))])
    title = f"Ways to infuse, at {level}, {_of(latents)}{LABEL}"
    return Grid(title, ["infusion", "F1", "minus `paper`", "Grad-CAM inside"], lines)


def signed_mean(differences: np.ndarray) -> str:
    """Mean ± standard deviation with its sign, and a star beyond the seeds' spread."""
    star = "*" if beyond(differences) or beyond(-differences) else ""
    return f"{'+' if differences.mean() >= 0 else ''}{spread(differences)}{star}"


def _of(latents: tuple[str, str]) -> str:
    return f"magnifier {latents[0]}, photometric {latents[1]}"


def _list(names: Sequence[str], none: str = "no level") -> str:
    return ", ".join(names) if names else none


def picture(bench: Bench, path: Path) -> None:
    """Draw F1 and Grad-CAM's share by level: one line per system, one column per latents."""
    quantities = {"f1": "average F1", "inside": "Grad-CAM's share\ninside the true motion"}
    figure, axes = plt.subplots(
        2, len(bench.latents), figsize=(2 + 3.6 * len(bench.latents), 6.4), sharex=True, sharey="row",
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for row, (quantity, title) in zip(axes, quantities.items(), strict=True):
        row[0].set_ylabel(title)
        for axis, latents in zip(row, bench.latents, strict=True):
            for k, (method, (name, colour, marker)) in enumerate(SYSTEMS.items()):
                values = [[*bench.values(quantity, at, latents, method).values()] for at in bench.levels]
                # Side by side, so that no bar hides another.
                x = np.arange(len(bench.levels)) + 0.06 * (k - 1.5)
                bars = [np.std(v, ddof=1) if len(v) > 1 else 0 for v in values]
                axis.errorbar(
                    x, [np.mean(v) for v in values], bars, color=colour, marker=marker, capsize=3, label=name
                )
            if quantity == "inside":
                covered = np.mean([r.covered for r in bench.rows])
                axis.axhline(covered, color="0.5", linestyle="--", label="no preference")
                axis.set_xticks(range(len(bench.levels)), bench.levels)
                axis.set_xlabel("nuisance level")
            else:
                axis.set_title(f"magnifier {latents[0]}\nphotometric {latents[1]}", fontsize=10)
            axis.grid(alpha=0.3)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(f"Systems by nuisance level; bars: standard deviation over seeds{LABEL}", fontsize=11)
    plots.save(figure, path)
