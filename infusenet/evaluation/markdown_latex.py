"""A table of text cells, written in Markdown or LaTeX; LaTeX's own signs are escaped here."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LATEX = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "−": "$-$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "·": r"$\cdot$",
    "^": r"\^{}",
}
LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"}


@dataclass
class Grid:
    """A table: ``rows`` as wide as ``head``; ``notes`` are sentences below it."""

    title: str
    head: Sequence[str]
    rows: list[Sequence[object]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The table alone, without title and notes."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)

    def latex(self) -> str:
        """A ``table`` environment shrunk to the text's width; it needs the package graphicx."""
        lines = [" & ".join(latex(cell) for cell in cells) + r" \\" for cells in (self.head, *self.rows)]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{latex(' '.join([self.title + '.', *self.notes]))}}}",
                r"\resizebox{\textwidth}{!}{%",
                rf"\begin{{tabular}}{{l{'r' * (len(self.head) - 1)}}}",
                r"\hline",
                lines[0],
                r"\hline",
                *lines[1:],
                r"\hline",
                r"\end{tabular}}",
                r"\end{table}",
            ]
        )


def page(title: str, grids: Sequence[Grid], notes: Sequence[str] = ()) -> str:
    """A Markdown page: title, general notes, then every table with its heading and notes."""
    parts = [f"# {title}", *notes]
    for grid in grids:
        parts += [f"## {grid.title}", grid.markdown(), *grid.notes]
    return "\n\n".join(parts) + "\n"


def latex_page(grids: Sequence[Grid], notes: Sequence[str] = ()) -> str:
    """The tables for ``\\input``. Every caption has the general notes, so that no table is read without them."""
    whole = [Grid(g.title, g.head, g.rows, [*notes, *g.notes]) for g in grids]
    return "% Needs \\usepackage{graphicx}.\n" + "\n\n".join(grid.latex() for grid in whole) + "\n"


def latex(text: object) -> str:
    """Text with LaTeX's special signs escaped; Markdown's code quotes and emphasis are dropped."""
    return "".join(LATEX.get(sign, sign) for sign in str(text).replace("`", "").replace("*", ""))


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds; the deviation of one seed reads n/a."""
    deviation = f"{np.std(values, ddof=1):.3f}" if len(values) > 1 else "n/a"
    return f"{np.mean(values):.3f} ± {deviation}"
