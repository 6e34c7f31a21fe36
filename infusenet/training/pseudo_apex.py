"""The seeded draw of each clip's pseudo-apex.

It is a pure function of (seed, epoch, clip): neither loader workers nor the order of reading can change it.
"""

import numpy as np

from infusenet.errors import InputError
from infusenet.hashing import seed_words
from infusenet.protocol import CANDIDATES

FIXED4 = 4  # what the authors' later code uses for every clip
PREDICTION = 2**32 - 1  # in place of the epoch when a clip is scored: no training has so many


def pseudo_apex(mode: str, seed: int, epoch: int, database: str, clip: str) -> int:
    """The k in 0..5 of a clip's pseudo-apex, the frame apex + k.

    Candidates past the offset were clamped to it when the store was made. ``per_epoch`` draws anew
    each epoch (the paper's "each iteration"), ``per_sample`` once per clip, ``fixed4`` always takes 4.
    """
    if mode == "fixed4":
        return FIXED4
    if mode not in ("per_epoch", "per_sample"):
        raise InputError(f"pseudo_apex is '{mode}', expected per_epoch, per_sample or fixed4")
    entropy = [seed, *([epoch] if mode == "per_epoch" else []), *seed_words(database, clip)]
    return int(np.random.default_rng(np.random.SeedSequence(entropy)).integers(CANDIDATES))
