"""Compare a magnifier checkpoint with figures of the released one: python benchmarks/parity.py WEIGHTS

The reference figures were measured on the weights that InfuseNet's authors released
(generator_212000.pth), on a similar crop of the same photograph, so they agree to some per cent.
"""

import sys

import numpy as np

from infusenet.errors import InputError
from infusenet.magnifier import load, quality

FACTORS = (5, 10, 15, 20)
# Gain of the decoded frame by true displacement (px), one value per factor.
UNIFORM = {
    0.05: (2.3, 4.1, 6.3, 9.0),
    0.1: (2.4, 4.7, 8.1, 12.6),
    0.25: (2.7, 7.3, 14.6, 22.0),
    0.5: (3.6, 10.9, 16.6, 21.5),
    1.0: (5.1, 10.7, 15.5, 19.9),
}
BUMP = {
    0.05: (2.0, 3.5, 5.1, 7.1),
    0.1: (2.1, 3.8, 6.2, 9.6),
    0.25: (2.3, 5.7, 10.9, 15.6),
    0.5: (2.9, 7.8, 12.8, 16.5),
}
SSIM = {0.05: 0.975, 0.1: 0.974, 0.25: 0.969, 0.5: 0.962}


def row(name: str, reference, measured, digits: int = 2) -> None:
    print(f"  {name:<34} {reference:>12} {measured:>12.{digits}f}")


def gains(model, onset, name: str, table: dict, local: bool) -> None:
    print(f"\nGain of the decoded frame, {name} motion: reference / measured")
    print("  d px   " + "".join(f"{f'factor {factor}':>16}" for factor in FACTORS))
    for d, references in table.items():
        field = getattr(quality, name)(d)
        cells = [
            f"{reference:6.1f} /{quality.gain(model, onset, field, factor, local):6.1f}"
            for reference, factor in zip(references, FACTORS, strict=True)
        ]
        print(f"  {d:<6}" + "".join(f"{cell:>16}" for cell in cells))


def latents(model, onset, still) -> None:
    moved = onset.displaced(quality.bump(0.25))
    difference = quality.difference(model, still, moved)
    double = quality.difference(model, still, moved, factor=2)
    row("rms of the difference latent", "0.002-0.008", np.sqrt(np.mean(difference**2)), 4)
    row("share of values <= 0", "0.53", np.mean(difference <= 0))
    error = np.abs(difference - 9 * double).max() / np.abs(difference).max()
    row("linearity in factor - 1, rel. error", "4e-07", error, 9)
    zero = quality.difference(model, still, still)
    row("largest value, identical frames", "0", np.abs(zero).max())


def changes(model, onset, still) -> None:
    print("\nChange without motion, as equivalent uniform motion in px")
    ramp = 1 + 0.05 * np.linspace(0, 1, quality.SIZE)[None, :, None]
    noise = np.random.default_rng(0).standard_normal((2, *still.shape)) / 255
    cases = {
        "gain +5%": (0.21, np.clip(1.05 * still, 0, 1)),
        "gain -5%": (0.16, 0.95 * still),
        "gain +1%": (0.042, np.clip(1.01 * still, 0, 1)),
        "offset +5/255": (0.054, np.clip(still + 5 / 255, 0, 1)),
        "gamma 1.05": (0.08, np.clip(still, 0, 1) ** 1.05),
        "left-right ramp 0..+5%": (0.12, np.clip(ramp * still, 0, 1)),
        "bump motion 0.25 px": (0.08, onset.displaced(quality.bump(0.25))),
    }
    for name, (reference, changed) in cases.items():
        row(name, reference, quality.equivalent(model, onset, changed), 3)
    a, b = (np.round(255 * np.clip(still + n, 0, 1)) / 255 for n in noise)
    unit = np.std(quality.difference(model, still, onset.displaced(quality.uniform(0.25))))
    row("noise 1/255 in each frame, 8 bit", 0.135, 0.25 * np.std(quality.difference(model, a, b)) / unit, 3)


def frames(model, onset, still) -> None:
    print("\nSSIM of the decoded frame with the truly displaced one, factor 10, bump")
    identical = quality.magnified(model, still, still)
    row("identical frames", 0.975, quality.similarity(identical, still), 3)
    for d, reference in SSIM.items():
        truth = onset.displaced(quality.bump(10 * d))
        decoded = quality.magnified(model, still, onset.displaced(quality.bump(d)))
        row(f"{d} px", reference, quality.similarity(decoded, truth), 3)
    row("PSNR of identical frames, dB", 35.1, -10 * np.log10(np.mean((identical - still) ** 2)), 1)


def main(path: str) -> None:
    model = load(path)
    print(f"{path}: names and shapes are the magnifier's; parameters:")
    for (name, part), reference in zip(model.named_children(), (108_336, 77_824, 179_808), strict=True):
        row(name, reference, sum(p.numel() for p in part.parameters()), 0)
    onset = quality.face()
    still = onset.displaced(quality.uniform(0))
    print(f"\n{'':<36} {'reference':>12} {'measured':>12}")
    latents(model, onset, still)
    changes(model, onset, still)
    frames(model, onset, still)
    gains(model, onset, "uniform", UNIFORM, local=False)
    gains(model, onset, "bump", BUMP, local=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make parity WEIGHTS=FILE")
    try:
        main(sys.argv[1])
    except InputError as error:
        sys.exit(str(error))
