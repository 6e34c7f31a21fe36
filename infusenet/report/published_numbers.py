"""The numbers that the paper prints (Khor et al., SCIA 2025), with the average that each likely is.

Six rows of Table 1 equal the results of the CD6ME toolbox (MEB), which pools the clips of all folds
and averages five seeds. The other eight are the authors' own runs, probably one seed each, scored
as the text says: F1 per fold, then the mean over folds. So one column holds two metrics.
"""

from collections.abc import Iterable

import numpy as np

from infusenet.report.tables_and_figures import ABLATED, INFUSENET

# Table 1 in 1/10000: the 12 AUs and the printed average.
_TABLE1 = """
               AU1  AU2  AU4  AU5  AU6  AU7  AU9  AU10 AU12 AU14 AU15 AU17 average
lbp_top        4160 3670 6200    0    0    0  170    0    0  350    0    0 1210
off_apexnet    7490 7020 8630 1350  330 4450 3660 1830 3200 3770 1900 3820 3950
sssnet         7460 7210 8750 1360  530 4860 2030 1930 3620 4080 2270 4470 4050
resnet10       6870 6520 8380  830  640 3960 1100  680 3100 2960  880 3960 3320
resnet18_flow  6018 6541 6595 1612 1645 4362 2227 2378 3828 3298 3152 4276 3828
resnet18_mag   4739 4252 6276 1685 1321 3442 2291 1576 3230 3788 2338 3979 3243
resnet34       7210 7170 8580 1120  540 3870 1600 1350 3650 3990 1480 3920 3710
resnet50       6474 6841 7525 1015  228 3825 1561  476 2970 2476 2160 2877 3202
led            5270 4570 6370  790   70 1930 1360  850 2650 3670 3300 3170 2830
vit_tiny_flow  6924 7353 7984 2129 1510 4785 2371 1987 3742 3877 2871 3999 4128
vit_tiny_mag   4942 4896 6469 1389 1620 3296 1941 1259 3041 3196 1723 3281 3088
late_fusion    4820 4341 5962 1588 1454 3157 2161 1179 3020 3057 1467 3033 2937
infusenet_vit  6951 7100 7743 1917 1734 4361 3227 2287 3892 3513 2902 4431 4172
infusenet_resnet18 6997 6804 7921 1929 1572 4438 3263 2987 3987 3523 2973 4364 4230
"""
# Method -> F1 float (13,): the 12 AUs, then the average as printed.
TABLE1 = {
    method: np.array(digits, float) / 10000
    for method, *digits in (line.split() for line in _TABLE1.strip().splitlines()[1:])
}

# The six rows of MEB, with the fold mean (average F1) that MEB's own output gives beside the pooled F1.
MEB = {
    "lbp_top": 0.137,
    "off_apexnet": 0.370,
    "sssnet": 0.384,
    "resnet10": 0.320,
    "resnet34": 0.347,
    "led": 0.293,
}

# Average F1. FrameMag is the system that Table 1 prints with .3243.
TABLE2 = {"resnet18_flow": 0.3828, "resnet18_mag": 0.2877, "late_fusion": 0.2937, INFUSENET: 0.4230}
TABLE3 = {f"{ABLATED}decoded": 0.3758, INFUSENET: 0.4230}

# The sha256 of the magnifier's weights that the authors released (`generator_212000.pth`).
RELEASED_MAGNIFIER = "33f875942594d134abb4a607cbe21b70e187d6970bacdd0308947c11988c99e2"

# Figure 4: the best factor, and the gap from it to the worst; no other value is named.
BEST_FACTOR, BEST_TO_WORST = 10, 0.0089

TITLES = {
    "lbp_top": "LBP-TOP, video",
    "off_apexnet": "Off-ApexNet, flow",
    "sssnet": "SSSNet, flow",
    "resnet10": "ResNet10, flow",
    "resnet18_flow": "ResNet18, flow",
    "resnet18_mag": "ResNet18, latents",
    "resnet34": "ResNet34, flow",
    "resnet50": "ResNet50, flow",
    "led": "LED, video",
    "vit_tiny_flow": "ViT-Tiny, flow",
    "vit_tiny_mag": "ViT-Tiny, latents",
    "late_fusion": "ResNet18, late fusion",
    "infusenet_vit": "InfuseNet (ViT-Tiny)",
    INFUSENET: "InfuseNet (ResNet18)",
    f"{ABLATED}released": "InfuseNet (ResNet18), as released",
    f"{ABLATED}decoded": "InfuseNet (ResNet18), decoded images",
    f"{ABLATED}finetuned": "InfuseNet (ResNet18), magnifier fine-tuned",
}

# The groups of AUs in section 4.3, bool (12,).
UPPER = np.arange(12) < 7
LOWER = ~UPPER
# AU1, AU2, AU4, AU7 and AU14: 10 % or more of the positive labels, as Table 1 prints the shares.
FREQUENT = np.isin(np.arange(12), (0, 1, 2, 5, 9))
RARE = ~FREQUENT


def metric(method: str) -> str:
    """The average that a row of the paper likely is: ``pooled`` or ``mean`` (over folds)."""
    return "pooled" if method in MEB else "mean"


def common_metric(methods: Iterable[str]) -> str:
    """The average of a difference of rows; ``mixed`` where the rows have different averages."""
    kinds = {metric(method) for method in methods}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def metric_words(method: str) -> str:
    """The metric of a row for readers, with its certainty."""
    return "pooled (MEB, 5 seeds)" if method in MEB else "probably fold mean (1 run)"
