"""TARGETS: every table and figure of the paper, with the methods that it needs and the files that it writes.

Light to import, because Snakemake parses it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from infusenet.config.methods import RELEASED_LATENTS

INFUSENET = "infusenet_resnet18"
ABLATED = f"{INFUSENET}_"

# Table 1 in the paper's order.
PAPER_METHODS = (
    "lbp_top",
    "off_apexnet",
    "sssnet",
    "resnet10",
    "resnet18_flow",
    "resnet18_mag",
    "resnet34",
    "resnet50",
    "led",
    "vit_tiny_flow",
    "vit_tiny_mag",
    "late_fusion",
    "infusenet_vit",
    INFUSENET,
)

# Magnification factors of Figure 4: method by factor and by what the latents hold.
FACTORS = {
    "difference": {
        5: f"{ABLATED}factor5",
        10: INFUSENET,
        15: f"{ABLATED}factor15",
        20: f"{ABLATED}factor20",
    },
    "magnified": {factor: f"{ABLATED}magnified{factor}" for factor in (5, 10, 15, 20)},
}
# In place of InfuseNet's in the first line where the configuration has the latents of the released weights.
RELEASED_FACTOR10 = f"{ABLATED}factor10"


@dataclass(frozen=True)
class Target:
    """A table or figure.

    ``methods`` whose runs it needs; ``released``: those that it needs too where the latents of the released
    weights are configured (`infusenet.config.methods.RELEASED_LATENTS`); ``files`` that it writes;
    ``function``: the ``module.function`` of this folder that makes it from saved predictions, empty where
    `infusenet.cli.report` draws it from models; ``reads_stores``: it looks into the models with the clips of
    their stores; ``shows_faces``: it reads the faces stores too. ``reads``: files of other entries, in the
    same folder.
    """

    methods: list[str]
    files: list[str]
    function: str = ""
    reads_stores: bool = False
    shows_faces: bool = False
    reads: tuple[str, ...] = ()
    released: tuple[str, ...] = ()

    def methods_with(self, variants: Collection[str]) -> list[str]:
        """The methods whose runs it needs where a configuration has some ``variants`` of stores."""
        return [*self.methods, *(self.released if RELEASED_LATENTS in variants else ())]

    def make(self, runs: Sequence[Path], output: Path) -> None:
        """Write the files into the folder ``output``, from run folders."""
        # Imported here, because drawing and scoring need heavy packages.
        module, _, name = self.function.rpartition(".")
        function = getattr(import_module(f"infusenet.report.{module}"), name)
        function(list(map(Path, runs)), Path(output))


TARGETS = {
    "table1": Target(
        [*PAPER_METHODS, f"{ABLATED}released"],
        ["table1.md", "table1.csv", "table1.tex"],
        "paper_tables.table1",
    ),
    "table2": Target(
        ["resnet18_flow", "resnet18_mag", "late_fusion", INFUSENET],
        ["table2.md", "table2.csv", "table2.tex"],
        "paper_tables.table2",
    ),
    "table3": Target(
        [f"{ABLATED}decoded", INFUSENET, f"{ABLATED}finetuned"],
        ["table3.md", "table3.csv", "table3.tex"],
        "paper_tables.table3",
    ),
    "claims": Target(
        [
            INFUSENET,
            "resnet18_flow",
            "sssnet",
            "led",
            "resnet10",
            "resnet34",
            "resnet50",
            "infusenet_vit",
            "vit_tiny_flow",
            f"{ABLATED}decoded",
            "resnet18_mag",
            "vit_tiny_mag",
            "late_fusion",
            *(method for factor, method in FACTORS["difference"].items() if factor != 10),
        ],
        ["claims.md", "claims.csv"],
        "claims.claims",
        reads=("activation.csv",),
    ),
    "activation": Target(["resnet18_flow", "resnet18_mag", INFUSENET], ["activation.csv"], reads_stores=True),
    "figure1": Target([INFUSENET], ["figure1.png"], reads_stores=True, shows_faces=True),
    "figure2": Target([], ["figure2.png"]),
    "figure3": Target(["sssnet", INFUSENET], ["figure3.png", "figure3.csv"], "figure3.figure3"),
    "figure4": Target(
        [method for methods in FACTORS.values() for method in methods.values()],
        ["figure4.png", "figure4.csv"],
        "figure4.figure4",
        released=(RELEASED_FACTOR10,),
    ),
    "figure5": Target(
        ["resnet18_flow", "resnet18_mag", INFUSENET], ["figure5.png"], reads_stores=True, shows_faces=True
    ),
}
