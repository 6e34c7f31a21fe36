"""The figures by which magnifiers are compared."""

from collections.abc import Sequence

from infusenet.experiments.magnifier_bench.figures import FACTOR, Figure
from infusenet.experiments.magnifier_bench.frame_measures import DISPLACEMENTS

FAITHFUL = (0.05, 0.5)  # px, in which the gain should be within a tenth of the factor
CLEAN, FILMED = "0.5 px, clean", "0.5 px, filmed"
# Rows of the tables of latents, all in one table here; their columns stay.
LATENT_ROWS = [
    ("Energy inside / outside", FILMED),
    ("Correlation with motion", FILMED),
    ("Direction", "0.5 px, opposite"),
    ("Direction", "0.5 px, across"),
    ("Without motion, px", "light +5%"),
    ("Without motion, px", "light -5%"),
    ("Without motion, px", "noise 1"),
    ("Without motion, px", "identical frames"),
    ("Positive share of the energy", CLEAN),
    ("Effective channels", CLEAN),
    ("Scale, rms", FILMED),
]


def summarise(figures: Sequence[Figure]) -> list[Figure]:
    """A table of the frames and, of a candidate with latents, one of what a network reads."""
    value = {figure[:3]: figure.value for figure in figures}
    low, high = FAITHFUL
    rows = [f"{d} px" for d in DISPLACEMENTS if low <= d <= high]
    summaries = []

    def add(row: str, column: str, number: float) -> None:
        summaries.append(Figure("In short, frames", row, column, number))

    for section in dict.fromkeys(section for section, *_ in value if section.startswith("Gain, ")):
        for span in (rows, [f"{DISPLACEMENTS[-1]} px"]):
            gain = [value[section, row, f"factor {FACTOR}"] for row in span]
            row = f"{section}, factor {FACTOR}, {' to '.join(dict.fromkeys((span[0], span[-1])))}"
            add(row, "lowest", min(gain))
            add(row, "highest", max(gain))
    for section, row, column in value:
        if section.startswith("SSIM, ") and row in rows and column == "magnified, noise 0":
            add(f"{section}, {row}", "mean", value[section, row, column])
    for place in LATENT_ROWS:
        for section, row, column, number in figures:
            if (section, row) == place:
                summaries.append(Figure("In short, latents", f"{section}, {row}", column, number))
    return summaries
