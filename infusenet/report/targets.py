"""The methods that each table and figure of the paper needs, and the files it writes.

Light to import, because Snakemake parses it.
"""

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

NEEDS = {
    "table1": [*PAPER_METHODS, f"{ABLATED}released"],
    "table2": ["resnet18_flow", "resnet18_mag", "late_fusion", INFUSENET],
    "table3": [f"{ABLATED}decoded", INFUSENET, f"{ABLATED}finetuned"],
    "claims": [
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
    ],
    "figure1": [INFUSENET],
    "figure2": [],
    "figure3": ["sssnet", INFUSENET],
    "figure4": [method for methods in FACTORS.values() for method in methods.values()],
    "figure5": ["resnet18_flow", "resnet18_mag", INFUSENET],
}

# Figures that show faces, so they read the faces stores too.
PICTURES = ("figure1", "figure5")

OUTPUTS = {
    "table1": ["table1.md", "table1.csv", "table1.tex"],
    "table2": ["table2.md", "table2.csv", "table2.tex"],
    "table3": ["table3.md", "table3.csv", "table3.tex"],
    "claims": ["claims.md", "claims.csv"],
    "figure1": ["figure1.png"],
    "figure2": ["figure2.png"],
    "figure3": ["figure3.png", "figure3.csv"],
    "figure4": ["figure4.png", "figure4.csv"],
    "figure5": ["figure5.png"],
}
